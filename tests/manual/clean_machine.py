"""A clean Debian with systemd, and a terminal's machine beside it, on which a page's commands are typed one after the other.

Two shells stay open, one for each machine, so that folder, variables and functions are as they are for a person who types. Both see
the same files; between them is a network of two addresses. The clean Debian has no way out of it but the one for `apt`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.deploy.clean_root import CleanRoot

RELAY_ADDRESS: Final = "198.51.100.10"
TERMINAL_ADDRESS: Final = "198.51.100.20"
NAME: Final = "relay.firm.example"
_OF_THIS_MACHINE = ("etc/resolv.conf", "etc/apt/apt.conf.d/99artifact-registry")
"""how this machine reaches the archive"""
_SECONDS = 900.0
_WAITS = 400
"""how often a command that must succeed at some time is given, 0.3 s apart"""


class Shell:
    """One bash that lives on from block to block."""

    def __init__(self, command: list[str], root: Path, name: str) -> None:
        self._folder = root / "srv/trial" / f"typed-{name}"
        self._folder.mkdir(parents=True)
        self._said, self._inside, self._count = self._folder / "said", f"/srv/trial/{self._folder.name}", 0
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._write("cd /srv/trial")

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def type(self, text: str, *, until: bool = False) -> str:
        """Give a block of commands, of which none may fail, and return what they print; `until`: again until none does."""
        self._count += 1
        script, done = self._folder / f"{self._count}.sh", f"=== {self._count} "
        at = self._said.stat().st_size
        script.write_text(_until(text) if until else text, encoding="utf-8")
        self._write(f"set -e; . {self._inside}/{script.name} </dev/null; set +e; echo '{done}'")
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            printed = self._said.read_bytes()[at:].decode(errors="replace")
            if done in printed:
                return printed.partition(done)[0]
            assert not ended, f"{text}\n{printed[-4000:]}"
            time.sleep(0.1)
        raise AssertionError(f"not done in {_SECONDS:.0f} s: {text}\n{self._said.read_text(errors='replace')[-4000:]}")

    def end(self) -> None:
        """End it and what it started in the background."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


def _until(text: str) -> str:
    asked = " && ".join(text.splitlines())
    return f"for _ in $(seq {_WAITS}); do {{ {asked}; }} && break; sleep 0.3; done 2>/dev/null\n{asked}\n"


class CleanMachine:
    """The relays' machine and the terminal's."""

    def __init__(self, directory: Path) -> None:
        self.root = CleanRoot(directory)
        for file in _OF_THIS_MACHINE:
            if Path("/", file).exists():
                shutil.copy2(Path("/", file), self.root.path / file)
        self._held: list[subprocess.Popen[bytes]] = []
        self._shells: list[Shell] = []

    def start(self) -> str:
        """Boot, lay the network, open the shells; why it could not, or empty."""
        if reason := self.root.boot():
            return reason
        self.root.file("/etc/hosts", f"127.0.0.1 localhost\n{RELAY_ADDRESS} {NAME}\n")
        network = self._other_network()
        ip, pid = shutil.which("ip") or "/sbin/ip", str(network)
        self.root.net(ip, "link", "add", "relay0", "type", "veth", "peer", "name", "term0", "netns", pid)
        self.root.net(ip, "address", "add", f"{RELAY_ADDRESS}/24", "dev", "relay0")
        self.root.net(ip, "link", "set", "relay0", "up")
        for words in (
            ["address", "add", f"{TERMINAL_ADDRESS}/24", "dev", "term0"],
            ["link", "set", "term0", "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run(["nsenter", "-n", "-t", pid, ip, *words], check=True, timeout=60)
        variables = ["-u", "LC_ALL", "LANG=C.UTF-8", "HOME=/srv/trial", "DEBIAN_FRONTEND=noninteractive", "bash"]
        self.relay = self._shell("relay", self.root.beside_systemd("env", *variables))
        self.archive = self._shell("archive", self.root.beside_systemd("env", *variables, own_network=False))
        at_terminal = ["nsenter", "-n", "-t", pid, *self.root.beside_systemd("env", *variables, own_network=False)]
        self.terminal = self._shell("terminal", at_terminal)
        return ""

    def _shell(self, name: str, command: list[str]) -> Shell:
        shell = Shell(command, self.root.path, name)
        self._shells.append(shell)
        return shell

    def _other_network(self) -> int:
        """The process that holds the terminal's network."""
        held = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        self._held.append(held)
        own, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + 30
        while Path(f"/proc/{held.pid}/ns/net").readlink() == own:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return held.pid

    def background(self, *command: str) -> None:
        """A program of the test's own on the relays' machine."""
        self._held.append(subprocess.Popen(self.root.beside_systemd(*command), stdin=subprocess.DEVNULL))

    def file(self, path: str) -> Path:
        """Where a file of the machine is, from outside."""
        return self.root.path / path.lstrip("/")

    def end(self) -> None:
        """End everything that was started, and systemd."""
        for shell in self._shells:
            shell.end()
        for held in self._held:
            held.kill()
            held.wait(30)
        self.root.halt()
