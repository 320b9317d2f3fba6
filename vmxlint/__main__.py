"""`python -m vmxlint` is the `vmxlint` command."""

from vmxlint.cli import main

main()
