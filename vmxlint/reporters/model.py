"""`vmxlint model`: its tables for a terminal, and as JSON."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence

from vmxlint.model.catalogue import TABLES, of_sources
from vmxlint.model.rows import Row
from vmxlint.reporters.cycles import ends
from vmxlint.reporters.document import dumped
from vmxlint.reporters.escape import escape, well_formed

_HEADS = {
    "operations": ("operation", "family, environment", "modelled"),
    "fields": ("field", "kind", "encoding"),
    "controls": ("bit", "control", "mask, exit, why it may toggle"),
    "toggles": ("bit", "", "modelled"),
    "exits": ("exit reason", "", "number"),
    "frequencies": ("context", "per", "modelled"),
    "profiles": ("profile", "reason", "exits"),
    "probabilities": ("condition", "where", "modelled"),
    "clocks": ("family", "", "modelled"),
    "grades": ("grade", "", "meaning"),
    "sources": ("source", "", "rows"),
}


def of_table(rows: Sequence[Row], table: str) -> tuple[Row, ...]:
    """The rows of one of the TABLES."""
    return of_sources(rows) if table == "sources" else tuple(r for r in rows if r.table == table)


def overview(rows: Sequence[Row], replaced: Sequence[str]) -> str:
    """Which tables there are, and how to look into them."""
    counts = _counts(rows)
    lines = [f"{table:14}{counts[table]:5} rows" for table in TABLES]
    lines += ["", "vmxlint model TABLE prints one; vmxlint model why NAME tells what a figure, an"]
    lines += ["operation, a field, a profile, a grade or a source is, and where it comes from."]
    if replaced:
        lines += ["", f"From your own file: {', '.join(replaced)}"]
    return "".join(f"{escape(line)}\n" for line in lines)


def overview_as_json(rows: Sequence[Row], replaced: Sequence[str]) -> str:
    """How many rows each table has, and which of them are the user's."""
    document = {"version": 1, "tables": _counts(rows), "replaced": list(replaced)}
    return dumped(document)


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    counts = Counter(row.table for row in rows)
    counts["sources"] = len(of_sources(rows))
    return {table: counts[table] for table in TABLES}


def as_table(rows: Sequence[Row], width: int) -> str:
    """Rows of one table in columns, `width` characters wide."""
    from rich.table import Table
    from rich.text import Text

    name, scope, says = _HEADS[rows[0].table]
    scoped, graded = any(row.scope for row in rows), any(row.grade for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    sourced = rows[0].table != "sources"
    shown = (True, scoped, True, graded, sourced)
    for head, is_shown in zip((name, scope, says, "grade", "source"), shown, strict=True):
        if is_shown:
            table.add_column(head, overflow="fold")
    for row in rows:
        cells = (_short(row), row.scope, row.says, row.grade or "", row.source)
        table.add_row(*(Text(escape(c)) for c, is_in in zip(cells, shown, strict=True) if is_in))
    return _rendered(table, width)


def _short(row: Row) -> str:
    """The name without what stands in the scope, too."""
    return row.name.split("/")[0] if row.table in ("operations", "frequencies") else row.name


def _rendered(table: object, width: int) -> str:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def as_answer(rows: Iterable[Row], behind: Iterable[Row]) -> str:
    """What `vmxlint model why` found, a paragraph a row, and the rows that come in with it."""
    blocks = ["\n".join(map(escape, _lines(row))) for row in rows]
    if more := [f"  {row.table}:{row.name}: {row.says}" for row in behind]:
        blocks.append("\n".join(map(escape, ["with it come:", *more])))
    return "\n\n".join(blocks) + "\n"


def _lines(row: Row) -> list[str]:
    scope = f" ({row.scope})" if row.scope else ""
    lines = [f"{row.table}:{row.name}{scope}", f"  {row.says}"]
    if row.grade:
        lines.append(f"  grade {row.grade}" + (", modelled" if row.figure else ""))
    return [*lines, f"  source: {row.source}"]


def as_json(rows: Iterable[Row], **about: object) -> str:
    """Rows as JSON, version 1."""
    document = {"version": 1, **about, "rows": [_data(row) for row in rows]}
    return dumped(document, indent=2)


def _data(row: Row) -> dict[str, object]:
    return {
        "table": row.table,
        "name": well_formed(row.name),
        "aliases": list(row.aliases),
        "scope": row.scope,
        "says": well_formed(row.says),
        "figure": ends(row.figure, 6),
        "unit": row.unit,
        "grade": row.grade,
        "source": well_formed(row.source),
        "see": list(row.see),
    }
