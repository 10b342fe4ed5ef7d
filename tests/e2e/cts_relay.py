"""A relay in front of a simulated CTS counter, and a terminal's information as CTS wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import RelayTerminal, SessionInfo
from terminal_client.collectors import Collectors, collectors_of
from tests.e2e.relay_process import RelayProcess, Sections, TlsFiles
from tests.e2e.site import BROKER, Site, register

INFO = "LIN\ndemo\ndisk-0001\n"
REPORTED = b"LIN^demo^disk-0001^"
_OF_CTP = ("binding", "fronts", "relay_app_id", "relay_auth_code_file")


class CtsRelayProcess(RelayProcess):
    """`front` is the counter's HOST:PORT."""

    def _sections(self, front: str, tls: TlsFiles) -> Sections:
        sections = super()._sections(front, tls)
        of_ctp = sections["counter"]
        sections["counter"] = {name: value for name, value in of_ctp.items() if name not in _OF_CTP} | {"system": "cts"}
        sections["counter.cts"] = {
            "address": front.removeprefix("tcp://"),
            "reconnect_seconds": 0.1,
            "check_order_seconds": 0.1,
        }
        return sections


@asynccontextmanager
async def cts_site(mode: Mode, tls: TlsFiles, directory: Path, **settings: object) -> AsyncIterator[Site]:
    """A counter of CTS's with a relay in front of it."""
    async with SimulatedCounter(CounterConfig(system="cts")) as counter:
        relay = CtsRelayProcess(directory / mode.value, mode, counter.address, tls, settings)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()


def collectors_in(directory: Path, text: str = INFO) -> Collectors:
    """Set up with a file of lines for the vendor `demo`."""
    file = directory / "collected.txt"
    file.write_text(text, encoding="ascii")
    return collectors_of([f"cts:demo={file}"])


async def log_in_at_cts(terminal: RelayTerminal, investor_id: str, collectors: Collectors) -> SessionInfo:
    """Without CTP's system info, which this counter does not want."""
    password = demo_accounts.password_of(investor_id)
    return await terminal.login(BROKER, investor_id, password, None, collectors=collectors)
