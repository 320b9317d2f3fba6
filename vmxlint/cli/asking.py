"""What `budget` and `why` have in common: they have units understood, and ask something of them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import click

from vmxlint.cli import options, settings
from vmxlint.cli.leaving import CLEAN, fail, leave

if TYPE_CHECKING:
    from vmxlint.engine import Options


def ask(
    context: click.Context, question: Callable[[Options], str], say: Callable[[str], None]
) -> NoReturn:
    """Say what a question about the command's paths is answered. The run ends here, also where a
    path, an option or a configuration is wrong."""
    gc.disable()  # as for `check`
    given = settings.resolved(context)
    kept = options.store(given.no_cache, given.cache_dir)
    readings = options.readings(options.targets(given.paths, given.jobs), given.jobs, kept)
    options.begin(readings)

    from vmxlint.model import ModelError
    from vmxlint.reading.source import InputError

    try:
        text = question(options.options([], given.cpu, given.profile, readings))
    except (InputError, ModelError) as error:
        fail(str(error))
    say(text)
    options.keep(readings, kept)
    leave(CLEAN)
