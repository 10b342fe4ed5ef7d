"""The connection to a relay."""

from __future__ import annotations

import asyncio

from terminal_client import Collected, RelayTerminal, Tls
from terminal_client.session import Deadlines
from tests.e2e.broken_network import Way, way_to
from tests.terminal_client.scripted_relay import AUTH_CODE, LOGIN, ServedRelay

SLOW_SECONDS = 2.5
SILENCE_IS_SEEN_WITHIN = 45.0
"""seconds; a ping a second and ten to answer it, on a busy machine. gRPC's own bound is 60"""


async def test_a_relay_that_is_slow_to_connect_is_waited_for(served: ServedRelay, collected: Collected) -> None:
    """A connection whose first bytes wait at the relay is not given up after a second."""
    host, _, port = served.address.rpartition(":")
    way = Way(int(port), "127.0.0.1")

    passed: list[asyncio.Task[None]] = []

    async def pass_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        await way.serve(reader, writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed.append(asyncio.ensure_future(pass_late(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    address = f"{host}:{server.sockets[0].getsockname()[1]}"
    tls = Tls(ca_file=served.authority)
    try:
        async with RelayTerminal(address, app_id="demo_terminal_1.0", auth_code=AUTH_CODE, tls=tls) as terminal:
            await terminal.login(*LOGIN, collected)
    finally:
        server.close()
        way.close()
        await asyncio.gather(*passed)

    assert len(passed) == 1


async def test_a_connection_that_falls_silent_is_taken_as_broken(served: ServedRelay, collected: Collected) -> None:
    """A pulled cable breaks nothing: only the missing answer to a ping shows it, and the terminal goes on elsewhere."""
    host, _, port = served.address.rpartition(":")
    async with way_to(int(port)) as way:
        tls = Tls(ca_file=served.authority, server_name=host)
        quick = Deadlines(keepalive_seconds=1.0)
        async with RelayTerminal(
            way.address, app_id="demo_terminal_1.0", auth_code=AUTH_CODE, tls=tls, deadlines=quick
        ) as terminal:
            statuses = terminal.statuses()
            await terminal.login(*LOGIN, collected)
            way.hold_answers()
            async with asyncio.timeout(SILENCE_IS_SEEN_WITHIN):
                async for status in statuses:
                    if status.state == "reconnecting":
                        break
            way.release()
