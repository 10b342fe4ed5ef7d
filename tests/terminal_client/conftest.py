"""A scripted relay and a terminal that trusts it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from terminal_client import Collected, RelayTerminal, Tls
from terminal_client.password_proof import DerivedPasswords
from terminal_client.session import CredentialsProvider, Deadlines
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay

QUICK = Deadlines(first_retry_seconds=0.01, longest_retry_seconds=0.05, answer_seconds=20, login_seconds=20)


@pytest.fixture
def collected() -> Collected:
    """System info with NUL bytes and bytes of no encoding, as the real ones have."""
    content = bytes(range(256)) + b"\x00\xff" * 4 + b"\x00"
    return Collected(content, len(content), 448, "sfit_test", Path("x.so"), dt.datetime.now(dt.UTC), ())


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedRelay]:
    async with ServedRelay(tmp_path) as server:
        yield server


@pytest.fixture
def relay(served: ServedRelay) -> ScriptedRelay:
    return served.relay


@pytest.fixture
async def connect(served: ServedRelay) -> AsyncIterator[Callable[..., RelayTerminal]]:
    """Makes terminals of the scripted relay; they are closed after the test."""
    made: list[RelayTerminal] = []

    def make(
        *,
        auth_code: str = AUTH_CODE,
        credentials: CredentialsProvider | None = None,
        deadlines: Deadlines = QUICK,
        tls: Tls | None = None,
        passwords: DerivedPasswords | None = None,
    ) -> RelayTerminal:
        terminal = RelayTerminal(
            served.address,
            app_id="demo_terminal_1.0",
            auth_code=auth_code,
            tls=tls or Tls(ca_file=served.authority),
            credentials=credentials,
            deadlines=deadlines,
            passwords=passwords,
        )
        made.append(terminal)
        return terminal

    yield make
    for terminal in made:
        await terminal.close()
