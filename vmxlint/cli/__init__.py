"""The command line: the one place that prints and exits, each command in a module of its name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from vmxlint import __version__
from vmxlint.cli.leaving import fail
from vmxlint.ending import orderly

COMMANDS = ("check", "budget", "why", "model", "rule", "baseline", "cache")


class _Commands(click.Group):
    """Imports a command when it is called; `vmxlint PATH...` is `vmxlint check PATH...`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if args and args[0] not in COMMANDS and args[0] not in own:
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """A wrong option is one line, as every other wrong input."""
        with orderly():
            try:
                return super().invoke(ctx)
            except click.ClickException as error:
                fail(" ".join(error.format_message().split()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vmxlint")
def main() -> None:
    """Find the hypervisor C that makes Intel VMX slow, and what each place costs in cycles.

    `vmxlint PATH...` is short for `vmxlint check PATH...`.
    """
