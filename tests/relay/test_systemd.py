"""What systemd hears of the relay, on a real datagram socket; and that a loop that is stuck feeds no watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay import server
from relay.systemd import SystemdNotices
from tests.relay.test_server import _NO_LOG, SECRETS, settings

WATCHDOG_SECONDS = 0.3


class Systemd:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """The datagrams that have come."""
        said: list[str] = []
        while True:
            try:
                said.append(self.socket.recv(4096).decode("ascii"))
            except BlockingIOError:
                return said

    async def until(self, wanted: str) -> list[str]:
        """What came, up to the datagram in which `wanted` stands."""
        said: list[str] = []
        async with asyncio.timeout(30):
            while not any(re.search(wanted, text, re.MULTILINE) for text in said):
                said += self.heard()
                await asyncio.sleep(0.01)
        return said


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """On both kinds of socket there are."""
    opened = Systemd(str(tmp_path / "n") if request.param == "path" else f"@ctp-relay-{os.getpid()}-{time.time_ns()}")
    yield opened
    opened.socket.close()


async def test_systemd_hears_of_start_reload_and_end(systemd: Systemd, state_dir: Path) -> None:
    """The whole relay: ready when it serves, reloading and ready again, stopping with the time its end may take."""
    wanted = settings(state_dir)
    said = SystemdNotices(systemd.address)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    work = server.serve(wanted, SECRETS, _NO_LOG, lambda: wanted, ready.set_result, said)
    serving = asyncio.get_running_loop().create_task(said.watch(work))

    at_start = await systemd.until("^READY=1")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    os.kill(os.getpid(), signal.SIGHUP)
    at_reload = await systemd.until("^READY=1")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)
    at_end = await systemd.until("^STOPPING=1")

    assert ready.done()
    assert at_start[-1].startswith("READY=1\nSTATUS=ready, 0 terminal sessions")
    begun = next(text for text in at_reload if text.startswith("RELOADING=1\nMONOTONIC_USEC="))
    assert int(begun.rpartition("=")[2]) >= before
    assert at_end[-1] == "STOPPING=1\nEXTEND_TIMEOUT_USEC=61000000\nSTATUS=draining"


async def test_a_stuck_loop_feeds_no_watchdog(systemd: Systemd) -> None:
    """The watchdog is fed while the loop goes on, and hears nothing from the moment it does not."""
    said = SystemdNotices(systemd.address, WATCHDOG_SECONDS)

    async def work() -> None:
        await systemd.until("^WATCHDOG=1")
        await systemd.until("^WATCHDOG=1")
        systemd.heard()
        time.sleep(2 * WATCHDOG_SECONDS)  # noqa: ASYNC251 - the loop is stuck
        assert systemd.heard() == []
        await systemd.until("^WATCHDOG=1")

    await asyncio.wait_for(said.watch(work()), 30)


async def test_the_watchdog_is_not_fed_where_none_was_asked_for(systemd: Systemd) -> None:
    said = SystemdNotices.of_environment({"NOTIFY_SOCKET": systemd.address}, 1)
    said.status = lambda: "well"

    async def work() -> None:
        assert await systemd.until("^STATUS=well") == ["STATUS=well"]

    await said.watch(work())


def test_the_variables_are_for_this_process_alone(systemd: Systemd) -> None:
    """Programs it starts do not inherit them; a watchdog that was meant for another process is not fed."""
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "77", "LANG": "C"}
    for_us, for_another = (SystemdNotices.of_environment(dict(environment), pid) for pid in (77, 78))
    SystemdNotices.of_environment(environment, 77)

    assert environment == {"LANG": "C"}
    assert (for_us._watched, for_us._pause, for_another._watched) == (True, 1.0, False)


def test_what_a_full_socket_does_not_take_goes_out_later(systemd: Systemd) -> None:
    """READY is not lost, nothing waits, and what is kept stays small."""
    said = SystemdNotices(systemd.address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood:
        flood.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                flood.sendto(b"x", said._address)
    said.say_ready()
    for number in range(100):
        said.status = lambda number=number: f"round {number}"  # type: ignore[misc]
        said._say(*said._status())
    systemd.heard()
    said._say("WATCHDOG=1")

    assert systemd.heard() == ["READY=1\nSTATUS=round 99\nWATCHDOG=1"]


def test_without_a_manager_nothing_is_said(tmp_path: Path) -> None:
    """By variable or by a socket that is gone: one line in the log, and the relay goes on."""
    with capture_logs() as log:
        SystemdNotices().say_ready()
        gone = SystemdNotices(str(tmp_path / "none"))
        gone.say_ready()
        gone.say_ready()

    assert [line["event"] for line in log] == ["systemd_not_reached"]


async def test_a_process_that_replaces_this_one_is_followed(systemd: Systemd) -> None:
    """It finds the socket and the watchdog in its environment, for whatever process it is; the old one says no more."""
    variables = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}
    notices = SystemdNotices.of_environment(dict(variables), os.getpid())
    notices.hand_over(4711)
    notices.say_stopping(30)

    assert systemd.heard() == ["MAINPID=4711"]
    assert notices.environment == {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "15000000"}
