"""Exit mixes out of a user's file: what perf, kvm_stat, bcc and the tracepoints print."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from vmxlint.mixes import kvm_stat, kvmexit, perf, tracepoints
from vmxlint.mixes.lines import STDIN, Line, MixError, lines
from vmxlint.mixes.mix import Mix
from vmxlint.model.exits import ExitTable
from vmxlint.model.profiles import MOST_PER_SECOND, Profile, load, names, read_profile
from vmxlint.model.tables import ModelError, user_file

FORMATS = (tracepoints, perf, kvm_stat, kvmexit)
UNKNOWN = "UNKNOWN"  # what perf prints for a reason that it does not know
_LEAD = 10_000  # lines before the first that tells the format


@dataclass(frozen=True)
class Chosen:
    """A profile, and what about it the user should know."""

    profile: Profile
    warnings: tuple[str, ...] = ()


def choose(wanted: str, exits: ExitTable) -> Chosen:
    """The bundled profile of that name, else the exit mix in the file of that name.

    A name with a slash is always a file, "-" is standard input. Raises ModelError, for a file with
    the line that is wrong.
    """
    if "/" not in wanted:
        if wanted in names():
            return Chosen(load(wanted))
        if wanted != STDIN and not Path(wanted).exists():
            near = difflib.get_close_matches(wanted, names(), 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ModelError(f"no profile {wanted!r}{hint}; known: {', '.join(names())}, or a file")
    if wanted.endswith(".toml"):
        return _own(wanted, exits)
    return _measured(wanted, exits)


def _own(path: str, exits: ExitTable) -> Chosen:
    """A profile in the form of the bundled ones."""
    profile = user_file(path).all(read_profile)
    counted = _canonical(path, Mix(profile.samples, {}), exits)
    return Chosen(replace(profile, samples=counted.profile.samples), counted.warnings)


def _measured(path: str, exits: ExitTable) -> Chosen:
    """The mix in the first of the formats that a line of the file belongs to."""
    read = lines(path)
    lead: list[Line] = []
    for line in islice(read, _LEAD):
        lead.append(line)
        if form := next((one for one in FORMATS if one.recognises(line.text)), None):
            found = _canonical(path, form.read(path, chain(lead, read)), exits)
            source = f"{form.NAME}: {found.profile.name}"
            return replace(found, profile=replace(found.profile, source=source))
    told = [line.number for line in lead if line.text.strip()]
    if not told:
        raise MixError(path, 1, "empty: no exit mix")
    raise MixError(path, told[0], f"no exit mix: none of {', '.join(f.NAME for f in FORMATS)}")


def _canonical(path: str, mix: Mix, exits: ExitTable) -> Chosen:
    """The mix under the names of exits.toml; reasons that have none there count in the total."""
    samples: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for reason, count in mix.counts.items():
        name = _name(reason, exits)
        into = samples if name else unknown
        into[name or reason] = into.get(name or reason, 0) + count
    total = sum(samples.values()) + sum(unknown.values())
    strange = {reason: n for reason, n in unknown.items() if reason.upper() != UNKNOWN}
    foreign = {reason: n for reason, n in strange.items() if exits.is_of_another_cpu(reason)}
    if foreign or not sum(samples.values()) or sum(strange.values()) > total / 2:
        most = max(foreign or strange, key=lambda reason: strange[reason], default="")
        line = mix.lines.get(most) or min(mix.lines.values(), default=1)
        why = f"{most!r} is none: another CPU's?" if most else "nothing is counted"
        raise MixError(path, line, f"no exits of Intel VMX: {why}")
    per_second = total / mix.seconds if mix.seconds else mix.per_second
    if per_second is not None and not 0 < per_second <= MOST_PER_SECOND:
        raise MixError(path, 1, f"no rate of exits: {per_second:g} per second")
    name = "stdin" if path == STDIN else Path(path).name
    profile = Profile(name, "the user's own", "", samples, total, per_second)
    return Chosen(profile, (*mix.warnings, *_about(path, mix, unknown, total)))


def _name(reason: str, exits: ExitTable) -> str | None:
    """The name of exits.toml for a reason as a tool prints it, by name or as a number."""
    if reason[:1].isdigit():
        base = 16 if reason.lower().startswith("0x") else 10
        try:
            return exits.by_number(int(reason, base) & 0xFFFF)
        except ValueError:
            return None
    return exits.canonical(reason.upper())


def _about(path: str, mix: Mix, unknown: dict[str, int], total: int) -> Iterator[str]:
    for reason, count in sorted(unknown.items()):
        where = f"{path}:{mix.lines[reason]}" if reason in mix.lines else path
        share = 100 * count / total
        yield f"{where}: {reason!r} is no known exit reason ({count} exits, {share:.1f} %)"
