"""Real kernels, never committed: a folder that VMXLINT_KERNELS names, or Debian's packages in CI.

The folder holds one source tree a version: 5.0.1, 5.3.1, 6.1, 6.12, each with its arch/x86/kvm. In
CI, where CI=true, the two that Debian packages are fetched by apt-get into the user's cache folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

KVM = "arch/x86/kvm"
DEBIAN = ("6.1", "6.12")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vmxlint-tests"


def kernel(version: str) -> Path:
    """The root of that kernel's tree; the test is skipped, saying why, if it can't be had."""
    if folder := os.environ.get("VMXLINT_KERNELS"):
        root = Path(folder) / version
        if not (root / KVM).is_dir():
            pytest.skip(f"no {version}/{KVM} in VMXLINT_KERNELS")
        return root
    if version not in DEBIAN or os.environ.get("CI") != "true":
        pytest.skip(f"Linux {version} is not here: set VMXLINT_KERNELS (CI fetches Debian's)")
    return _from_debian(version)


def _from_debian(version: str) -> Path:
    root = _CACHE / version
    _CACHE.mkdir(parents=True, exist_ok=True)
    with _CACHE.joinpath("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may want it
        if not (root / KVM).is_dir():
            with TemporaryDirectory(dir=_CACHE) as work:
                _fetched(f"linux-source-{version}", Path(work)).rename(root)
    return root


def _fetched(package: str, work: Path) -> Path:
    if not shutil.which("apt-get"):
        pytest.skip(f"no apt-get to fetch {package} with")
    got = subprocess.run(["apt-get", "download", package], cwd=work, capture_output=True)
    if got.returncode:
        pytest.skip(f"apt-get can't download {package}")
    subprocess.run(["dpkg", "-x", next(work.glob("*.deb")), work], check=True)
    archive = next((work / "usr/src").glob("*.tar.xz"))
    subprocess.run(["tar", "-xf", archive, "-C", work, f"{package}/{KVM}"], check=True)
    return work / package
