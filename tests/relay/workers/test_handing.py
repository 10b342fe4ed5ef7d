"""The socket between a supervisor and a worker: connections one way, room the other, and the end; and who is heard."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from relay.edge.handed import CONNECTION, LONGEST_PACKET, ROOM, TOLD, HandedConnections, Room
from relay.workers.notices import WorkerNotices

pytestmark = pytest.mark.asyncio


def said(ours: socket.socket) -> Room:
    packet = ours.recv(LONGEST_PACKET)
    assert packet[:1] == ROOM
    return Room.unpacked(packet[1:])


async def test_connections_come_in_and_room_goes_out() -> None:
    """A connection arrives open, with the address it came in at; what was taken is said, so that none is counted twice."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    outside, accepted = socket.socketpair()
    taken: asyncio.Queue[tuple[socket.socket, str]] = asyncio.Queue()
    handed = HandedConnections(theirs, {"listen.address": 50051}, 0)
    handed.start(lambda connection, key: taken.put_nowait((connection, key)), lambda: (7, True))
    with ours, theirs, outside:
        first = said(ours)
        socket.send_fds(ours, [CONNECTION + b"listen.address"], [accepted.fileno()])
        accepted.close()
        async with asyncio.timeout(30):
            connection, key = await taken.get()
            with connection:
                connection.send(b"x")
                heard = outside.recv(1)
            second = await asyncio.to_thread(said, ours)
        handed.stop()
        last = said(ours)
        asyncio.get_running_loop().remove_reader(theirs)

    assert (key, heard) == ("listen.address", b"x")
    assert [first, second, last] == [Room(0, 7, ready=True), Room(1, 7, ready=True), Room(1, 0, ready=False)]


async def test_what_one_worker_tells_the_others_hear() -> None:
    """Through the supervisor, which does not read it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    handed = HandedConnections(theirs, {}, 0)
    handed.hear = heard.put_nowait
    with ours, theirs:
        handed.tell(b"mine")
        told = ours.recv(LONGEST_PACKET)
        handed.start(lambda connection, _: connection.close(), lambda: (0, False))
        ours.send(TOLD + b"another's")
        async with asyncio.timeout(30):
            others = await heard.get()
        handed.stop()
        asyncio.get_running_loop().remove_reader(theirs)

    assert (told, others) == (TOLD + b"mine", b"another's")


async def test_a_worker_ends_when_its_supervisor_is_gone_whatever_its_loop_does() -> None:
    """A thread sees it: a loop that does not go on sees nothing."""
    program = (
        "import socket, sys, time\n"
        "from relay.edge.handed import HandedConnections\n"
        "HandedConnections(socket.socket(fileno=int(sys.argv[1])), {}, 0).watch()\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment
        [sys.executable, "-c", program, str(theirs.fileno())], stdout=subprocess.PIPE, pass_fds=[theirs.fileno()]
    ) as worker:
        theirs.close()
        assert worker.stdout is not None
        assert await asyncio.to_thread(worker.stdout.readline) == b"up\n"
        ours.close()
        try:
            code = await asyncio.to_thread(worker.wait, 30)
        finally:
            worker.kill()

    assert code == -signal.SIGTERM


async def test_only_the_worker_itself_is_heard() -> None:
    """Any program of the machine could send to the name of the socket."""
    notices = WorkerNotices()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(b"READY=1\nSTATUS=well", f"\0{notices.address[1:]}")
            anothers = notices.read()
            notices.sender = os.getpid()
            out.sendto(b"READY=1\nSTATUS=well", f"\0{notices.address[1:]}")
            own, more = notices.read(), notices.read()
    finally:
        notices.close()

    assert anothers == {}
    assert own == {"READY": "1", "STATUS": "well"}
    assert more is None
