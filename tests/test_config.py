"""Configuration: which file counts, what it may say, and that it is data and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES
from vmxlint.config import Config, ConfigError, nearest, parsed

BEFORE = FIXTURES / "kvm_before"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The demo tree in a git repository, as far as git's root is looked for."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    shutil.copytree(BEFORE, tmp_path / "repository" / "kvm")
    return tmp_path / "repository" / "kvm"


def rules(*args: str | Path, cwd: Path = FIXTURES) -> set[str]:
    done = vmxlint("--format", "json", *args, cwd=cwd)
    assert done.returncode in (0, 1), done.stderr
    return {finding["rule"] for finding in json.loads(done.stdout)["findings"]}


def test_the_nearest_file_counts_alone(tree: Path) -> None:
    (tree.parent / "vmxlint.toml").write_text('select = ["VMX101"]\nignore = ["VMX302"]\n')
    assert rules(tree) == rules(tree / "vmx" / "vmx.c") == {"VMX101"}
    (tree / "vmxlint.toml").write_text('select = ["control-toggle,VMX302"]\n')
    assert rules(tree) == rules(".", cwd=tree / "vmx") == {"VMX101", "VMX302"}
    assert rules("--select", "VMX201", tree) == {"VMX201"}
    assert rules("--isolated", tree) == rules(BEFORE)
    assert rules("--config", tree.parent / "vmxlint.toml", tree) == {"VMX101"}


def test_pyproject_counts_if_it_has_our_table(tree: Path) -> None:
    (tree.parent / "pyproject.toml").write_text('[tool.vmxlint]\nselect = ["VMX101"]\n')
    (tree / "pyproject.toml").write_text('[tool.other]\nselect = ["vmxlint"]\n')
    assert rules(tree) == {"VMX101"}
    (tree.parent / "vmxlint.toml").write_text('select = ["VMX302"]\n')
    assert rules(tree) == {"VMX302"}


def test_nothing_above_the_git_root_counts(tree: Path) -> None:
    (tree.parent.parent / "vmxlint.toml").write_text("what is this?")
    assert rules(tree) == rules(BEFORE)


def test_without_git_the_search_ends_below_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "vmxlint.toml").write_text("audit = true\n")
    assert nearest(tmp_path / "a" / "b").values == {"audit": True}
    monkeypatch.setattr("vmxlint.config.TOO_WIDE", frozenset({tmp_path}))
    assert nearest(tmp_path / "a" / "b") == Config()


def test_several_paths_have_the_configuration_of_what_is_around_them(tree: Path) -> None:
    (tree.parent / "vmxlint.toml").write_text('select = ["VMX101"]\n')
    (tree / "vmx" / "vmxlint.toml").write_text('select = ["VMX302"]\n')
    assert rules(tree / "vmx", tree / "x86.c") == rules(tree / "x86.c", tree / "vmx") == {"VMX101"}


def test_every_kind_of_value(tree: Path) -> None:
    vmxlint("baseline", "write", tree, "--baseline", tree / "b.json", "--reason", "old")
    (tree / "vmxlint.toml").write_text(
        'ignore = ["VMX101"]\naudit = true\nmin-cycles = 1.5\nfail-on = "error"\ncpu = "skylake"\n'
        'format = "concise"\nstatistics = true\nbaseline = "b.json"\nshow-suppressed = true\n'
        '[per-file-ignores]\n"vmx/nested.c" = ["VMX302"]\n"*.h" = ["VMX301", "VMX302"]\n'
    )
    done = vmxlint(tree)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines
    assert all("(suppressed)" in one or "[VMX105]" in one or "[VMX60" in one for one in lines)
    assert not [one for one in lines if "[VMX101]" in one or "[VMX301]" in one]
    assert not [one for one in lines if "nested.c" in one and "[VMX302]" in one]


def test_per_file_ignores_on_the_command_line(tree: Path) -> None:
    assert "VMX201" in rules(tree)
    for pattern in ("vmx/vmx.c", "*/vmx.c", "vmx.c", "kvm/vmx/*"):
        found = rules(
            "--per-file-ignores", f"{pattern}:VMX201,cache-per-vcpu", tree, cwd=tree.parent
        )
        assert "VMX201" not in found
    assert "VMX201" in rules("--per-file-ignores", "vmx.h:VMX201", tree)


@pytest.mark.parametrize("path", (".", "arch", "arch/x86/kvm", "arch/x86/kvm/vmx/vmx.c"))
def test_per_file_ignores_hold_for_whichever_path_is_asked_about(tmp_path: Path, path: str) -> None:
    shutil.copytree(BEFORE, tmp_path / "arch/x86/kvm")
    assert "VMX201" in rules(path, cwd=tmp_path)
    (tmp_path / "vmxlint.toml").write_text('[per-file-ignores]\n"vmx/vmx.c" = ["VMX201"]\n')
    assert "VMX201" not in rules(path, cwd=tmp_path)
    (tmp_path / "vmxlint.toml").write_text('[per-file-ignores]\n"mx/vmx.c" = ["VMX201"]\n')
    assert "VMX201" in rules(path, cwd=tmp_path)


def test_settings_are_shown_with_where_they_are_from(tree: Path) -> None:
    file = tree / "vmxlint.toml"
    file.write_text('select = ["VMX101"]\nmin-cycles = 3\n')
    done = vmxlint("--show-settings", "--select", "VMX302", tree)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"# configuration: {file}"
    assert 'select = ["VMX302"]  # command line' in lines
    assert f"min-cycles = 3.0  # {file}" in lines
    assert "audit = false  # default" in lines
    assert "# baseline is not set  # default" in lines
    assert vmxlint("--show-settings", "--isolated", tree).stdout.startswith(
        "# configuration: none\n"
    )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("selct = []", "unknown key 'selct'; did you mean 'select'?"),
        ("min_cycles = 1", "unknown key 'min_cycles'; did you mean 'min-cycles'?"),
        ("xyzzy = 1", "unknown key 'xyzzy'"),
        ("[tool.vmxlint]", "unknown key 'tool'"),
        ("select = 'VMX101'", "select: must be a list of text"),
        ("select = [1]", "select: must be a list of text"),
        ("select = ['VMX999']", "select: no rule 'VMX999'"),
        ("ignore = ['control-togle']", "did you mean VMX101 control-toggle?"),
        ("audit = 1", "audit: must be true or false"),
        ("min-cycles = true", "min-cycles: must be a number"),
        ("min-cycles = -1", "min-cycles: -1"),
        ("min-cycles = nan", "min-cycles: "),
        ("fail-on = 'never'", "fail-on: 'never' is not one of"),
        ("cpu = 7", "cpu: must be text"),
        ("per-file-ignores = 7", "per-file-ignores: must be a table"),
        ("[per-file-ignores]\n'*' = 'VMX101'", "per-file-ignores: '*' must be a list of rules"),
        ("[per-file-ignores]\n'*' = ['VMX9']", "per-file-ignores: no rule 'VMX9'"),
        ("baseline = '../b.json'", "baseline: '../b.json' lies outside"),
        ("baseline = '/etc/passwd'", "baseline: '/etc/passwd' lies outside"),
        ("baseline = 'link/b.json'", "baseline: 'link/b.json' lies outside"),
        ("profile = '../p.txt'", "profile: '../p.txt' lies outside"),
        ("a = ", "is no TOML"),
        ("\xff", "is no TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(content: str, named: str, tree: Path) -> None:
    (tree / "link").symlink_to(FIXTURES)
    file = tree / "vmxlint.toml"
    file.write_text(content, "latin-1")
    done = vmxlint(tree)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert str(file) in done.stderr
    assert named in done.stderr


THEIRS = "output color jobs exit-zero quiet terse config isolated show-settings sarif-provenance"


@pytest.mark.parametrize("key", THEIRS.split())
def test_what_only_the_user_may_say(key: str, tree: Path) -> None:
    (tree / "vmxlint.toml").write_text(f'{key} = "x"\n')
    done = vmxlint(tree)
    assert done.returncode == 2
    assert f"{key!r} can be set on the command line only" in done.stderr


@pytest.mark.parametrize(
    "command", [("budget", "kvm"), ("why", "exchange_vmcs", "kvm"), ("model", "operations")]
)
def test_every_command_with_prices_heeds_it(command: tuple[str, ...], tree: Path) -> None:
    plain = vmxlint(*command, cwd=tree.parent)
    (tree.parent / "vmxlint.toml").write_text('cpu = "core2"\nselect = ["VMX101"]\n')
    asked = vmxlint(*command, "--isolated", "--cpu", "core2", cwd=tree.parent)
    assert (asked.returncode, vmxlint(*command, cwd=tree.parent).stdout) == (0, asked.stdout)
    assert vmxlint(*command, "--cpu", "skylake", cwd=tree.parent).stdout == plain.stdout
    shown = vmxlint(*command, "--show-settings", cwd=tree.parent)
    assert 'cpu = "core2"  # ' in shown.stdout and 'format = "text"' in shown.stdout


WRONG = {
    "cpu": ('"no such"', "no CPU family 'no such'"),
    "environment": ('"L7"', "no environment 'L7'"),
    "profile": ('"no such"', "no profile 'no such'"),
    "exits-per-second": ("-1", "should be above 0"),
    "tsc-ghz": ("1e9", "should be above 0"),
    "model": ('"absent.toml"', "absent.toml"),
}


@pytest.mark.parametrize("key", WRONG)
def test_what_prices_wrongly_is_told_with_its_file(key: str, tree: Path) -> None:
    value, said = WRONG[key]
    (tree.parent / "vmxlint.toml").write_text(f"{key} = {value}\n")
    done = vmxlint("kvm", cwd=tree.parent)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"vmxlint.toml: {key}: " in done.stderr and said in done.stderr


def test_a_hostile_file_writes_and_runs_nothing(tree: Path) -> None:
    marker = tree.parent / "marker"
    hostile = [
        f'output = ["json={marker}"]',
        f'cache-dir = "{marker}"',
        f'require = ["{tree}/evil.py"]\nplugins = ["{tree}/evil.py"]',
        f'command = "touch {marker}"',
        f'model = "{marker}"',
        f'select = ["$(touch {marker})", "`touch {marker}`"]',
    ]
    (tree / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    (tree / "conftest.py").write_text(f"open({str(marker)!r}, 'w')")
    for content in hostile:
        (tree / "vmxlint.toml").write_text(content)
        assert vmxlint(tree, cwd=tree).returncode == 2
        assert not marker.exists()


def test_config_and_isolated_exclude_each_other(tree: Path) -> None:
    done = vmxlint("--config", "x.toml", "--isolated", tree)
    assert (done.returncode, done.stderr) == (
        2,
        "vmxlint: --config and --isolated exclude each other\n",
    )
    done = vmxlint("--config", "no/such.toml", tree)
    assert done.stderr == "vmxlint: can't read 'no/such.toml': no such file or directory\n"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_an_error(data: bytes) -> None:
    for name in ("vmxlint.toml", "pyproject.toml"):
        try:
            assert parsed(data, Path(name)).path in (None, Path(name))
        except ConfigError as error:
            assert name in str(error)
