"""Other processes that read for this one, of which any may be killed at any time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from vmxlint.reading import shelter

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from multiprocessing.process import BaseProcess

T = TypeVar("T")

PATIENCE = 1.0  # seconds between two looks at whether those who are to answer still live


def pool(number: int) -> Executor:
    """So many processes, which start with the first task."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(number, multiprocessing.get_context("fork"), shelter.begin_worker)


def of_the_living(
    waiting: Sequence[Future[T]], workers: Collection[BaseProcess] = ()
) -> Iterator[T]:
    """What other processes have found, of those that live.

    A pool tells when one has died, but not if that was while it sent what it had found: so those
    of its `workers` that are known are looked at, too.
    """
    if not waiting:
        return
    from concurrent.futures import wait
    from concurrent.futures.process import BrokenProcessPool

    for future in waiting:
        while not wait([future], PATIENCE).done and not _any_dead(workers):
            pass
        with suppress(BrokenProcessPool, TimeoutError):
            yield future.result(0)


def _any_dead(workers: Collection[BaseProcess]) -> bool:
    from multiprocessing.connection import wait

    return bool(wait([one.sentinel for one in workers], 0))
