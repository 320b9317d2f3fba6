"""The settings of one run: the command line's options, in one value."""

from __future__ import annotations

from dataclasses import dataclass, fields

import click


@dataclass(frozen=True)
class Settings:
    """What the user asked for, each option under its own name."""

    paths: tuple[str, ...] = (".",)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    audit: bool = False
    min_cycles: float = 0
    baseline: str | None = None
    exit_zero: bool = False
    fail_on: str = "note"
    cpu: str = "skylake"
    profile: str | None = None
    jobs: int | None = None
    no_cache: bool = False
    cache_dir: str | None = None
    format: str = "text"
    terse: bool = False
    output: tuple[str, ...] = ()
    show_suppressed: bool = False
    sarif_suppressed: bool = False
    sarif_category: str | None = None
    sarif_provenance: bool = False
    statistics: bool = False
    color: str = "auto"
    quiet: bool = False


def resolved(context: click.Context) -> Settings:
    """The settings of the command that runs, as far as it has the options."""
    known = {field.name for field in fields(Settings)}
    given = {name: value for name, value in context.params.items() if name in known}
    return Settings(**{**given, "paths": given["paths"] or (".",)})
