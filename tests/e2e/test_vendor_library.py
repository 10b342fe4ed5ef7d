"""The relay on the vendor's own library: fronts that never answer, forty logins at a time, and nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from terminal_client import Collected
from tests.e2e.raw_stream import open_raw
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import TERMINAL, collect_now, login_message, register

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

LOGINS = 16
FEWEST_ROUNDS, MOST_ROUNDS = 3, 6
"""the first ones may leave threads of pools and connections to the database"""
DEADLINE_SECONDS = 60
"""a machine of its own takes less than eight; their instances' threads poll all the time, here beside other tests"""
# So many genuine collections would take longer than the test; what is asked here comes after they were judged.
SETTINGS = {"counter__connect_timeout_seconds": 1.5, "verification__genuineness": False}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


class OnVendorLibrary(RelayProcess):
    """A relay with nothing preloaded; its fronts are loopback addresses all the same."""

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@asynccontextmanager
async def on_vendor_library(directory: Path, address: str, tls: TlsFiles) -> AsyncIterator[OnVendorLibrary]:
    """Started, and stopped if the test has not done so."""
    relay = OnVendorLibrary(directory, Mode.MANY_TO_MANY, address, tls, SETTINGS)
    register(relay)
    await relay.start()
    try:
        mapped = await asyncio.to_thread(Path(f"/proc/{relay.pid}/maps").read_text, encoding="ascii")
        assert "openctp_ctp.libs/libthosttraderapi_se" in mapped
        yield relay
    finally:
        await relay.stop()


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds that login attempts could leave behind."""

    threads: int
    descriptors: int
    flow: int
    """folders and files of the vendor's instances"""

    @classmethod
    def by(cls, relay: RelayProcess) -> Held:
        process = Path(f"/proc/{relay.pid}")
        found = (process.glob("task/*"), process.glob("fd/*"), relay.state_dir.glob("flow/process-*/**/*"))
        return cls(*(len(list(items)) for items in found))

    @classmethod
    async def settled(cls, relay: RelayProcess) -> Held:
        """What it holds once that has not changed for a while."""
        seen = [cls.by(relay)]
        while len(seen) < 10 or len(set(seen[-10:])) > 1:
            await asyncio.sleep(0.05)
            seen.append(cls.by(relay))
        return seen[-1]


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, reads, and never answers."""
    try:
        while await reader.read(1 << 16):
            pass
    finally:
        writer.close()


async def talk_rubbish(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with random bytes and hangs up."""
    writer.write(random.Random(writer.get_extra_info("peername")[1]).randbytes(300))
    writer.close()


@asynccontextmanager
async def front(serve: Serve) -> AsyncIterator[tuple[str, list[int]]]:
    """A front of that kind: its address, and the ports of who came."""
    came: list[int] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername")[1])
        await serve(reader, writer)  # type: ignore[misc]

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=256)
    async with server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", came


async def attempt(relay: RelayProcess, authority: bytes, number: int, collected: Collected) -> str:
    """One investor's login from the first byte to the last word; the reason of its refusal."""
    # No system info may come twice.
    own = replace(collected, system_info=collected.system_info[:-4] + (1 << 24 | number).to_bytes(4, "big"))
    async with open_raw(relay.port, authority) as stream:
        challenge = await stream.hello(TERMINAL)
        await stream.send(pb.TerminalMessage(login=login_message(challenge, f"{number:06}", own)))
        return (await stream.rejection()).reason


@pytest.mark.parametrize("serve", [stay_silent, talk_rubbish])
async def test_logins_at_a_front_that_does_not_answer_leave_nothing_behind(
    tls: TlsFiles, tmp_path: Path, serve: Serve
) -> None:
    """Each is refused in time; threads, descriptors and flow files return; the relay ends cleanly."""
    async with front(serve) as (address, came), on_vendor_library(tmp_path / "relay", address, tls) as relay:
        authority, collected = tls.authority.read_bytes(), await collect_now()
        held: list[Held] = []
        while len(held) < FEWEST_ROUNDS or held[-1] != held[-2]:
            assert len(held) < MOST_ROUNDS, f"every round leaves something: {held}"
            first = len(held) * LOGINS
            async with asyncio.timeout(DEADLINE_SECONDS):
                logins = (attempt(relay, authority, first + number, collected) for number in range(LOGINS))
                reasons = await asyncio.gather(*logins)
            assert Counter(reasons) == {"counter_unavailable": LOGINS}
            held.append(await Held.settled(relay))

        assert held[-1].flow == 0
        assert len(came) >= FEWEST_ROUNDS * LOGINS, "each login had an instance of the vendor's library"
        assert await relay.stop() == 0
        assert "Traceback" not in relay.output
