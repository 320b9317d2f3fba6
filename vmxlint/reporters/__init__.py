"""One module a format: each turns a Report into one string. None of them prints."""

NAME = "vmxlint"
INFORMATION_URI = "https://pypi.org/project/vmxlint/"
