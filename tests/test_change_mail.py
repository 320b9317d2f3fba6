"""What may be in a file of patches, and the replies to it."""

from __future__ import annotations

import base64
import quopri
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import VMX, WANTED, Edit, define, entry
from tests.repositories import AFTER, Repository, environment, is_toggle, rules, vmxlint
from tests.test_change import CALL, COLD, TOGGLE, series


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def mailed(repository: Repository, *edits: Edit, options: tuple[str, ...] = ()) -> bytes:
    """A commit with these edits as a mail; the repository is then as before."""
    repository.committed("KVM: VMX: Change something", *edits)
    mail = repository.mails(1, *options)
    repository.git("reset", "-q", "--hard", "HEAD~1")
    return mail


def patched(repository: Repository, text: bytes, *arguments: str) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = repository.change("--patch", "-", *arguments, given=text)[
        "findings"
    ]
    return findings


def test_forms_of_one_patch(repository: Repository, tmp_path: Path) -> None:
    mail = mailed(repository, *TOGGLE)
    body = mail.partition(b"\n\n")[2]
    diff = body[body.index(b"diff --git") :]
    crlf = mail.replace(b"\n", b"\r\n")
    unnumbered = re.sub(rb"^index .*\n", b"", diff, flags=re.M)
    plain = re.sub(rb"^diff --git .*\n", b"", unnumbered, flags=re.M)
    shown = b"commit 0123\nAuthor: a <a@b>\nDate:   today\n\n    KVM: Subject\n\n" + diff
    bare = mail.partition(b"\n")[2]
    returned = diff.replace(b"\n", b"\r\n")
    copies = mail + mail  # one from the list, one sent directly
    for text in (
        mail,
        crlf,
        diff,
        unnumbered,
        plain,
        shown,
        bare,
        returned,
        copies,
        b"\n\n" + mail,
    ):
        assert is_toggle(patched(repository, text)), text[:300]
    file = tmp_path / "0001.patch"
    file.write_bytes(mail)
    assert is_toggle(repository.change("--patch", file)["findings"])


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_encoded_mails(encoding: str, repository: Repository) -> None:
    mail = mailed(repository, *TOGGLE, define("/* caf\u00e9 */"))
    message = EmailMessage()
    message["From"], message["Date"] = "a@example.org", "Mon, 1 Jan 2024 00:00:00 +0000"
    message["Subject"] = "[PATCH] KVM: VMX: Caf\u00e9"
    text = mail.partition(b"\n\n")[2].decode()
    message.set_content(text, cte=encoding)
    assert base64.b64encode(b"diff")[:3] in bytes(message) or encoding != "base64"
    if encoding == "base64":
        returned = base64.encodebytes(text.replace("\n", "\r\n").encode())
    else:
        returned = re.sub(rb"(?<!=)\n", b"=0D\n", quopri.encodestring(text.encode()))
    for payload in (message.get_payload(), returned.decode()):  # the latter as Outlook sends it
        message.set_payload(payload)
        document = repository.change("--patch", "-", given=bytes(message))
        assert is_toggle(document["findings"])
        assert document["findings"][0]["patch"] == 'patch "KVM: VMX: Caf\u00e9"'


def test_a_patch_for_another_commit(repository: Repository) -> None:
    start = repository.git("rev-parse", "HEAD").strip()
    options = (f"--base={start}",)
    repository.committed("KVM: VMX: Change", *TOGGLE)
    named, plain = repository.mails(1, *options), repository.mails(1)
    assert b"base-commit: " in named
    repository.git("reset", "-q", "--hard", start)
    repository.committed(
        "KVM: VMX: In the way",
        (VMX, "static void park_deadline_timer", "static void  park_deadline_timer"),
        (VMX, "U32_MAX", "(U32_MAX)"),
    )
    assert is_toggle(patched(repository, named))
    assert is_toggle(patched(repository, plain, "--base", "HEAD~1"))
    done = repository.check("--patch", "-", given=plain)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (
        b'vmxlint: patch "KVM: VMX: Change" doesn\'t apply to HEAD: patch failed: vmx/vmx.c:106\n'
    )
    unknown = re.sub(rb"base-commit: .{40}", b"base-commit: " + b"1" * 40, named)
    done = repository.check("--patch", "-", given=unknown)
    assert b"doesn't apply to HEAD" in done.stderr


def test_a_branch_that_has_the_patches_already(repository: Repository) -> None:
    series(repository)
    mails = repository.mails(3)
    one_by_one = [b"From " + one for one in mails.split(b"\nFrom ")]
    one_by_one[0] = one_by_one[0].removeprefix(b"From ")
    assert rules(repository.change("--patch", "-", given=mails)["findings"]) == ["VMX102"]
    found = [patched(repository, one + b"\n") for one in one_by_one]
    assert is_toggle(found[0])
    assert rules(found[1]) == ["VMX102"]
    assert not found[2]


def test_what_is_no_patch(repository: Repository) -> None:
    for text in (b"", b"\n", b"hello\n", b"\0\xff", b"# a script\ndo(something)\n"):
        done = repository.check("--patch", "-", given=text)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr == b"vmxlint: no patch in '-'\n"
    done = repository.check("--patch", "no/such")
    assert (done.returncode, done.stderr) == (
        2,
        b"vmxlint: can't read 'no/such': no such file or directory\n",
    )
    cover = b"From: a <a@b>\nSubject: [PATCH 0/2] KVM: Series\n\n vmx.c | 2 +-\n"
    done = repository.check("--patch", "-", given=cover)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"no patch" in done.stderr
    broken = mailed(repository, *TOGGLE).replace(b"@@ -", b"@@ ")
    assert repository.check("--patch", "-", given=broken).returncode == 2


def test_a_patch_that_leads_out_of_the_tree_is_refused(
    repository: Repository, tmp_path: Path
) -> None:
    for name in (b"../outside.c", b".git/hooks/post-checkout", b"/etc/outside.c"):
        patch = b"--- /dev/null\n+++ b/" + name + b"\n@@ -0,0 +1 @@\n+int x;\n"
        done = repository.check("--patch", "-", given=patch)
        assert done.returncode in (0, 2)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["repository"]


def test_a_patch_makes_a_link_and_writes_through_it(repository: Repository, tmp_path: Path) -> None:
    patch = f"""diff --git a/vmx/out b/vmx/out
new file mode 120000
--- /dev/null
+++ b/vmx/out
@@ -0,0 +1 @@
+{tmp_path}
\\ No newline at end of file
diff --git a/vmx/out/evil.c b/vmx/out/evil.c
new file mode 100644
--- /dev/null
+++ b/vmx/out/evil.c
@@ -0,0 +1 @@
+int evil;
""".encode()
    repository.check("--patch", "-", given=patch)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["repository"]


def test_new_renamed_copied_and_deleted_files(repository: Repository) -> None:
    repository.committed(
        "toggle", *TOGGLE, entry("renew(vmx);"), define("void renew(struct vcpu_vmx *vmx);")
    )
    repository.git("mv", VMX, "vmx/a b\u00e9.c")
    text = f'#include "vmx.h"\nvoid renew(struct vcpu_vmx *vmx)\n{{\n\t{WANTED}\n}}\n'
    repository.committed("KVM: VMX: Rename", ("vmx/new.c", "", text))
    mail = repository.mails(1, "-M", "-C")
    repository.git("reset", "-q", "--hard", "HEAD~1")
    document = repository.change("--patch", "-", given=mail)
    assert rules(document["findings"]) == ["VMX102"]
    assert not document["change"]["fixed"]
    repository.git("rm", "-q", VMX)
    repository.commit("KVM: VMX: Remove")
    mail = repository.mails()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    assert is_toggle(repository.change("--patch", "-", given=mail)["change"]["fixed"])


def test_the_newest_version_of_a_series_in_any_order(repository: Repository) -> None:
    series(repository)
    old = repository.mails(3, "-v1")
    new = repository.mails(3, "-v2", "--cover-letter")
    repository.git("reset", "-q", "--hard", "HEAD~3")
    mails = [b"From " + one for one in (old + new).split(b"\nFrom ")]
    mails[0] = mails[0].removeprefix(b"From ")
    text = b"\n".join(reversed(mails)) + b"\n"
    document = repository.change("--patch", "-", given=text)
    assert [one["patch"] for one in document["findings"]] == ['patch 2/3 "KVM: VMX: Write again"']


def test_one_patch_of_a_series_that_is_sent_anew(repository: Repository) -> None:
    series(repository)
    mails = repository.mails(3, "-v1")
    again = repository.mails(3, "-v2").split(b"\nFrom ")[1]
    repository.git("reset", "-q", "--hard", "HEAD~3")
    again = b"From " + again.replace(WANTED.encode(), f"int again; {WANTED}".encode()) + b"\n"
    change = repository.change("--patch", "-", given=mails + again)["change"]
    assert [one["number"] for one in change["patches"]] == [1, 2, 3]
    (found,) = change["new"]
    assert found["patch"] == 'patch 2/3 "KVM: VMX: Write again"'
    assert found["column"] > 10


def test_a_series_without_its_first_patch_says_so(repository: Repository) -> None:
    series(repository)
    mails = repository.mails(3)
    repository.git("reset", "-q", "--hard", "HEAD~3")
    second = b"From " + mails.split(b"\nFrom ")[1] + b"\n"
    done = repository.check("--patch", "-", given=second)
    assert b"without patch 1 of 3, not in the mail" in done.stderr
    first = mails[: mails.index(b"\nFrom ") + 1]
    for whole in (first + second, first[: first.index(b"\ndiff ") + 1] + second):  # or empty
        done = repository.check("--patch", "-", given=whole)
        assert b"without" not in done.stderr


@pytest.mark.parametrize(
    "subject",
    ("Re: {}", "AW: {}", "SV: {}", "Antw: {}", "Re[2]: {}", "[EXT] Re: {}", "Fwd: {}", "RE: foo"),
)
def test_a_diff_in_a_reply_is_no_patch(subject: str, repository: Repository) -> None:
    mail = mailed(repository, *TOGGLE)
    told = re.search(rb"^Subject: (.*)$", mail, re.M)
    assert told
    head = f"From r@x Mon Sep 17 00:00:00 2001\nFrom: r@x\nSubject: {subject}\n\nRather:\n"
    reply = head.format(told[1].decode()).encode() + mail.partition(b"\n\n")[2]
    assert is_toggle(patched(repository, reply + mail + reply))


def test_plain_files_in_no_repository(repository: Repository, tmp_path: Path) -> None:
    mail = mailed(repository, *TOGGLE)
    plain = Repository(tmp_path / "plain", below="linux/arch/x86/kvm", commit=False)
    for found in sorted(Path(plain.top, ".git").rglob("*"), reverse=True):
        found.rmdir() if found.is_dir() else found.unlink()
    Path(plain.top, ".git").rmdir()
    whole = mail.replace(b" a/vmx", b" a/arch/x86/kvm/vmx").replace(
        b" b/vmx", b" b/arch/x86/kvm/vmx"
    )
    for path in ("linux", "linux/arch/x86/kvm/vmx", "linux/arch/x86/kvm/vmx/vmx.c"):
        done = vmxlint("--patch", "-", "--terse", path, cwd=plain.top, given=whole)
        assert done.returncode == 1, done.stderr
        assert b"linux/arch/x86/kvm/vmx/vmx.c:" in done.stdout
    done = vmxlint("--patch", "-", "linux", "--base", "HEAD", cwd=plain.top, given=whole)
    assert done.returncode == 2
    assert not list(plain.top.rglob(".git"))


def test_a_reply_quotes_the_hunk(repository: Repository) -> None:
    done = repository.check("--patch", "-", "--mailback", given=mailed(repository, *TOGGLE))
    text = done.stdout.decode()
    assert done.returncode == 1
    first = text.split("\n\n")[1]
    assert first.startswith("> @@ -")
    assert 2 <= first.count("\n") <= 3
    assert "\n> +\tpin_ctls_clearbit(vmx, PIN_BASED_VMX_PREEMPTION_TIMER);\n\nVMX101: " in text
    assert "odelled, not measured" in text
    assert re.search(r"^Found by vmxlint \S+ \(VMX101\)\.$", text, re.M)
    assert not re.search(r"SDM|ection \d|Table \d|VM-exit|VM-entry|\bI\b|\bwe\b", text)
    assert all(len(line) <= 75 for line in text.split("\n") if not line.startswith(">"))


def test_a_reply_to_what_an_untouched_line_becomes(repository: Repository) -> None:
    repository.committed("cold", COLD)
    done = repository.check("--patch", "-", "--mailback", given=mailed(repository, CALL))
    text = done.stdout.decode()
    assert "\n> +\tnow_and_then(vmx);\n" in text
    assert "outside of the quoted lines" in " ".join(text.split())


def test_replies_name_the_patch_of_a_series(repository: Repository) -> None:
    series(repository)
    by_git = repository.check("--git", "HEAD-3", "--mailback")
    mails = repository.mails(3)
    repository.git("reset", "-q", "--hard", "HEAD~3")
    done = repository.check("--patch", "-", "--mailback", given=mails)
    assert done.stdout.startswith(b'In reply to patch 2/3 "KVM: VMX: Write again":\n\n> @@ ')
    assert by_git.stdout == done.stdout
    assert repository.check("--mailback", AFTER).returncode == 2


def test_suppressions_that_the_patch_adds_are_listed(repository: Repository) -> None:
    repository.committed("old", (VMX, "/* ", "/* vmxlint: ignore[VMX105] old */ /* "))
    silenced = WANTED + " /* vmxlint: ignore[VMX102] the reviewer sleeps */"
    mail = mailed(repository, entry(silenced), define("/* one more line */"))
    document = repository.change("--patch", "-", given=mail)
    assert [one["suppressed"] for one in document["findings"]] == ["the reviewer sleeps"]
    (listed,) = document["change"]["suppressions"]
    assert (listed["path"], listed["rules"]) == (VMX, ["VMX102"])
    done = repository.check("--patch", "-", given=mail)
    assert done.returncode == 0
    place = f"suppressed: {VMX}:{listed['line']}: ignores VMX102: the reviewer sleeps\n"
    assert place.encode() in done.stdout
    repository.committed("silence", entry(silenced))
    document = repository.change("--git", "HEAD")
    repository.edit((VMX, " /* vmxlint: ignore[VMX102] the reviewer sleeps */", ""))
    document = repository.change("--diff", "HEAD")
    assert rules(document["findings"]) == ["VMX102"]


def test_what_the_baseline_of_the_change_holds_back_is_listed(repository: Repository) -> None:
    def write(reason: str) -> None:
        command = ["baseline", "write", "--force", "--reason", reason, "."]
        done = subprocess.run(
            [sys.executable, "-m", "vmxlint", *command], cwd=repository.top, env=environment()
        )
        assert done.returncode == 0

    write("before our time")
    repository.committed("start", ("vmxlint.toml", "", 'baseline = "vmxlint-baseline.json"\n'))
    repository.edit(*TOGGLE)
    write("trust me")
    repository.commit("KVM: VMX: Toggle, and say that it is known")
    change = repository.change("--git", "HEAD")["change"]
    assert is_toggle(change["new"])
    assert len(change["suppressions"]) == len(change["new"])
    for one, finding in zip(change["suppressions"], change["new"], strict=True):
        assert (one["by"], one["reason"], one["rules"]) == (
            "baseline",
            "trust me",
            [finding["rule"]],
        )
    text = repository.check("--git", "HEAD").stdout.decode()
    assert re.search(r"^suppressed: \S+:\d+: the baseline ignores VMX101: trust me$", text, re.M)


def test_terse_and_quiet_for_one_patch_at_a_time(repository: Repository) -> None:
    mail = mailed(repository, *TOGGLE)
    done = repository.check("--patch", "-", "--terse", "--quiet", given=mail)
    assert not done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines
    assert all(re.fullmatch(r"vmx/\w+\.c:\d+:\d+: warning: .* \[VMX10[13]\]", one) for one in lines)
    clean = mailed(repository, define("int nothing;"))
    done = repository.check("--patch", "-", "--terse", "--quiet", given=clean)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
