"""Exit mixes from files: each format by its look, and what is wrong by its line.

The texts are made here from the tools' print formats, with numbers of our own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, ROOT
from tests.kernels import kernel
from vmxlint.mixes import Chosen, choose
from vmxlint.model import ModelError, load_model, profiles

EXITS = load_model().exits
COUNTS = {"MSR_WRITE": 6000, "EXTERNAL_INTERRUPT": 3000, "HLT": 900, "EPT_MISCONFIG": 100}


def perf(counts: Mapping[str, int], width: int = 20, total: int | None = None) -> str:
    """What print_result() of tools/perf/builtin-kvm.c prints."""
    samples = sum(counts.values())
    head = f"{'VM-EXIT':>{width}} {'Samples':>10} {'Samples%':>9} {'Time%':>9} {'Min Time':>11} "
    lines = ["", "", "Analyze events for all VMs, all VCPUs:", ""]
    lines += [f"{head}{'Max Time':>11} {'Avg time':>16} ", ""]
    for reason, count in counts.items():
        lines.append(
            f"{reason:>{width}} {count:>10} {100 * count / max(samples, 1):>8.2f}% {12.5:>8.2f}% "
            f"{0.45:>9.2f}us {9554.94:>9.2f}us {3:>9.2f}us ( +-{41.94:>7.2f}% )"
        )
    shown = samples if total is None else total
    lines += ["", f"Total Samples:{shown}, Total events handled time:68281638.61us.", ""]
    return "\n".join([*lines, ""])


def live(*screens: tuple[str, Mapping[str, int]]) -> str:
    return "".join(f"\x1b[H\x1b[2J{at}.000123{perf(counts, 40)}" for at, counts in screens)


def batch(counts: Mapping[str, int]) -> str:
    rows = [("kvm_exit", sum(counts.values())), ("kvm_entry", sum(counts.values()))]
    rows += [(f"kvm_exit({reason})", count) for reason, count in counts.items()]
    rows += [("kvm_userspace_exit(EXIT_INTR)", 7), ("vcpu_wakeup", 3)]
    return "".join(f"{name:<42}{count:>10}{count // 10:>10}\n" for name, count in sorted(rows))


def log(counts: Mapping[str, int]) -> str:
    names = ["kvm_ack_irq", *(f"kvm_exit({reason})" for reason in counts), "kvm_fpu"]
    row = "".join(f" {n:>9} " for n in (1, *(count // 2 for count in counts.values()), 2))
    return f"{' '.join(names)} \n{row}\n{row}\n"


def stamped_log(counts: Mapping[str, int]) -> str:
    head, first, second = log(counts).splitlines()
    return f"{head}\n2026-11-27 10:00:07{first}\n2026-11-27 10:00:09{second}\n"


def csv(counts: Mapping[str, int]) -> str:
    names = ",".join(["timestamp", "kvm_entry", *(f"kvm_exit({reason})" for reason in counts)])
    row = ",".join(str(n) for n in (99, *(count // 2 for count in counts.values())))
    stamps = ("2026-11-27 23:59:58", "2026-11-27 23:59:59")
    return "\n".join([names, *(f"{stamp},{row}" for stamp in stamps), ""])


def screen(counts: Mapping[str, int]) -> str:
    head = (
        f"kvm statistics - summary\n\n {'Event':<40} {'Total':>10}{'%Total':>7} {'CurAvg/s':>8}\n"
    )
    rows = [f" {'kvm_exit':<40} {sum(counts.values()):>10}{100:>7.1f} {5:>8}\n"]
    for reason, n in counts.items():
        rows.append(f"   {f'kvm_exit({reason})':<38} {n:>10}{9.9:>7.1f} {n // 10:>8}\n")
    return head + "".join(rows)


def bcc(counts: Mapping[str, int]) -> str:
    title = "Display kvm exit reasons and statistics for all threads after sleeping 10 secs.\n"
    rows = [f"4242     4243     EXIT_REASON_{reason:<24}{n}\n" for reason, n in counts.items()]
    return f"{title}PID      TID      KVM_EXIT_REASON                     COUNT\n{''.join(rows)}"


def bcc_of_one(counts: Mapping[str, int]) -> str:
    title = "Display kvm exit reasons and statistics for PID 9... Hit Ctrl-C to end.\n"
    title = f"# ./kvmexit -p 9\n{title}"
    rows = [f"{'^C' if not n else ''}{r:<36}{c}\n" for n, (r, c) in enumerate(counts.items())]
    return f"{title}KVM_EXIT_REASON                     COUNT\n{''.join(rows)}\n# exit\n"


def events(counts: Mapping[str, int], form: str) -> str:
    names = [reason for reason, count in counts.items() for _ in range(count)]
    names = names[::2] + names[1::2]
    gap = 10 / (len(names) - 1)
    lines = [form.format(at=95922 + n * gap, reason=name) for n, name in enumerate(names)]
    return "# tracer: nop\n" + "\n".join(lines) + "\n"


FTRACE = (
    " qemu-18971   [015] d.... {at:.6f}: kvm_entry: vcpu 0, rip 0xfd0bd\n"
    " qemu-18971   [015] d.... {at:.6f}: kvm_exit: vcpu 0 reason {reason} rip 0xfd0bd info1 0x0 "
    "info2 0x413 intr_info 0x80000306 error_code 0x0"
)
SCRIPT = "CPU 0/KVM 4242 [003] {at:.6f}: kvm:kvm_exit: reason {reason} rip 0xffff info 0 800000ec"
UNPARSED = "qemu-9 [001] {at:.6f}: kvm_exit: [FAILED TO PARSE] exit_reason={reason} guest_rip=0x1"
NUMBERS = {str(EXITS.number(reason)): count for reason, count in COUNTS.items()}
TEXTS = {
    "perf, old": perf(COUNTS),
    "perf, wide": perf(COUNTS, 40),
    "perf live": live(
        ("23:59:55", {k: n // 2 for k, n in COUNTS.items()}),
        ("00:00:00", {k: n // 2 for k, n in COUNTS.items()}),
    ),
    "kvm_stat -1": batch(COUNTS),
    "kvm_stat -l": log(COUNTS),
    "kvm_stat -l, stamped": stamped_log(COUNTS),
    "kvm_stat -l -c": csv(COUNTS),
    "kvm_stat": screen(COUNTS),
    "kvmexit": bcc(COUNTS),
    "kvmexit -p": bcc_of_one(COUNTS),
    "trace": events(COUNTS, FTRACE),
    "perf script": events(COUNTS, SCRIPT),
    "trace-cmd": events(NUMBERS, UNPARSED),
}
RATES = {
    "perf live": 1000,
    "kvm_stat -1": 1000,
    "kvm_stat -l, stamped": 2500,
    "kvm_stat -l -c": 5000,
    "kvm_stat": 1000,
    "kvmexit": 1000,
    "trace": 1000,
    "perf script": 1000,
    "trace-cmd": 1000,
}


def chosen(tmp_path: Path, text: str | bytes) -> Chosen:
    file = tmp_path / "mix.txt"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return choose(str(file), EXITS)


@pytest.mark.parametrize("name", TEXTS)
def test_each_format_gives_the_same_mix(name: str, tmp_path: Path) -> None:
    found = chosen(tmp_path, TEXTS[name])
    assert found.profile.samples == COUNTS
    assert found.profile.total == sum(COUNTS.values())
    assert found.profile.share("EXTERNAL_INTERRUPT") == 0.3
    assert found.profile.source.endswith(": mix.txt")
    assert not found.warnings
    assert found.profile.exits_per_second == (
        pytest.approx(RATES[name], rel=1e-3) if name in RATES else None
    )


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: "".join(f">> {line}\n" for line in text.splitlines()),
        lambda text: "\ufeff" + text,
        lambda text: "Hello,\n\nthis is what I saw:\n\n" + text,
        lambda text: text.rstrip("\n"),
    ],
    ids=["crlf", "quoted", "quoted twice", "bom", "in a mail", "no line end"],
)
def test_what_mails_and_editors_do_changes_nothing(name, change, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert chosen(tmp_path, change(TEXTS[name])).profile.samples == COUNTS


def test_old_names_and_several_rows_of_one_reason(tmp_path: Path) -> None:
    counts = {"PENDING_INTERRUPT": 5, "EXIT_REASON_INTERRUPT_WINDOW": 6, "vmcall": 7}
    samples = chosen(tmp_path, perf(counts)).profile.samples
    assert samples == {"INTERRUPT_WINDOW": 11, "VMCALL": 7}


def test_reasons_that_nobody_knows_count_in_the_total_and_are_told(tmp_path: Path) -> None:
    text = perf({"HLT": 60, "UNKNOWN": 30}, total=100).replace(
        "\nTotal",
        f"{perf({'UNKNOWN': 10}).splitlines()[6]}\nunknown kvm exit code:131072 on VMX\nTotal",
    )
    found = chosen(tmp_path, text)
    assert found.profile.samples == {"HLT": 60}
    assert found.profile.share("HLT") == 0.6
    assert found.profile.unlisted == pytest.approx(0.4)
    (warning,) = found.warnings
    assert "mix.txt:8: 'UNKNOWN' is no known exit reason (40 exits, 40.0 %)" in warning


def test_rows_that_do_not_sum_to_the_total_are_told(tmp_path: Path) -> None:
    found = chosen(tmp_path, perf(COUNTS, total=12345))
    assert found.profile.total == 10000
    (warning,) = found.warnings
    assert "mix.txt:12: Total Samples says 12345, the rows above have 10000" in warning


@pytest.mark.parametrize("number", ["6,000", "6.000", "6'000", "6\u00a0000", "6\u202f000"])
def test_numbers_of_other_locales(number: str, tmp_path: Path) -> None:
    text = perf(COUNTS).replace("      6000", f"{number:>10}").replace("60.00%", "60,00%")
    assert number in text
    assert chosen(tmp_path, text).profile.samples == COUNTS


def test_times_that_are_no_numbers(tmp_path: Path) -> None:
    text = perf(COUNTS).replace(" 12.50%", "  -nan%").replace("+-  41.94%", "+-    nan%")
    assert chosen(tmp_path, text).profile.samples == COUNTS


@pytest.mark.parametrize("quote", ["", "> ", "> > ", ">> >> > "])
def test_rows_that_a_mail_has_wrapped(quote: str, tmp_path: Path) -> None:
    lines = perf(COUNTS).replace(" 9554.94us", "\n9554.94us").replace("Max Time", "Max\nTime")
    text = "".join(f"{quote}{line}\n" for line in lines.splitlines())
    found = chosen(tmp_path, text)
    assert found.profile.samples == COUNTS
    assert not found.warnings


def test_several_tables_are_added_up_and_told(tmp_path: Path) -> None:
    found = chosen(tmp_path, f"before\n{perf(COUNTS)}after\n{perf({'CPUID': 10_000})}")
    assert found.profile.samples == {**COUNTS, "CPUID": 10_000}
    assert found.warnings == (f"{tmp_path / 'mix.txt'}: 2 tables, added up",)


def test_other_versions_of_kvmexit(tmp_path: Path) -> None:
    old = bcc(COUNTS).replace("COUNT", "STAT").replace("PID      TID", "TGID     PID")
    assert chosen(tmp_path, old).profile.samples == COUNTS
    rows = "".join(f"77 78 b'CPU 2/KVM'  {r}  {n}  52.5\n" for r, n in COUNTS.items())
    timed = f"TGID  TID  COMM  KVM_EXIT_REASON  COUNT  AVG_TIME\n{rows}"
    assert chosen(tmp_path, timed).profile.samples == COUNTS


def test_the_first_perf_printed_one_time_only(tmp_path: Path) -> None:
    text = perf(COUNTS).replace("Min Time    Max Time ", "").replace("0.45us   9554.94us ", "")
    assert text.count("us") == len(COUNTS) + 1
    assert chosen(tmp_path, text).profile.samples == COUNTS


def test_a_table_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = perf(COUNTS)
    found = chosen(tmp_path, whole[: whole.index("                 HLT")])
    assert [one.partition(": ")[2] for one in found.warnings] == [
        "no Total Samples below the rows: cut off?"
    ]


def test_the_histograms_of_later_perf(tmp_path: Path) -> None:
    head = "Event name  Samples  Sample%  Time (ns)  Time%  Max Time (ns)  Min Time (ns)  Mean"
    rows = "\n".join(
        f"{reason:>10} {n} {n // 100}.00% 5000 1.00% 90 10 50" for reason, n in COUNTS.items()
    )
    text = f"# KVM event statistics (4 entries)\n{head}\n------\n{rows}\n"
    assert chosen(tmp_path, text).profile.samples == COUNTS
    short = "\n".join(f"{reason:28}{n:8} {n // 100}.00% 5000" for reason, n in COUNTS.items())
    text = f"Event name    Samples  Sample%   Time(ns)\n-----  ----  ----\n{short}\n"
    assert chosen(tmp_path, text).profile.samples == COUNTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"mix\.txt:1: empty"),
        ("\n\n", r"mix\.txt:1: empty"),
        ("\n\nnothing of the kind\n", r"mix\.txt:3: no exit mix.*perf kvm stat.*kvmexit"),
        (b"PERFILE2\x01\x02", r"mix\.txt:1: .*perf kvm stat report --stdio"),
        (b"\x17\x08Dtracing6", r"mix\.txt:1: .*trace-cmd report"),
        (b"\x1f\x8b\x08", r"mix\.txt:1: not text: compressed"),
        (perf(COUNTS).encode("utf-16"), r"mix\.txt:1: not text: UTF-16"),
        (perf(COUNTS).replace("0.45us", "0.45\0s"), r"mix\.txt:7: not text: a NUL"),
        ("x" * 100_000, r"mix\.txt:1: a line of more than"),
        (perf(COUNTS).replace("3000", "3o00"), r"mix\.txt:8: not a row of perf kvm stat: 'EXT"),
        (perf(COUNTS).replace("      3000", "3" * 30), r"mix\.txt:8: not a count"),
        (perf(COUNTS).replace("VM-EXIT", "MSR Access"), r"mix\.txt:5: a table of MSR Access"),
        (perf({}), r"mix\.txt:1: no exits of Intel VMX"),
        (perf({"HLT": 0}), r"mix\.txt:7: no exits of Intel VMX"),
        (perf({"npf": 10, "vintr": 3}), r"mix\.txt:7: no exits of Intel VMX: 'npf' is none"),
        (perf({"hlt": 900, "msr": 60, "npf": 9}), r"mix\.txt:8: no exits of Intel VMX: 'msr'"),
        (batch({"HLT": 900, "INTR": 60}), r"mix\.txt:\d: no exits of Intel VMX: 'INTR'"),
        (events({"EXIT_HLT": 90, "EXIT_NPF": 9}, SCRIPT), r"no exits of Intel VMX: 'EXIT_NPF'"),
        (perf({"cpuid": 9, "interrupt": 900}), r"mix\.txt:8: no exits of Intel .*'interrupt'"),
        (perf(COUNTS).replace("9554.94us      3.00us (", "\n Hello"), r"mix\.txt:7: not a row"),
        (perf(COUNTS)[: perf(COUNTS).index("9554.94us")], r"mix\.txt:7: not a row"),
        ("exits              5       6\nhalt_exits  3 4\n", r"mix\.txt:1: .*run it with -t"),
        (log(COUNTS) + "   1 2 3\n", r"mix\.txt:4: not a row of kvm_stat: 3 numbers for 6"),
        (stamped_log(COUNTS).replace("11-27", "13-27"), r"mix\.txt:2: no such time"),
        (batch(COUNTS).replace("600\n", "9" * 400 + "\n"), r"mix\.txt:1: no rate of exits: inf"),
        (
            f"{SCRIPT.format(at=1, reason='HLT')}\n{SCRIPT.format(at=1, reason='HLT')}\n".replace(
                " 1.000000", " " + "9" * 400 + ".0", 1
            ),
            r"mix\.txt:1: no rate of exits: 0",
        ),
        (bcc(COUNTS).replace("900", "many"), r"mix\.txt:5: not a row of bcc kvmexit"),
        (
            FTRACE.format(at=1, reason="HLT").replace("reason", "r"),
            r"mix\.txt:2: .*without a reason",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(
    text: str | bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        chosen(tmp_path, text)


def test_no_such_file_a_folder_and_names_of_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for wanted, said in (
        ("./gone", "can't read './gone'"),
        ("idle_smal", "did you mean idle_small?"),
        (".", "can't read '.'"),
    ):
        with pytest.raises(ModelError, match=said):
            choose(wanted, EXITS)
    Path("idle_small").write_text(perf(COUNTS))
    assert choose("idle_small", EXITS).profile is profiles.load("idle_small")
    assert choose("./idle_small", EXITS).profile.samples == COUNTS
    Path("mine").write_text(perf(COUNTS))
    assert choose("mine", EXITS).profile.name == "mine"


def test_standard_input_is_read_anew_each_time(tmp_path: Path) -> None:
    seen = []
    for hlt in (700, 300, 700):
        text = bcc({"EXTERNAL_INTERRUPT": 1000 - hlt, "HLT": hlt})
        command = [sys.executable, "-m", "vmxlint", "--format", "json", "--select", "VMX201"]
        command += ["--cache-dir", str(tmp_path), "--profile", "-", str(FIXTURES / "kvm_before")]
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
        costs = [one["cost"] for one in json.loads(done.stdout)["findings"]]
        assert {cost["profile"] for cost in costs} == {"stdin"}
        seen.append(costs[0]["terms"][0]["per_exit"]["typical"])
    assert seen == [0.7, 0.3, 0.7]


def test_the_users_own_mix_is_looked_up_like_the_bundled_ones(tmp_path: Path) -> None:
    mix = tmp_path / "mine.txt"
    mix.write_text(perf(COUNTS))
    shown = vmxlint("model", "why", "EPT_MISCONFIG", "--profile", mix).stdout
    assert "profiles:mine.txt/EPT_MISCONFIG" in shown
    assert "1.00 % of exits, 100 of 10000" in shown
    assert "source: perf kvm stat: mine.txt" in shown


@pytest.mark.parametrize("path", ["/", "/dev/zero", "/dev/null", "/dev/urandom", sys.executable])
def test_what_is_no_text_ends_at_once(path: str) -> None:
    with pytest.raises(ModelError, match=re.escape(path)):
        choose(path, EXITS)


def test_the_command_names_file_and_line_and_exits_2(tmp_path: Path) -> None:
    bad = tmp_path / "mix \x1b[31m.txt"
    bad.write_text(perf(COUNTS).replace("3000", "3o00"))
    for command in ([], ["budget"], ["model"], ["why", "handle_cpuid"]):
        tree = [] if command == ["model"] else [str(FIXTURES / "kvm_before")]
        done = vmxlint(*command, *tree, "--profile", bad)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert ".txt:8: not a row of perf kvm stat" in done.stderr
        assert "\x1b" not in done.stderr


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, perf(COUNTS).encode())
    os.close(write)
    assert choose(f"/dev/fd/{read}", EXITS).profile.samples == COUNTS
    os.close(read)


def test_a_profile_in_the_form_of_the_bundled_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\ndescription = "d"\nsource = "s"\ntotal = 10\n[samples]\nHLT = 4\n'
        "PENDING_INTERRUPT = 2\n"
    )
    profile = choose(str(own), EXITS).profile
    assert (profile.name, profile.samples) == ("own", {"HLT": 4, "INTERRUPT_WINDOW": 2})
    assert profile.share("HLT") == 0.4
    whole = own.read_text()
    for damage, said in (
        (("total = 10", "total = 10\nexits_per_second = -5"), "exits_per_second should be above 0"),
        (("total = 10", "total = 10\nexits_per_second = 0"), "exits_per_second should be above 0"),
        (("total = 10", f"total = {'9' * 400}"), "more than"),
    ):
        own.write_text(whole.replace(*damage))
        with pytest.raises(ModelError, match=said):
            choose(str(own), EXITS)
    own.write_text("samples = 3\n")
    with pytest.raises(ModelError, match=r"own\.toml.*samples should be"):
        choose(str(own), EXITS)


@pytest.mark.parametrize("release", ["5.0.1", "5.3.1", "6.1", "6.12"])
def test_all_names_of_the_kernels_own_tables_are_known(release: str) -> None:
    uapi = kernel(release) / "arch/x86/include/uapi/asm/vmx.h"
    if not uapi.is_file():
        pytest.skip("no uapi/asm/vmx.h")
    names = [line.split()[1] for line in uapi.read_text().splitlines() if "#define EXIT_R" in line]
    assert len(names) > 50
    assert [name for name in names if EXITS.canonical(name) is None] == []


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(EXITS.reasons)), st.integers(0, 10**9), min_size=1))
def test_any_counts_come_back_from_perf(counts: dict[str, int]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        if not sum(counts.values()):
            return
        profile = chosen(Path(folder), perf(counts)).profile
    assert profile.samples == counts
    assert sum(map(profile.share, counts)) == pytest.approx(1)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_but_a_mix_or_a_clear_error(data: bytes) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        try:
            chosen(Path(folder), data)
        except ModelError as error:
            assert "mix.txt:" in str(error)
