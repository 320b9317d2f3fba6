"""What a configuration file may set: options of `vmxlint check`, by name, as data.

A file comes with the code that is analysed. So it names no file to write, no command, no folder
for the cache, and none to read but below its own folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from vmxlint.config import Config, ConfigError
from vmxlint.reporters.escape import escape

SETTABLE = (
    "select ignore audit per-file-ignores min-cycles baseline fail-on dialect cpu profile"
    " environment model sort exits-per-second tsc-ghz format show-suppressed sarif-category"
    " statistics"
).split()
_FILES = ("baseline", "model", "profile")


def values(context: click.Context, config: Config) -> dict[str, Any]:
    """The options that a file sets, by parameter, each as click gives it.

    Raises ConfigError, naming file and key, for what is no option, may not be set, or is of the
    wrong kind.
    """
    from vmxlint.cli.check import command

    by_key = {_key(one): one for one in command.params if isinstance(one, click.Option)}
    found = {}
    for key, raw in config.values.items():
        if key not in SETTABLE or key not in by_key:
            raise ConfigError(f"{config.path}: {_refused(key, by_key)}")
        option = by_key[key]
        assert option.name
        try:
            value = _table(raw) if key == "per-file-ignores" else raw
            _check_kind(option, value)
            value = option.process_value(context, _within(key, value, config))
        except (ValueError, click.UsageError) as error:
            why = error.message if isinstance(error, click.UsageError) else error
            raise ConfigError(f"{config.path}: {key}: {str(why).rstrip('.')}") from None
        found[option.name] = value
    return found


def _key(option: click.Parameter) -> str:
    spelled = [one.removeprefix("--") for one in option.opts if one.startswith("--")]
    return spelled[0] if spelled else str(option.name)


def _refused(key: str, by_key: Mapping[str, object]) -> str:
    if key in by_key:
        return f"{key!r} can be set on the command line only"
    import difflib

    near = difflib.get_close_matches(key.replace("_", "-"), set(SETTABLE) & set(by_key), 1)
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _table(raw: object) -> list[str]:
    """`{"*.h" = ["VMX501"]}` in the form of the command line, `*.h:VMX501`."""
    if not isinstance(raw, dict):
        raise ValueError("must be a table of patterns with lists of rules")
    found = []
    for pattern, rules in raw.items():
        if not isinstance(rules, list) or not all(isinstance(one, str) for one in rules):
            raise ValueError(f"{pattern!r} must be a list of rules")
        found.append(f"{pattern}:{','.join(rules)}")
    return found


def _check_kind(option: click.Option, value: object) -> None:
    if option.is_flag:
        fits, kind = isinstance(value, bool), "true or false"
    elif option.multiple:
        fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        kind = "a list of text"
    elif isinstance(option.type, click.types.FloatParamType | click.types.IntParamType):
        fits, kind = type(value) in (int, float), "a number"
    else:
        fits, kind = isinstance(value, str), "text"
    if not fits:
        raise ValueError(f"must be {kind}")


def _within(key: str, value: Any, config: Config) -> Any:
    """`value`, the path of a file being that below the folder of the configuration."""
    if key not in _FILES or (key == "profile" and "/" not in value):
        return value
    assert config.path
    folder = config.path.resolve().parent
    place = (folder / value).resolve()
    if not place.is_relative_to(folder):
        raise ValueError(f"{value!r} lies outside of the configuration's folder")
    return str(config.path.parent / value)


def shown(
    context: click.Context, values: Mapping[str, Any], origins: Mapping[str, str], config: Config
) -> str:
    """Each setting on a line, as TOML, with where it is from."""
    lines = [f"# configuration: {config.path or 'none'}"]
    lines += [f"{setting}  # {origins[name]}" for name, setting in _settings(context, values)]
    return "".join(f"{escape(line)}\n" for line in lines)


def _settings(context: click.Context, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    beside = ("config", "isolated", "show_settings")
    for option in context.command.params:
        if option.name in values and option.name not in beside and isinstance(option, click.Option):
            value = values[option.name]
            unset = value is None
            yield option.name, f"# {_key(option)} is not set" if unset else _toml(option, value)


def _toml(option: click.Option, value: Any) -> str:
    return f"{_key(option)} = {json.dumps(value, ensure_ascii=False)}"
