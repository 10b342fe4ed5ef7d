"""A relay process with a bridge to its counter: it serves, describes, refuses terminals by name, and comes through a bridge that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, RelayDoor
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.bridge.library import MIDDLEWARE_PASSWORD, MIDDLEWARE_USER
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import LoginRejected
from tests.e2e.relay_process import RelayProcess, Sections, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import INVESTORS, Site, log_in, register

pytestmark = pytest.mark.asyncio(loop_scope="session")
PASSWORDS = (demo_accounts.password_of(demo_accounts.OPERATOR_ID), MIDDLEWARE_PASSWORD)


class BridgedRelay(RelayProcess):
    """Its settings have nothing of CTP's."""

    def _sections(self, front: str, tls: TlsFiles) -> Sections:
        sections = super()._sections(front, tls)
        kept = ("broker_id", "longest_pause_seconds")
        sections["counter"] = {"system": "bridge", **{name: sections["counter"][name] for name in kept}}
        del sections["counter.operator"]
        sections["counter.bridge"] = {
            "address": front.removeprefix("tcp://"),
            "operator_user": demo_accounts.OPERATOR_ID,
            "operator_password_file": self._secret("bridge_operator.secret", PASSWORDS[0]),
            "middleware_user": MIDDLEWARE_USER,
            "middleware_password_file": self._secret("middleware.secret", MIDDLEWARE_PASSWORD),
            "middleware_address": "198.51.100.20",
            "middleware_server": "KCBP1",
            "exchanges": ["2=NEEQ"],
            "silence_seconds": 5.0,
        }
        return sections


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with SimulatedCounter(CounterConfig(system="bridge")) as counter:
        folder: Path = tmp_path_factory.mktemp("bridge") / "relay"
        relay = BridgedRelay(folder, Mode.MANY_TO_MANY, counter.address, tls)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()


async def status_when(site: Site, fact: Callable[[pb.RelayStatus], bool]) -> pb.RelayStatus:
    """The relay's state as soon as this is so."""
    client = AdminClient(RelayDoor(site.relay.state_dir / "control.sock"), deadline_seconds=60.0)
    try:
        async with asyncio.timeout(60), aclosing(client.watch_status(pb.WatchStatusRequest())) as states:
            async for state in states:
                if fact(state):
                    return state
    finally:
        await client.close()
    raise AssertionError("the relay said no more")


def is_live(state: pb.RelayStatus) -> bool:
    return state.counter.state == "live"


async def test_what_stands_behind_the_relay_is_shown(site: Site) -> None:
    """Product, exchanges with both codes and boards, levels of login; to a program, and on an operator's screen in Chinese."""
    described = (await status_when(site, is_live)).counter.described

    screen = await asyncio.to_thread(site.relay.command, "status")

    assert (described.system, described.product) == ("bridge", "ksmm played 1.0 · 200 天 days")
    assert [(one.code, one.native_code) for one in described.exchanges] == [("NEEQ", "2"), ("unmapped", "3")]
    assert [board.code for board in described.exchanges[0].boards] == ["N0", "N1"]
    assert [(one.name, one.up) for one in described.levels] == [
        ("connection", True),
        ("middleware", True),
        ("operator", True),
    ]
    said = json.loads(screen.stdout)["counter"]["described"]
    assert (said["product"], said["exchanges"][1]["native_code"]) == (described.product, "3")


async def test_a_terminal_is_refused_by_name(site: Site) -> None:
    """After its proof, and before anything is asked of the counter."""
    await status_when(site, is_live)
    async with site.terminal() as terminal:
        with pytest.raises(LoginRejected) as refused:
            await log_in(terminal, INVESTORS[0])

    assert refused.value.reason == "no_investor_sessions"


async def test_a_bridge_that_goes_away_is_a_fault_until_it_is_back(site: Site) -> None:
    """The relay serves on, and forgets meanwhile what the counter had registered."""
    await status_when(site, is_live)

    await site.counter.stop_listening()
    gone = await status_when(site, lambda state: not state.counter.described.exchanges and bool(state.faults))
    await site.counter.listen()
    back = await status_when(site, is_live)

    assert [fault.kind for fault in gone.faults] == ["bridge_unreachable"]
    assert [level.up for level in gone.counter.described.levels] == [False, False, False]
    assert len(back.counter.described.exchanges) == 2


async def test_ledger_and_log_have_no_password(site: Site) -> None:
    """The logins are in the ledger, before they are made."""
    await status_when(site, is_live)

    entries = site.relay.ledger()
    kinds = [entry.kind for entry in entries]
    assert kinds.index("bridge_login") < kinds.index("bridge_login_answer")
    said = json.dumps([entry.data for entry in entries]) + site.relay.output
    assert not [password for password in PASSWORDS if password in said]
    assert leaks(site.relay) == []


async def test_the_doctor_asks_nothing_of_ctps(site: Site) -> None:
    """Neither a binding nor an app type: there is none. The bridge's port it looks at."""
    await status_when(site, is_live)
    done = await asyncio.to_thread(site.relay.command, "doctor", "--json")

    assert f"127.0.0.1:{site.counter.port}" in done.stdout
    assert "relay_app_id" not in done.stdout
    assert "openctp" not in done.stdout
