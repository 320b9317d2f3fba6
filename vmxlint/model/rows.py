"""The rows of each table of the model in one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vmxlint.interval import Interval, exactly
from vmxlint.model import Model, dialect
from vmxlint.model.controls import ControlBit
from vmxlint.model.fields import Field
from vmxlint.model.probabilities import probabilities
from vmxlint.model.profiles import Profile

GRADES = {
    "A": "a published test, or so by definition",
    "B": "stated by a maintainer or vendor",
    "C": "a weak source",
    "D": "derived from others",
    "X": "our guess, without a source",
    "here": "measured by the user, from --model FILE",
}
_INSTRUCTION = re.compile("_(generic|single)$")
_PREFIXES = ("EXIT_REASON_", "exit:")


@dataclass(frozen=True)
class Row:
    """One row of one of the `TABLES`.

    `name` is unique in its table; `aliases` are other words for it. `scope` is where it holds,
    `says` what it says; `figure` is that as an interval, where it is one, in `unit`. `see` names
    rows of other tables that come in with it, as table:name.
    """

    table: str
    name: str
    scope: str
    says: str
    grade: str | None
    source: str
    figure: Interval | None = None
    unit: str | None = None
    aliases: tuple[str, ...] = ()
    see: tuple[str, ...] = ()


def operations(model: Model) -> Iterator[Row]:
    """Cycles by operation, family and environment."""
    for row in model.operations.rows.values():
        yield Row(
            "operations",
            row.name,
            f"{row.family}, {row.environment}",
            spread(row.cycles, "cycles"),
            row.grade,
            row.source,
            row.cycles,
            "cycles",
            tuple(dict.fromkeys((row.operation, _INSTRUCTION.sub("", row.operation)))),
        )


def fields(model: Model) -> Iterator[Row]:
    """Encodings, and what a VMWRITE does to the next VM-entry."""
    for field in model.fields.fields:
        says, source, see = _class(model, field)
        high = f", high half {field.high:#06x}" if field.high else ""
        width = "natural width" if field.width == "natural" else f"{field.width} bits"
        yield Row(
            "fields",
            field.name,
            f"{field.kind}, {width}" + (", read-only" if field.read_only else ""),
            f"{field.encoding:#06x}{high}{says}",
            None,
            f"{model.fields.source}; {source}" if source else model.fields.source,
            aliases=(f"{field.encoding:#06x}", *([f"{field.name}_HIGH"] if field.high else [])),
            see=see,
        )


def _class(model: Model, field: Field) -> tuple[str, str, tuple[str, ...]]:
    """Whether a VMWRITE of the field repeats the consistency checks, says who, at which price."""
    fields, price = model.fields, ("operations:vmwrite", "operations:consistency_recheck")
    if source := fields.major.get(field.name):
        return "; major: a write repeats all consistency checks", source, price
    if source := fields.suspected.get(field.name):
        suspected = (price[0], "operations:suspected_recheck")
        return "; suspected: perhaps only its own check", source, suspected
    if source := fields.not_major.get(field.name):
        return "; not major", source, price[:1]
    return "", "", ("operations:vmread",) if field.read_only else price[:1]


def controls(model: Model) -> Iterator[Row]:
    """Bits of the major controls."""
    for bit in model.controls.bits:
        toggles = (f"toggles:{bit.name}",) if bit.name in model.controls.rates else ()
        yield Row(
            "controls",
            bit.name,
            bit.control,
            _bit_says(bit),
            None,
            bit.source,
            aliases=bit.aliases,
            see=(f"fields:{bit.control}", *toggles),
        )


def _bit_says(bit: ControlBit) -> str:
    parts = [f"{bit.mask:#x}"]
    if bit.exit:
        parts.append(f"exit {bit.exit}")
    if bit.toggle:
        parts.append(bit.toggle + (f": {bit.neutral} in {bit.instead}" if bit.instead else ""))
    return "; ".join(parts)


def toggles(model: Model) -> Iterator[Row]:
    """How often bits toggle."""
    for rate in model.controls.rates.values():
        nested = spread(rate.per_nested_round_trip, "per nested round trip")
        says = f"{spread(rate.per_entry, 'writes per VM-entry')}, {nested}"
        see = (f"controls:{rate.bit}",)
        yield Row(
            "toggles",
            rate.bit,
            "",
            says,
            rate.grade,
            rate.source,
            rate.per_entry,
            "per VM-entry",
            see=see,
        )


def exits(model: Model) -> Iterator[Row]:
    """Basic exit reasons."""
    spellings: dict[str, list[str]] = {}
    for alias, reason in model.exits.aliases.items():
        spellings.setdefault(reason, []).append(alias)
    for reason, number in model.exits.reasons.items():
        others = spellings.get(reason, [])
        says = f"{number}" + (f", also {', '.join(others)}" if others else "")
        prefixed = (f"{prefix}{name}" for name in (reason, *others) for prefix in _PREFIXES)
        aliases = (*others, *prefixed)
        yield Row(
            "exits", reason, "basic exit reason", says, None, model.exits.source, aliases=aliases
        )


def frequencies(model: Model) -> Iterator[Row]:
    """How often contexts run."""
    for row in model.frequencies.rows.values():
        says = spread(row.times, f"times per {row.per}")
        yield Row(
            "frequencies",
            row.name,
            row.per,
            says,
            row.grade,
            row.source,
            row.times,
            f"per {row.per}",
            (row.context,),
        )


def profiles(mixes: Iterable[Profile]) -> Iterator[Row]:
    """Each mix, and the share of each reason in it."""
    for mix in mixes:
        rate = f", {mix.exits_per_second:.0f}/s" if mix.exits_per_second else ""
        says = f"{mix.description}: {mix.total} exits{rate}, {100 * mix.unlisted:.1f} % not listed"
        yield Row("profiles", mix.name, "", says, "A", mix.source)
        for reason in mix.samples:
            share = mix.share(reason)
            says = f"{100 * share:.2f} % of exits, {mix.samples[reason]} of {mix.total}"
            yield Row(
                "profiles",
                f"{mix.name}/{reason}",
                reason,
                says,
                "A",
                mix.source,
                exactly(share),
                "per VM-exit",
                (reason, f"exit:{reason}"),
            )


def guesses() -> Iterator[Row]:
    """Probabilities where nothing is known."""
    for row in probabilities().values():
        yield Row(
            "probabilities",
            row.name,
            "where nothing is known",
            spread(row.chance, ""),
            row.grade,
            row.source,
            row.chance,
            "probability",
        )


def known() -> Iterator[Row]:
    """Probabilities that the dialects know."""
    for one in dialect.apart():
        for condition, known in one.known.items():
            yield Row(
                "probabilities",
                condition,
                f"dialect {one.id}",
                spread(known, ""),
                "D",
                one.known_sources[condition],
                known,
                "probability",
            )


def clocks(model: Model) -> Iterator[Row]:
    """Frequencies of the time-stamp counter."""
    for row in model.clocks.rows.values():
        yield Row(
            "clocks",
            row.family,
            "time-stamp counter",
            spread(row.gigahertz, "GHz"),
            row.grade,
            row.source,
            row.gigahertz,
            "GHz",
        )


def grades() -> Iterator[Row]:
    """What the grades mean."""
    for grade, meaning in GRADES.items():
        yield Row("grades", grade, "", meaning, grade, "definition", aliases=(f"grade {grade}",))


def spread(figure: Interval, unit: str) -> str:
    """An interval in full: `27 cycles (15 to 60)`."""
    low, typical, high = (f"{end:g}" for end in figure)
    words = f"{typical} {unit}".rstrip()
    return words if low == high else f"{words} ({low} to {high})"
