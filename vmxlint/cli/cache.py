"""`vmxlint cache clean`."""

from __future__ import annotations

import click

from vmxlint.cli import options


@click.group("cache")
def command() -> None:
    """What earlier runs have kept, so that a run in which little changed takes little time."""


@command.command("clean")
@options.cache_dir
def clean(cache_dir: str | None) -> None:
    """Remove all of it."""
    from vmxlint.cache import clean

    count = clean(cache_dir)
    click.echo(f"removed {count} {'entry' if count == 1 else 'entries'}")
