"""How often the bodies of loops run, by the operations that a budget counts in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_budget import bounds, count, tree
from vmxlint.model import load_model

MODEL = load_model()

FIELDS = """
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LIMIT 5
enum { FIRST, SECOND, LAST };
struct field { unsigned long encoding, offset; };
static struct field two[] = { { GUEST_RIP, 0 }, { GUEST_RSP, 8 } };
static unsigned long three[] = { GUEST_RIP, GUEST_RSP, HOST_RSP };
static unsigned long placed[] = { [4] = GUEST_RIP, [9] = GUEST_RSP };
static int length = ARRAY_SIZE(three);
static int most;
"""
PUT = "put(GUEST_RIP, i);"
LOOPS = {
    f"for (i = 0; i < 4; i++) {PUT}": (4, 4, 4),
    f"for (int n = 1; n <= LIMIT; ++n) {PUT}": (5, 5, 5),
    f"for (i = 0; i != LAST; i += 2) {PUT}": (1, 1, 1),
    f"for (i = 1; i < 10; i += 4) {PUT}": (3, 3, 3),
    f"for (i = j = 0; i < ARRAY_SIZE(two); i++, j++) {PUT}": (2, 2, 2),
    f"for (i = 0; i < ARRAY_SIZE(three); i++) {{ if (v->state) {PUT} }}": (0, 1.5, 3),
    f"for (i = 0; i < length; i++) {PUT}": (0, 3, 3),
    f"for (i = 0; i < LAST; i++) for (j = 0; j < 3; j++) {PUT}": (6, 6, 6),
    f"for (i = 0; i < 4; i++) {{ {PUT} if (v->state) break; }}": (1, 1, 4),
    f"for (i = 0; i < 4; i++) {{ {PUT} while (v->state) break; }}": (4, 4, 4),
    f"for (i = 0; i < 4; i++) {{ }} {PUT}": (1, 1, 1),
    f"for (i = 0; i < most; i++) {PUT}": (0, 1, 1),
    f"for (i = 0; i < v->state; i++) {PUT}": (0, 1, 1),
    f"for (i = 0; i < ARRAY_SIZE(placed); i++) {PUT}": (1, 1, 1),
    f"for (i = v->state; i < 4; i++) {PUT}": (1, 1, 1),
    f"for (i = 0; i < 4; i += v->state) {PUT}": (1, 1, 1),
    f"i = 0; while (i < 4) {PUT}": (1, 1, 1),
    f"for (i = 0; i < 8; i++) {{ {PUT} i += 3; }}": (1, 1, 1),
    f"for (i = 0; i < 8; i++) {{ {PUT} if (v->state) i--; }}": (1, 1, 1),
    f"for (i = 0; i < 8; i++) {{ {PUT} skip(&i); }}": (1, 1, 1),
    f"j = 8; for (i = 0; i < j; i++) {{ {PUT} j--; }}": (0, 1, 1),
    f"j = 8; ask(&j); for (i = 0; i < j; i++) {PUT}": (0, 1, 1),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_count_as_often_as_they_say(loop: str, tmp_path: Path) -> None:
    found = tree(tmp_path, f"int i, j; {loop}", more=FIELDS)
    assert bounds(count(found, "entry", "vmwrite")) == pytest.approx(LOOPS[loop])


def test_loops_in_each_other_stay_finite(tmp_path: Path) -> None:
    loops = "for (i = 0; i < 0xffffffffffffffffffffffff; i++) " * 100
    found = tree(tmp_path, f"int i; {loops} {PUT}", more=FIELDS)
    assert bounds(count(found, "entry", "vmwrite")) == (1e6, 1e6, 1e6)


def test_what_a_loop_calls_counts_as_often(tmp_path: Path) -> None:
    more = FIELDS + "static void all(void) { int i; for (i = 0; i < 3; i++) put(GUEST_RIP, i); }"
    found = tree(tmp_path, "int n; for (n = 0; n < 2; n++) all();", more=more)
    assert bounds(count(found, "entry", "vmwrite")) == (6, 6, 6)
    path = found.path("entry")
    assert path is not None
    (step,) = [one for one in path.steps if one.kind == "vmwrite"]
    assert step.expected == 6
    assert step.cycles.typical == pytest.approx(
        6 * MODEL.operations.lookup("vmwrite", "skylake").cycles.typical
    )


SHADOW = """
#if !defined(FIELD_RO) && !defined(FIELD_RW)
BUILD_BUG_ON(1)
#endif
#ifndef FIELD_RO
#define FIELD_RO(x)
#endif
#ifndef FIELD_RW
#define FIELD_RW(x)
#endif
FIELD_RW(GUEST_RIP)
FIELD_RO(EXIT_QUALIFICATION)
FIELD_RW(GUEST_RSP)
FIELD_RO(VM_EXIT_REASON)
FIELD_RW(TPR_THRESHOLD)
#undef FIELD_RO
#undef FIELD_RW
"""
SHADOWED = """
static struct field read_only[] = {
#define FIELD_RO(x) { x, 0 },
#include "shadow.h"
};
static int most_read_only = ARRAY_SIZE(read_only);
static struct field writable[] = {
#define FIELD_RW(x) { x, 8 },
#include "shadow.h"
};
static int most_writable = ARRAY_SIZE(writable);
static void copy(void)
{
        const struct field *fields[] = { writable, read_only };
        const int most[] = { most_writable, most_read_only };
        int i, q;

        for (q = 0; q < ARRAY_SIZE(fields); q++)
                for (i = 0; i < most[q]; i++)
                        put(fields[q][i].encoding, 1);
        for (i = 0; i < most_writable; i++)
                get(writable[i].encoding);
}
"""


def test_the_rows_of_an_included_list_are_counted(tmp_path: Path) -> None:
    (tmp_path / "shadow.h").write_text(SHADOW)
    found = tree(tmp_path, "copy();", more=FIELDS + SHADOWED)
    assert bounds(count(found, "entry", "vmwrite")) == (0, 5, 6)
    assert bounds(count(found, "entry", "vmread")) == (0, 3, 3)


def test_arrays_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "zoo.c").write_text("static int three[] = { 1, 2, 3, 4, 5, 6, 7 };\n", "utf-8")
    found = tree(tmp_path, f"int i; for (i = 0; i < ARRAY_SIZE(three); i++) {PUT}", more=FIELDS)
    assert bounds(count(found, "entry", "vmwrite")) == (3, 3, 3)
