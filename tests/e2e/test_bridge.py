"""A relay process with a bridge to its counter: it serves, describes, refuses terminals by name, and comes through a bridge that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
import pytest_asyncio

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, RelayDoor
from terminal_client import LoginRejected
from tests.e2e.bridge_relay import PASSWORDS, SILENCE_SECONDS, bridge_site
from tests.e2e.broken_network import Way
from tests.e2e.relay_process import TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.shown_of import console_here, screens_of, shown_of
from tests.e2e.site import INVESTORS, Site, log_in
from tests.ports import unused_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bridged(tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Way]]:
    settings = {"metrics__address": f"127.0.0.1:{unused_port()}"}
    async with bridge_site(tls, tmp_path_factory.mktemp("bridge"), **settings) as (site, way):
        yield site, way


@pytest.fixture
def site(bridged: tuple[Site, Way]) -> Site:
    return bridged[0]


@pytest.fixture
def way(bridged: tuple[Site, Way]) -> Way:
    return bridged[1]


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


async def test_a_bridge_that_hangs_is_noticed_said_everywhere_and_found_again(site: Site, way: Way) -> None:
    """Its process stands still: the connection is up, and nothing comes over it, neither a word nor an end."""
    await status_when(site, is_live)

    way.hold_answers()
    try:
        hung = await status_when(site, lambda state: bool(state.faults))
        reason = await refused_reason(site)
        async with console_here(site.relay) as browser:
            page = (await browser.get("/")).text
    finally:
        way.release()
    back = await status_when(site, lambda state: is_live(state) and not state.faults)

    [fault] = hung.faults
    assert (fault.kind, fault.why) == ("bridge_silent", f"Events: no word for {SILENCE_SECONDS:g} s")
    assert hung.counter.state == "waiting"
    assert hung.readiness.reason == "counter_unavailable"
    assert (len(hung.counter.described.exchanges), len(back.counter.described.exchanges)) == (0, 2)
    assert reason == "no_investor_sessions"
    screens = screens_of(hung)
    assert (fault.title.zh in screens["status zh"], fault.title.en in screens["status en"]) == (True, True)
    assert fault.title.zh in page
    assert said_in_the_log(site) == [
        "bridge_lost " + fault.why,
        "fault_began bridge_silent",
        "fault_ended bridge_silent",
    ]


async def refused_reason(site: Site) -> str:
    """Why a terminal's login is refused now."""
    async with site.terminal() as terminal:
        with pytest.raises(LoginRejected) as refused:
            await log_in(terminal, INVESTORS[0])
    return refused.value.reason


def said_in_the_log(site: Site) -> list[str]:
    """What it says of a bridge that is silent."""
    lines = [json.loads(line) for line in site.relay.output.splitlines() if line.startswith("{")]
    said = [f"{line['event']} {line.get('fault') or line.get('why')}" for line in lines]
    return sorted(line for line in said if "bridge_silent" in line or line.startswith("bridge_lost Events: no word"))


async def test_what_is_shown_of_it_has_no_secret(site: Site) -> None:
    """The console's pages, status in both forms, /metrics and /readyz; what may be shown is found by the same search."""
    await status_when(site, is_live)

    shown = await shown_of(site.relay)

    assert [(where, secret) for secret in PASSWORDS for where, text in shown.items() if secret in text] == []
    for where in ("zh /", "en /", "status zh", "status en", "status json"):
        assert "NEEQ" in shown[where], where
    assert "ctp_relay_fault{" in shown["/metrics"]
    assert "no_investor_sessions" in shown["/readyz"]


async def test_ledger_and_log_have_no_password(site: Site) -> None:
    """The logins are in the ledger, before they are made."""
    await status_when(site, is_live)

    entries = site.relay.ledger()
    kinds = [entry.kind for entry in entries]
    assert kinds.index("bridge_login") < kinds.index("bridge_login_answer")
    said = json.dumps([entry.data for entry in entries]) + site.relay.output
    assert not [password for password in PASSWORDS if password in said]
    assert leaks(site.relay) == []


async def test_the_doctor_asks_nothing_of_ctps(site: Site, way: Way) -> None:
    """Neither a binding nor an app type: there is none. The bridge's port it looks at."""
    await status_when(site, is_live)
    done = await asyncio.to_thread(site.relay.command, "doctor", "--json")

    assert f"127.0.0.1:{way.port}" in done.stdout
    assert "relay_app_id" not in done.stdout
    assert "openctp" not in done.stdout
