"""One relay as it is shipped, for all attacks in turn, and what an attacker is given."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from attacks.aim import Aim
from attacks.catalog import ATTACKS, Attack
from attacks.scene import Attackers, Serving, serving
from benchmarks.caller import collect_many
from demo.cast import TERMINAL_APP_ID
from simcounter import demo_accounts
from terminal_client import RelayTerminal, Tls
from terminal_client.collector import CHINA_TIME, Collected
from tests.e2e.broken_network import way_to
from tests.e2e.conftest import shim

__all__ = ["shim"]

LONGEST_SECONDS = 60.0
FEW = 40
"""system infos that an attack has at most; collecting one takes 15 ms"""
_BREAKER_SECONDS = 0.2


@pytest.fixture(scope="module")
def mode(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relay(mode: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """A relay with the settings it is shipped with; only the pause after the counter's refusal is shorter."""
    folder = tmp_path_factory.mktemp("attacked")
    async with serving(folder, mode, {"breaker_pause_seconds": _BREAKER_SECONDS}) as there:
        yield there


@pytest.fixture
def aim(relay: Serving, attack: Attack) -> Aim:
    """The attack from four addresses that no other test uses."""
    number = ATTACKS.index(attack)
    sources = tuple(f"127.0.{20 + number}.{place}" for place in (1, 2, 3, 4))
    orders = Attackers(attack, sources, LONGEST_SECONDS).orders(relay.site, relay.port)
    return Aim(orders.port, orders.sources, orders.seconds, orders.known, collected_now(min(attack.system_infos, FEW)))


def collected_now(count: int) -> list[Collected]:
    """Genuine system info for so many logins; the collector writes the process's own time, and it must be China's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", CHINA_TIME)
        time.tzset()
        collected = collect_many(count) if count else []
    time.tzset()
    return collected


@asynccontextmanager
async def honest_terminal(relay: Serving, investor: str, address: str) -> AsyncIterator[RelayTerminal]:
    """The shipped client, logged in from this address."""
    async with way_to(relay.port, address) as way:
        tls = Tls(ca_file=relay.site.tls.authority)
        code = relay.site.terminal_auth_code
        async with RelayTerminal(way.address, app_id=TERMINAL_APP_ID, auth_code=code, tls=tls) as terminal:
            password = demo_accounts.password_of(investor)
            (collected,) = collected_now(1)
            await terminal.login(demo_accounts.BROKER_ID, investor, password, collected, confirm_settlement=True)
            yield terminal
