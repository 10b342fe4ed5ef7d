"""A worker as its supervisor sees it: one that goes silent is ended and started again, one that speaks is left alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from relay.workers import worker_process
from relay.workers.crashes import WorkerCrashes
from relay.workers.worker_process import WorkerProcess, WorkerState
from relay.workers.worker_settings import WorkerPlace
from tests.relay.workers.test_worker_settings import settings

pytestmark = pytest.mark.asyncio
PROGRAM = f"""#!{sys.executable} -ES
import os, pathlib, signal, socket, sys, time
lives = pathlib.Path(sys.argv[3])  # where the settings would be
before = len(lives.read_text()) if lives.exists() else 0
with lives.open("a") as file:
    file.write("x")
signal.signal(signal.SIGABRT, signal.SIG_IGN)
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
say = lambda text: out.sendto(text.encode(), chr(0) + os.environ["NOTIFY_SOCKET"][1:])
say("READY=1")
if before == 0:
    time.sleep(600)
fed = lives.with_suffix(".fed")
while True:
    say("WATCHDOG=1")
    with fed.open("a") as file:
        file.write("x")
    time.sleep(0.1)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for a worker, and its supervisor waits less long; where it keeps how often it has lived."""
    file = tmp_path / "worker"
    file.write_text(PROGRAM, encoding="utf-8")
    file.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(file))
    for name, seconds in (("_SILENT_SECONDS", 1.0), ("_LOOK_SECONDS", 0.05), ("_ABORT_SECONDS", 0.2)):
        monkeypatch.setattr(worker_process, name, seconds)
    return tmp_path / "lives"


async def test_one_that_goes_silent_is_ended_and_said_once(program: Path, tmp_path: Path) -> None:
    """Also where SIGABRT does not end it. It is a fault until it serves again; one that goes on speaking is left alone."""
    worker = WorkerProcess(WorkerPlace(1), program, {})
    crashes = WorkerCrashes(settings(tmp_path), {1: worker})
    edges: list[tuple[bool, str]] = []
    crashes.faults.listen(lambda edge: edges.append((edge.is_end, edge.of.why)))

    def serves(one: WorkerProcess) -> None:
        one.open(one.pid)
        crashes.look()

    worker.on_ready, worker.on_crash = serves, lambda _: crashes.look()
    keeping = asyncio.ensure_future(worker.keep())
    async with asyncio.timeout(60):
        while _size(program.with_suffix(".fed")) < 30:  # noqa: ASYNC110 - three times as long as it may be silent
            await asyncio.sleep(0.05)
    state, starts = worker.state, worker.starts
    await worker.stop(0.0)
    await keeping
    await asyncio.to_thread(crashes.close)

    why = "worker 1: it said nothing for 1 s"
    assert (state, starts) == (WorkerState.SERVING, 2)
    assert edges == [(False, why), (True, why)]
    assert [alarm.phase for alarm in reversed(crashes.recent().alarms)] == ["began", "ended"]


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
