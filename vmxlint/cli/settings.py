"""The settings of one run: the command line's options, else what a configuration file says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from vmxlint.cli.leaving import CLEAN, fail, leave
from vmxlint.cli.options import ORIGINS
from vmxlint.config import Config, ConfigError, load, nearest

COMMAND_LINE, DEFAULT = "command line", "default"
_NONE: Mapping[str, str] = MappingProxyType({})


class Settings(NamedTuple):
    """What is asked for, each option under its own name.

    `origins` says where each comes from: the command line, the default, or a file's path; patterns
    of files are relative to `base`.
    """

    paths: tuple[str, ...] = (".",)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    audit: bool = False
    per_file_ignores: tuple[str, ...] = ()
    min_cycles: float = 0
    sort: str = "path"
    baseline: str | None = None
    exit_zero: bool = False
    fail_on: str = "note"
    dialect: str | None = None
    cpu: str = "skylake"
    profile: str | None = None
    environment: str = "L0"
    exits_per_second: float | None = None
    tsc_ghz: float | None = None
    model: str | None = None
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
    base: str = "."
    origins: Mapping[str, str] = _NONE

    def origin(self, name: str) -> str:
        """The file that sets an option, for the head of a message about it; "" if none does."""
        return _head(self.origins, name)


_OPTIONS = (
    click.option("--config", metavar="FILE", help="This configuration, not the nearest one."),
    click.option("--isolated", is_flag=True, help="No configuration file."),
    click.option("--show-settings", is_flag=True, help="Print each setting and where it is from."),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which configuration counts."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def resolved(context: click.Context, found: Callable[[], Config] | None = None) -> Settings:
    """The settings of the command that runs, as far as it has the options. Ends the run where a
    configuration is wrong, and behind `--show-settings`.

    `found` gives the configuration, if it is not the nearest to the paths.
    """
    from vmxlint.cli import configured

    values = dict(context.params)
    paths = values.get("paths") or (values.get("path", "."),)
    try:
        config = _config(values, paths, found)
        set_there = configured.values(context, config)
    except ConfigError as error:
        fail(str(error))
    origins = {name: _origin(context, name) for name in values}
    for name, value in set_there.items():
        if name in values and origins[name] == DEFAULT:
            values[name], origins[name] = value, str(config.path)
    context.params.update(values)  # `options.pricing` looks there
    context.meta[ORIGINS] = {name: _head(origins, name) for name in set_there}
    if values.get("show_settings"):
        click.echo(configured.shown(context, values, origins, config), nl=False)
        leave(CLEAN)
    ours = str(config.path) == origins.get("per_file_ignores")
    base = config.path.parent if config.path and ours else Path()
    known = set(Settings._fields)
    given = {name: value for name, value in values.items() if name in known}
    return Settings(**{**given, "paths": paths, "origins": origins, "base": str(base)})


def _head(origins: Mapping[str, str], name: str) -> str:
    where = origins.get(name, DEFAULT)
    return "" if where in (COMMAND_LINE, DEFAULT) else f"{where}: {name.replace('_', '-')}: "


def _origin(context: click.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return DEFAULT if source is ParameterSource.DEFAULT else COMMAND_LINE


def _config(
    values: Mapping[str, Any], paths: tuple[str, ...], found: Callable[[], Config] | None
) -> Config:
    """The file that counts: the one asked for, or the nearest to all paths."""
    asked = values.get("config")
    if values.get("isolated"):
        if asked:
            raise ConfigError("--config and --isolated exclude each other")
        return Config()
    if asked is not None:
        if not asked:
            raise ConfigError("--config needs a file, not ''")
        return load(Path(asked))
    if found:
        return found()
    try:
        whole = [str(Path(path).resolve()) for path in paths]
    except (OSError, RuntimeError, ValueError):
        return Config()  # there is no such path, as the run will say
    return nearest(Path(os.path.commonpath(whole)))
