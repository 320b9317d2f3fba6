"""Which dialect a unit is read in: by its folder, by words in its files, by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import vmxlint
from tests.fixtures import PLAIN, options
from vmxlint.engine import run
from vmxlint.model import ModelError, dialect, tables
from vmxlint.reading import whose as module
from vmxlint.reading.source import target
from vmxlint.reading.whose import whose

ACRN = dialect.load("acrn")
KNOWN = ", ".join(dialect.names())
WORD = "int vcpu_run(struct acrn_vcpu *vcpu);\n"
ENTERS = 'void enter(void) { asm volatile("vmlaunch"); }\n'
READS = """#define VMX_EXIT_REASON 0x4402
#define VMX_EXIT_REASON_CPUID 10
#define EXIT_REASON_CPUID 10
unsigned long vmread(unsigned long field) { asm volatile("vmread %0, %1" : "=r"(field)); }
int cpuid_a(void) { return vmread(VMX_EXIT_REASON); }
int cpuid_b(void) { return vmread(VMX_EXIT_REASON); }
int (*const by_a[])(void) = { [VMX_EXIT_REASON_CPUID] = cpuid_a };
int (*const by_b[])(void) = { [EXIT_REASON_CPUID] = cpuid_b };
int run(void) { enter(); return by_a[vmread(VMX_EXIT_REASON)]() + by_b[vmread(VMX_EXIT_REASON)](); }
"""


def put(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".c")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def ran(function: str, path: Path, *more: str | Path) -> tuple[str, bool]:
    """The dialect in which a function was read, and whether CPUID exits run it."""
    done = vmxlint("why", function, path, "--isolated", "--format", "json", *more)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    contexts = [one["context"] for one in answer["functions"][0]["contexts"]]
    return answer["dialect"], "exit:CPUID" in contexts


def read(*paths: Path) -> list[tuple[str, str]]:
    """The units that are read for some paths, and in which dialects."""
    report = run(map(str, paths), options())
    return [(one.path, one.dialect) for one in report.coverage.units]


def test_words_tell_wherever_they_stand(tmp_path: Path) -> None:
    root = put(tmp_path, guest__deep__run=WORD, main=ENTERS)
    assert whose(root) is ACRN
    assert whose(root / "guest" / "deep") is ACRN


def test_what_nothing_tells_is_read_as_the_plain_one(tmp_path: Path) -> None:
    root = put(tmp_path, main=ENTERS, guest="int run(struct acrn_vcpu_regs *);\n")
    assert whose(root) is PLAIN
    assert read(root) == [(".", "kvm")]


def test_where_the_folder_tells_no_file_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put(tmp_path, arch__x86__kvm__vmx=WORD + ENTERS)
    monkeypatch.delattr(module, "read")
    assert whose(root / "arch" / "x86" / "kvm") is PLAIN
    assert target(str(root), None).unit == root / "arch" / "x86" / "kvm"


def test_a_folder_of_that_name_is_a_unit_if_its_files_say_so(tmp_path: Path) -> None:
    ours = put(tmp_path / "ours", hypervisor__arch__x86__run=WORD + ENTERS, tools__one=ENTERS)
    others = put(tmp_path / "others", hypervisor__arch__x86__run=ENTERS, tools__one=ENTERS)
    assert target(str(ours), None).unit == ours / "hypervisor"
    assert target(str(ours / "hypervisor/arch/x86/run.c"), None).unit == ours / "hypervisor"
    assert target(str(others), None).unit == others
    assert target(str(others), ACRN).unit == others / "hypervisor"
    assert target(str(ours), PLAIN).unit == ours


def test_only_so_many_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put(tmp_path, a=ENTERS, b=ENTERS, c=WORD)
    assert whose(root) is ACRN
    monkeypatch.setattr(module, "MOST", 2)
    assert whose(root) is PLAIN


def test_hypervisors_side_by_side_have_each_its_own(tmp_path: Path) -> None:
    put(tmp_path, acrn__hypervisor__run=WORD + ENTERS + READS)
    put(tmp_path, linux__arch__x86__kvm__vmx=ENTERS + READS)
    units = [("acrn/hypervisor", "acrn"), ("linux/arch/x86/kvm", "kvm")]
    assert read(tmp_path) == units
    assert read(tmp_path / "linux", tmp_path / "acrn") == [
        ("hypervisor", "acrn"),
        ("arch/x86/kvm", "kvm"),
    ]
    done = vmxlint(tmp_path, "--isolated")
    assert "(dialect acrn)" in done.stderr
    assert "dialect" not in vmxlint(tmp_path / "linux", "--isolated").stderr
    assert ran("cpuid_a", tmp_path / "acrn") == ("acrn", True)
    assert ran("cpuid_b", tmp_path / "acrn") == ("acrn", False)
    assert ran("cpuid_b", tmp_path / "linux") == ("kvm", True)


def test_a_name_counts_more_than_words(tmp_path: Path) -> None:
    root = put(tmp_path, run=WORD + ENTERS + READS)
    assert ran("cpuid_a", root) == ("acrn", True)
    assert ran("cpuid_b", root, "--dialect", "kvm") == ("kvm", True)
    budgeted = json.loads(vmxlint("budget", root, "--dialect", "kvm", "--format", "json").stdout)
    assert budgeted["dialect"] == "kvm"


def test_a_name_that_is_none(tmp_path: Path) -> None:
    root = put(tmp_path, run=ENTERS)
    for command in (["check"], ["budget"], ["why", "enter"]):
        done = vmxlint(*command, root, "--dialect", "bochs")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"vmxlint: no dialect 'bochs'; known: {KNOWN}\n"


def test_a_configuration_may_name_one(tmp_path: Path) -> None:
    root = put(tmp_path, run=ENTERS + READS)
    file = root / "vmxlint.toml"
    file.write_text('dialect = "acrn"\n')
    done = vmxlint(root, "--format", "json")
    assert json.loads(done.stdout)["coverage"]["units"] == [{"path": ".", "dialect": "acrn"}]
    file.write_text('dialect = "bochs"\n')
    done = vmxlint(root)
    assert done.returncode == 2
    assert done.stderr == f"vmxlint: {file}: dialect: no dialect 'bochs'; known: {KNOWN}\n"


def test_the_cache_gives_no_other_dialects_answer(tmp_path: Path) -> None:
    root, kept = put(tmp_path / "tree", run=ENTERS + READS), tmp_path / "kept"

    def said(*more: str | Path) -> str:
        return vmxlint(root, "--isolated", "--audit", "--format", "json", *more).stdout

    plain = {name: said("--dialect", name, "--no-cache") for name in ("acrn", "kvm")}
    assert plain["acrn"] != plain["kvm"]
    for name in ("acrn", "kvm", "kvm", "acrn"):
        assert said("--dialect", name, "--cache-dir", kept) == plain[name]
    assert said("--cache-dir", kept) == said("--no-cache") == plain["kvm"]
    (root / "word.c").write_text(WORD)
    assert said("--cache-dir", kept) == said("--no-cache")


def made(folder: Path, text: str) -> dialect.Dialect:
    (folder / "dialects").mkdir(exist_ok=True)
    (folder / "dialects" / "some.toml").write_text(text)
    (folder / "borrowed.toml").write_text((tables.FOLDER / "borrowed.toml").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FOLDER", folder)
        dialect._read.cache_clear()
        try:
            return dialect.load.__wrapped__("some")
        finally:
            dialect._read.cache_clear()


HEAD = 'schema = 1\n[dialect]\nid = "some"\nname = "Some"\nsource = "here"\n'


def test_all_but_the_head_may_be_left_out(tmp_path: Path) -> None:
    some = made(tmp_path, HEAD)
    assert (some.id, some.words, some.folders, some.reason_prefix) == (
        "some",
        (),
        (),
        "EXIT_REASON_",
    )
    assert "WARN_ON" in some.failure
    assert "KVM_BUG_ON" not in some.failure


def test_a_dialect_says_more_than_what_is_borrowed(tmp_path: Path) -> None:
    some = made(tmp_path, HEAD + '[exit_reasons]\nprefix = "X_"\n[cold]\nfailure = ["ASSERT"]\n')
    assert some.reason_prefix == "X_"
    assert {"ASSERT", "BUG_ON"} <= some.failure


@pytest.mark.parametrize("more", ["[matches]\n", "[match]\nword = []\n", "[ops]\nrun = 1\n"])
def test_unknown_keys_are_errors(tmp_path: Path, more: str) -> None:
    with pytest.raises(ModelError, match=r"some\.toml.*unknown keys"):
        made(tmp_path, HEAD + more)


@pytest.mark.parametrize("name", dialect.names())
def test_bundled_dialects_are_sound(name: str) -> None:
    one = dialect.load(name)
    assert one.id == name
    assert one.words or name == dialect.PLAIN
    own = dialect._read(f"dialects/{name}.toml")
    borrowed = dialect._read("borrowed.toml")
    for mine, common in zip(own[3:], borrowed[3:], strict=True):
        if not isinstance(mine, str):
            assert not set(mine) & set(common)


@pytest.mark.parametrize(("name", "twice"), [("kvm", True), ("bhyve", False)])
def test_nothing_is_counted_per_nested_round_trip_where_there_is_none(
    name: str, twice: bool, tmp_path: Path
) -> None:
    root = put(tmp_path, main=ENTERS + READS)
    done = vmxlint("why", "run", root, "--isolated", "--format", "json", "--dialect", name)
    (found,) = json.loads(done.stdout)["functions"]
    (after,) = [one for one in found["contexts"] if one["context"] == "exit"]
    assert after["per_exit"]["typical"] == 1
    assert (after["per_nested_round_trip"]["typical"] == 2) is twice


def test_an_ability_that_nobody_knows_is_an_error() -> None:
    table = tables.Table("own.toml", {"without": ["nested guest"]})
    with pytest.raises(ModelError, match=r"own\.toml: without: not one of nested guests"):
        dialect.abilities(table)
