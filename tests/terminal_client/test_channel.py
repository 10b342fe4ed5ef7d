"""The connection to a relay."""

from __future__ import annotations

import asyncio

from terminal_client import Collected, RelayTerminal, Tls
from tests.e2e.broken_network import Way
from tests.terminal_client.scripted_relay import AUTH_CODE, LOGIN, ServedRelay

SLOW_SECONDS = 2.5


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
