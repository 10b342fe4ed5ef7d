"""`ctp-relay` begun in a process that has its imports behind it, so that a test waits for the relay and not for Python.

A relay of the tests spends two thirds of its start on imports, and a run of all tests starts hundreds. So the first start
of a test process leaves a `Nursery` behind: `python -m tests.e2e.nursery`, one thread, nothing but imports done. It
forks once for every start. The child takes the directory, the environment, the outputs and the words that it would have
got from an exec, and runs the same entry point. What an exec alone decides is kept as well: libraries that are preloaded
or looked for elsewhere (`LD_…`) have a nursery of their own, and whoever wants other modules or fewer descriptors execs.

The socket carries one packet a start: a JSON object and the descriptors of the output and of a pipe. The answer is the
child's id. The pipe gets its exit status, when it has one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = [sys.executable, "-c", "from relay.cli.app import app; app()"]
PATHS = [path for path in sys.path if path]
_nurseries: dict[frozenset[tuple[str, str]], Nursery] = {}


class WarmProcess:
    """A process that a nursery forked; waited for and signalled as a `subprocess.Popen` is."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit status, a signal's number negative; None while it runs."""
        return self._read(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        status = self._read(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(PROGRAM, timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Nothing happens to a process that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            said = os.read(self._ended, 64)
            os.close(self._ended)
            self.returncode = os.waitstatus_to_exitcode(int(said)) if said else -signal.SIGKILL
        return self.returncode


class Nursery:
    """The other side of a process that forks relays. It ends with the process that made it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.nursery", str(theirs.fileno())],
                env={**environment, "PYTHONPATH": os.pathsep.join(PATHS)},
                cwd=Path(__file__).parents[2],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()

    def begin(self, directory: Path, output: int, environment: Mapping[str, str], words: list[str]) -> WarmProcess:
        """Start `ctp-relay WORDS` in a directory, both its outputs into `output`."""
        ended, theirs = os.pipe()
        asked = json.dumps({"cwd": str(directory), "environment": dict(environment), "words": words}).encode()
        socket.send_fds(self._socket, [asked], [output, theirs])
        os.close(theirs)
        return WarmProcess(int(self._socket.recv(64)), ended)


def begin(directory: Path, output: int, environment: Mapping[str, str], words: list[str]) -> WarmProcess:
    """As a process of `environment` would start it; the first such one waits for the imports."""
    linker = {name: value for name, value in environment.items() if name.startswith("LD_")}
    key = frozenset(linker.items())
    if key not in _nurseries:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
        _nurseries[key] = Nursery({**plain, **linker})
    return _nurseries[key].begin(directory, output, environment, words)
