"""What an earlier run found out, kept in the user's cache folder: never needed, never trusted."""

from vmxlint.cache.store import NOWHERE, Store, clean, opened

__all__ = ["NOWHERE", "Store", "clean", "opened"]
