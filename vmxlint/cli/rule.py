"""`vmxlint rule [RULE]`."""

from __future__ import annotations

import click

from vmxlint.cli.leaving import fail


@click.command("rule")
@click.argument("wanted", required=False, metavar="[RULE]")
def command(wanted: str | None) -> None:
    """List the rules, or print the manual of one, by its id or name."""
    from vmxlint.registry import RuleError, find, rules

    if wanted is None:
        for one in rules():
            click.echo(f"{one.id}  {one.name:30}  {one.tier:7}  {one.summary}")
        return
    try:
        found = find(wanted)
    except RuleError as error:
        fail(str(error))
    click.echo(f"{found.id} {found.name} ({found.severity}, {found.tier})\n\n{found.manual}")
