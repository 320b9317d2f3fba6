"""Reads hypervisor C and says where it makes Intel VMX slow, when, and by how many cycles."""

__version__ = "0.1.0"
