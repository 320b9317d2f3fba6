"""The settings of one run of `vmxlint check`: the command line's options, in one value."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Settings:
    """What the user asked for, each option under its own name."""

    paths: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    audit: bool
    min_cycles: float
    exit_zero: bool
    fail_on: str
    cpu: str
    profile: str | None
    jobs: int | None
    no_cache: bool
    cache_dir: str | None
    format: str
    terse: bool
    output: tuple[str, ...]
    show_suppressed: bool
    sarif_suppressed: bool
    sarif_category: str | None
    sarif_provenance: bool
    statistics: bool
    color: str
    quiet: bool


def resolved(context: click.Context) -> Settings:
    """The settings of the command that runs."""
    params = context.params
    return Settings(**{**params, "paths": params["paths"] or (".",)})
