"""Exit mixes: how often each exit reason happens in a measured workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from vmxlint.interval import Interval
from vmxlint.model import tables
from vmxlint.model.tables import ModelError, Table, bundled

DEFAULT = "cpu_bound_sysbench"
SUFFIX = ".toml"
MOST_PER_SECOND = 1e8  # exits
_MOST_EXITS = 10**18


@dataclass(frozen=True, eq=False)
class Profile:
    """A measured exit mix.

    `samples` counts the exits of each reason that the source lists, by its name in exits.toml;
    `total` counts all exits, so it may be more than their sum.
    """

    name: str
    description: str
    source: str
    samples: Mapping[str, int]
    total: int
    exits_per_second: float | None = None

    def share(self, reason: str) -> float:
        """The part of all exits that this reason causes, 0 to 1; 0 for one that is not listed."""
        return self.samples.get(reason, 0) / self.total

    def frequency(self, *reasons: str) -> Interval:
        """The share of some reasons; of those that are not listed, up to all that is not listed."""
        listed = sum(map(self.share, sorted(set(reasons))))
        open_ = max(0.0, self.unlisted) if any(r not in self.samples for r in reasons) else 0.0
        return Interval(listed, listed, listed + open_).capped(1)

    @property
    def unlisted(self) -> float:
        """The part of all exits whose reason the source does not list."""
        return (self.total - sum(self.samples.values())) / self.total


def names() -> tuple[str, ...]:
    """The bundled profiles, in alphabetical order."""
    return tables.names("profiles")


@cache
def load(name: str) -> Profile:
    """The bundled profile of that name; ModelError with the known names if there is none."""
    if name not in names():
        raise ModelError(f"no profile {name!r}; known: {', '.join(names())}")
    return bundled(f"profiles/{name}{SUFFIX}").all(read_profile)


def read_profile(table: Table) -> Profile:
    """The contents of one profile's file."""
    samples, total = table.numbers("samples"), table.take("total", int)
    if total > _MOST_EXITS:
        raise table.error(f"more than {_MOST_EXITS:g} exits")
    if not 0 < sum(samples.values()) <= total or min(samples.values()) < 0:
        raise table.error(f"samples do not fit a total of {total}")
    rate = table.take("exits_per_second", int) if "exits_per_second" in table.left else None
    if rate is not None and not 0 < rate <= MOST_PER_SECOND:
        raise table.error(f"exits_per_second should be above 0 and at most {MOST_PER_SECOND:g}")
    return Profile(
        name=table.text("name"),
        description=table.text("description"),
        source=table.text("source"),
        samples=samples,
        total=total,
        exits_per_second=rate,
    )
