"""A clean Debian in a directory, with systemd as its first process: what a firm's machine is before anything of ours is on it.

Needs root, mmdebstrap with a Debian archive (once: the root is kept in .cache/deploy), and a kernel that lets systemd run in a control
group of its own. `why_not` says what is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_KEPT = ROOT / ".cache" / "deploy" / "bookworm.tar"
_PACKAGES = "python3,python3-venv,locales,systemd,systemd-sysv,adduser,ca-certificates"
_ARCHIVE = "http://deb.debian.org/debian"
_MASKED = (
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-sysctl.service",
)
_MASKED_TOO = ("systemd-modules-load.service", "systemd-networkd.service", "systemd-timesyncd.service", "getty.target")
_BOOTSTRAP_SECONDS, _SECONDS = 1800, 120.0
_CLEAN = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8")
_GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def why_not() -> str:
    """What keeps a clean root from being made here; empty where nothing does."""
    if os.getuid() != 0:
        return "needs root, for chroot and namespaces"
    if shutil.which("dpkg-deb") is None or shutil.which("unshare") is None:
        return "needs dpkg-deb and unshare: a Debian machine"
    if not _KEPT.exists() and shutil.which("mmdebstrap") is None:
        return "needs mmdebstrap; to have it: apt-get install -y mmdebstrap"
    return ""


class CleanRoot:
    """The root in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        """Unpack it; the first time it is made, which takes minutes."""
        self.path = directory
        self._group: Path | None = None
        self._outer: subprocess.Popen[bytes] | None = None
        self._first = 0
        """systemd's number, outside"""
        if not _KEPT.exists():
            _KEPT.parent.mkdir(parents=True, exist_ok=True)
            made = _KEPT.with_suffix(f".{os.getpid()}.tar")
            command = ["mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(made), _ARCHIVE]
            subprocess.run(command, check=True, timeout=_BOOTSTRAP_SECONDS)
            made.rename(_KEPT)
        directory.mkdir()
        subprocess.run(["tar", "-xf", str(_KEPT), "-C", str(directory)], check=True, timeout=_BOOTSTRAP_SECONDS)
        for unit in (*_MASKED, *_MASKED_TOO):
            (directory / "etc/systemd/system" / unit).symlink_to("/dev/null")

    def file(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write one inside; `path` begins with /."""
        place = self.path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def beside_systemd(self, *command: str, own_network: bool = True) -> list[str]:
        """The words that run a command inside while systemd is at work; without `own_network` in this machine's network."""
        spaces = ["-a"] if own_network else ["-m", "-p", "-u", "-i", "-C"]
        return ["nsenter", *spaces, "-t", str(self._first), "-r", "-w", *_CLEAN, *command]

    def net(self, *command: str) -> None:
        """Run a command of this machine's, `ip` say, in the root's network."""
        subprocess.run(["nsenter", "-n", "-t", str(self._first), *command], check=True, timeout=_SECONDS)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside: beside systemd where it is at work, in the bare root otherwise."""
        way = self.beside_systemd(*command)
        if not self._first:
            way = ["unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', str(self.path)]
            way += [*_CLEAN, *command]
        return subprocess.run(
            way,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=check,
        )

    def boot(self) -> str:
        """Start systemd; why it could not, or empty."""
        base = next((place for place in _GROUPS if (place / "cgroup.procs").exists()), None)
        if base is None:
            return "there are no control groups of version 2"
        self._group = base / f"ctp-relay-deploy-{os.getpid()}"
        self._group.mkdir()
        inner = ["unshare", "-m", "-p", "-f", "-u", "-i", "-n", "-C", "--kill-child", str(ROOT / "tests/deploy/boot")]
        join = f'echo $$ >"{self._group}/cgroup.procs" && exec "$@"'
        log = self.path.with_suffix(".boot.log")
        with log.open("wb") as out:
            command = ["sh", "-c", join, "sh", *inner, str(self.path)]
            self._outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and self._outer.poll() is None:
            children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text(encoding="ascii")
            if children and Path(f"/proc/{children.split()[0]}/comm").read_text(encoding="ascii").strip() == "systemd":
                self._first = int(children.split()[0])
                if self.run("systemctl", "is-system-running", check=False).stdout.strip() in {"running", "degraded"}:
                    return ""
            time.sleep(0.2)
        self.halt()
        return f"systemd did not come up: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"

    def halt(self) -> None:
        """End systemd and everything below it; idempotent."""
        if self._outer is not None:
            self._outer.send_signal(signal.SIGKILL)  # its child goes with it
            self._outer.wait(30)
        self._outer, self._first = None, 0
        deadline = time.monotonic() + _SECONDS
        while self._group is not None and self._group.exists() and time.monotonic() < deadline:
            for inner in sorted(self._group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    inner.rmdir()
            with contextlib.suppress(OSError):
                self._group.rmdir()
            time.sleep(0.1)
