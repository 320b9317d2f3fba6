"""The cache changes how long a run takes and nothing else, whatever happened to what it kept."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures import FIXTURES, PLAIN, ROOT, options
from tests.test_cli import BEFORE, vmxlint
from vmxlint.budget import Budget
from vmxlint.budget.comparison import summed
from vmxlint.cache import NOWHERE, Store, clean, opened
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.shelf import Shelf
from vmxlint.cache.store import LARGEST
from vmxlint.engine import budget, run
from vmxlint.facts import Body, Facts, Row
from vmxlint.reading import Reading, read_facts
from vmxlint.reading.answers import Answer
from vmxlint.reading.library import Library
from vmxlint.reading.source import SourceFile, Unit, read_unit, target
from vmxlint.report import Report
from vmxlint.reporters import json_v1

FILES = sorted(one.relative_to(BEFORE).as_posix() for one in BEFORE.rglob("*.[chS]"))
FRAGMENTS = (
    "/* a comment */",
    "\n\n",
    "#define vmcs_write32(f, v) vmcs_writel(f, v)\n",
    "#define CONTROL_BIT 4\n",
    "static int more(void) { return vmcs_read32(VM_EXIT_INTR_INFO); }\n",
    "#if 0\n",
    "}",
    "if (x)",
    '"',
)


def copied(folder: Path) -> Path:
    """The tree before the changes, to be edited."""
    return Path(shutil.copytree(BEFORE, folder / "tree"))


def kept(root: Path, store: Store) -> str:
    """What a run prints that uses a store, and fills it."""
    known = options()
    reading = Reading(root, PLAIN, 1, store=store)
    aim = [target(str(root), PLAIN)]
    answer = Answer(store, "check", {}, aim, [reading.unit])
    report = answer.known()
    if report is None:
        report = run([str(root)], replace(known, begun={root: reading}))
        answer.keep(report)
        reading.keep()
    return json_v1.render(report)


def fresh(root: Path) -> str:
    """What a run prints that knows nothing."""
    return json_v1.render(run([str(root)], options()))


def edit(root: Path, name: str, place: float, fragment: str, cut: int) -> None:
    file = root / name
    text = file.read_text("utf-8")
    at = int(place * len(text))
    file.write_text(text[:at] + fragment + text[at + cut :], "utf-8")


EDITS = st.lists(
    st.tuples(
        st.sampled_from(FILES),
        st.floats(0, 1),
        st.sampled_from(FRAGMENTS),
        st.sampled_from([0, 0, 1, 40]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(edits=EDITS)
def test_a_warm_run_prints_what_a_cold_one_prints(
    edits: list[tuple[str, float, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edited")
    root, store = copied(folder), opened(str(folder / "cache"))
    kept(root, store)
    for one in edits:
        edit(root, *one)
        expected = fresh(root)
        assert kept(root, store) == expected
        assert kept(root, store) == expected


def test_a_file_appears_and_goes(tmp_path: Path) -> None:
    root, store = copied(tmp_path), opened(str(tmp_path / "cache"))
    first = kept(root, store)
    more = root / "more.c"
    more.write_text("#define vmx_vcpu_run vmx_run\nstatic int f(void) { return ({ 1; }; }\n")
    assert kept(root, store) == fresh(root) != first
    more.unlink()
    assert kept(root, store) == first


def test_what_a_file_includes_in_the_middle_of_code_counts(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    root, store = tmp_path / "tree", opened(str(tmp_path / "cache"))
    (root / "rows.h").write_text("ROW(EXIT_REASON_A, handle_a)\n")
    (root / "vmx.c").write_text(
        "static int handle_a(void) { return 1; }\nstatic int handle_b(void) { return 2; }\n"
        "#define ROW(reason, f) [reason] = f,\n"
        "static int (*const table[])(void) = {\n"
        '#include "rows.h"                                   \n};\n'
    )
    assert [row.value for row in tables(root, store)] == ["handle_a"]
    (root / "rows.h").write_text("ROW(EXIT_REASON_A, handle_b)\n")
    assert [row.value for row in tables(root, store)] == ["handle_b"]


def tables(root: Path, store: Store) -> tuple[Row, ...]:
    reading = Reading(root, PLAIN, 1, store=store)
    facts, _ = reading.facts()
    reading.keep()
    return next(table.rows for one in facts for table in one.tables)


def entries(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize("seed", range(12))
def test_damaged_entries_are_misses(seed: int, tmp_path: Path) -> None:
    root, folder = copied(tmp_path), tmp_path / "cache"
    expected = kept(root, opened(str(folder)))
    chance = random.Random(seed)  # noqa: S311
    assert len(entries(folder)) == 5
    for one in entries(folder):
        damage(one, chance, entries(folder))
    if seed % 2:  # without the answer, so that the parts are tried too
        edit(root, FILES[0], 1.0, "\n/* more */\n", 0)
        expected = fresh(root)
    assert kept(root, opened(str(folder))) == expected
    assert kept(root, opened(str(folder))) == expected


def damage(entry: Path, chance: random.Random, others: list[Path]) -> None:
    data = entry.read_bytes()
    match chance.randrange(6):
        case 0:
            entry.write_bytes(data[: chance.randrange(len(data))])
        case 1:
            at = chance.randrange(len(data))
            entry.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        case 2:
            entry.write_bytes(chance.choice(others).read_bytes())
        case 3:
            entry.unlink()
            entry.symlink_to("/dev/zero")
        case 4:
            entry.unlink()
            entry.mkdir()
        case 5:
            entry.unlink()
            os.mkfifo(entry)


def test_bytes_that_are_no_such_value_are_none() -> None:
    for data in (b"", b"{}", b"[]", b"null", b"[1,2]", b'[["x"]]', b"[" * 100_000, b"\xff"):
        assert unpack(Facts, data) is None
        assert unpack(Report, data) is None


def test_all_that_is_kept_comes_back_as_it_was() -> None:
    tree = FIXTURES / "facts"
    for root in [BEFORE, *sorted(one for one in tree.iterdir() if one.is_dir())]:
        facts, reader = read_facts(read_unit(root, PLAIN))
        for one in facts:
            assert unpack(Facts, pack(one)) == one
            for function in one.functions:
                body = reader.body(one, function)
                assert unpack(Body, pack(body)) == body


def test_what_is_not_text_is_not_kept() -> None:
    unit = Unit([SourceFile("a.c", b'int f(void) { return "\xff\xfe"; } \xed\xa0\x80 int \xe4;\n')])
    facts, _ = read_facts(unit)
    assert pack(facts[0]) == b""
    assert unpack(Facts, b"") is None


def test_what_is_not_text_is_read_in_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmxlint.reading.PARALLEL_FROM", 0)
    root, known = copied(tmp_path), options()
    (root / "odd.c").write_bytes(b'int odd(void) { return "\xff\xfe"; }\n')
    plain, store = fresh(root), opened(str(tmp_path / "cache"))
    for _ in range(2):
        reading = Reading(root, PLAIN, 2, store=store)
        assert json_v1.render(run([str(root)], replace(known, begun={root: reading}))) == plain
        reading.keep()


def test_a_budget_is_the_same_again() -> None:
    made = summed(budget(str(FIXTURES / "kvm_before"), options()))
    again = unpack(Budget, pack(made))
    assert again == made
    assert again.paths[0].operations["vmread"].max >= 1


def test_the_folder_is_private_and_nobody_elses(tmp_path: Path) -> None:
    store = opened(str(tmp_path / "cache"))
    store.put("a" * 40, b"data")
    assert store.get("a" * 40) == b"data"
    for one in (tmp_path / "cache").rglob("*"):
        assert not stat.S_IMODE(one.stat().st_mode) & 0o077
    folder = next((tmp_path / "cache").iterdir())
    folder.chmod(0o770)
    assert not opened(str(tmp_path / "cache")).is_open
    folder.chmod(0o700)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert not opened(str(tmp_path / "cache")).is_open


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    assert opened(str(tmp_path)).is_open
    os.chown(next(tmp_path.iterdir()), 12345, -1)
    assert not opened(str(tmp_path)).is_open


def test_it_stays_within_its_bounds(tmp_path: Path) -> None:
    store = opened(str(tmp_path))
    for number in range(20):
        name = f"{number:040}"
        store.put(name, bytes(1000))
        os.utime(next(tmp_path.iterdir()) / name, (number, number))
    store.prune(10_500)
    assert [store.get(f"{n:040}") is not None for n in range(20)] == [False] * 10 + [True] * 10
    stale = next(tmp_path.iterdir()) / "b.1.tmp"
    stale.write_bytes(b"half")
    os.utime(stale, (1, 1))
    store.prune(LARGEST)
    assert not stale.exists()


def test_clean_removes_all(tmp_path: Path) -> None:
    done = vmxlint("--cache-dir", tmp_path, BEFORE)
    count = len(entries(tmp_path))
    assert count == 5
    cleaned = vmxlint("cache", "clean", "--cache-dir", tmp_path)
    assert cleaned.stdout == f"removed {count} entries\n"
    assert entries(tmp_path) == []
    assert vmxlint("--cache-dir", tmp_path, BEFORE).stdout == done.stdout
    assert clean(str(tmp_path / "none")) == 0
    assert not (tmp_path / "none").exists()


def test_a_shelf_holds_what_is_asked_for_and_the_last_of_the_rest(tmp_path: Path) -> None:
    store = opened(str(tmp_path))
    for state in range(9):
        asked = ["same", *(f"{state}.{n}" for n in range(3))]
        new = {name: bytes(10) for name in asked[bool(state) :]}
        Shelf(store, "a").put(new, asked)
    held = Shelf(store, "a")
    kept = [(state, n) for state in range(9) for n in range(3) if held.get(f"{state}.{n}")]
    assert kept == [(7, 1), (7, 2), (8, 0), (8, 1), (8, 2)]
    assert held.get("same") == bytes(10)
    assert Shelf(store, "b").get("same") is None


def test_what_another_branch_holds_is_still_known(tmp_path: Path) -> None:
    root, store = copied(tmp_path), opened(str(tmp_path / "cache"))
    text = (root / FILES[0]).read_bytes()
    for comment in (b"", b"/* of a branch */\n", b""):
        (root / FILES[0]).write_bytes(text + comment)
        reading = Reading(root, PLAIN, 1, store=store)
        reading.facts()
        reading.keep()
    known = Library(read_unit(root, PLAIN), str(root), store)
    assert len(known.kept()) == len(FILES)


def test_no_cache_writes_nothing(tmp_path: Path) -> None:
    vmxlint("--no-cache", "--cache-dir", tmp_path / "cache", BEFORE)
    assert not (tmp_path / "cache").exists()
    assert not NOWHERE.is_open


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/x", "", "relative"])
def test_a_cache_that_cannot_be_is_none(place: str, tmp_path: Path) -> None:
    """A run says the same without a home, a cache folder, or the right to write there."""
    expected = vmxlint("--no-cache", BEFORE)
    done = vmxlint(BEFORE, HOME=place, XDG_CACHE_HOME=place)
    assert (done.returncode, done.stdout, done.stderr) == (1, expected.stdout, expected.stderr)
    assert not (ROOT / "relative").exists()
    given = vmxlint("--cache-dir", "/proc/nowhere", BEFORE)
    assert (given.returncode, given.stdout, given.stderr) == (1, expected.stdout, expected.stderr)


def test_a_run_in_which_nothing_changed_imports_no_parser(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "dear = {'tree_sitter', 'vmxlint.engine'}\n"
        "del os.fork  # so that all is done in this process\n"
        "os._exit = lambda code: print(sorted(dear & {*sys.modules}))\n"
        "from vmxlint.cli import main\n"
        f"main(['-q', '--cache-dir', {str(tmp_path)!r}, *sys.argv[1:]])\n"
    )

    def imported(*args: str | Path) -> str:
        command = [sys.executable, "-c", code, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        return done.stdout.splitlines()[-1]

    assert imported(BEFORE) == "['tree_sitter', 'vmxlint.engine']"
    assert imported(BEFORE) == "[]"
    assert imported("--format", "json", BEFORE) == "[]"
    assert imported("--select", "VMX101", BEFORE) == "['vmxlint.engine']"


def test_an_option_and_the_files_it_names_are_part_of_the_question(tmp_path: Path) -> None:
    store = opened(str(tmp_path / "cache"))
    report = run([str(BEFORE)], options())
    file = tmp_path / "model"
    file.write_text("one")

    def answer(**asked: object) -> Answer:
        aim = target(str(BEFORE), PLAIN)
        return Answer(store, "check", asked, [aim], [Unit()])

    answer(file=str(file)).keep(report)
    assert answer(file=str(file)).known() == report
    assert answer(file=[str(file)]).known() is None
    assert answer(file=str(file), audit=True).known() is None
    file.write_text("two")
    assert answer(file=str(file)).known() is None


def test_what_took_too_long_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, store = copied(tmp_path), opened(str(tmp_path / "cache"))
    monkeypatch.setattr("vmxlint.reading.has_passed", lambda: True)
    reading = Reading(root, PLAIN, 1, store=store)
    reading.facts()
    reading.keep()
    assert reading.is_late
    assert entries(tmp_path / "cache") == []


def started(*args: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vmxlint", *map(str, args)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
                            env=environment)  # fmt: skip


def test_runs_at_once_and_runs_that_are_killed_leave_no_wrong_answer(tmp_path: Path) -> None:
    root, cache = copied(tmp_path), tmp_path / "cache"
    expected = vmxlint("--no-cache", root).stdout.encode()
    both = [started("--cache-dir", cache, root) for _ in range(2)]
    assert [one.communicate()[0] for one in both] == [expected] * 2
    began = time.perf_counter()
    vmxlint("--cache-dir", tmp_path / "other", root)
    whole = time.perf_counter() - began
    for part in killed_at(whole):
        victim = started("--cache-dir", cache, root)
        time.sleep(part)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        edit(root, FILES[0], 1.0, "/* one more */\n", 0)
    expected = vmxlint("--no-cache", root).stdout.encode()
    assert started("--cache-dir", cache, root).communicate()[0] == expected
    assert started("--cache-dir", cache, root).communicate()[0] == expected


def killed_at(whole: float) -> Iterator[float]:
    """Moments in a run, most of them near its end, where it writes."""
    for part in (0.3, 0.6, 0.8, 0.85, 0.9, 0.95, 1.0):
        yield whole * part
