"""One terminal's day: reported byte for byte, logged in, traded, logged out; in both modes."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter.session import china_now
from tests.e2e.relay_process import RELAY_APP_IDS
from tests.e2e.site import BROKER, INVESTORS, TERMINAL, Site, collect_now, eventually, log_in, ports_to, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_report_is_the_collectors_byte_for_byte(site: Site) -> None:
    """The SHA-256 of what CTP_GetSystemInfo wrote is that of the terminal store and of the day's report."""
    investor, collected = INVESTORS[0], await collect_now()

    async with site.logged_in(investor, collected):
        stored = site.counter.tmdb.reports(user_id=investor)[-1]
        line = site.reports_of(investor)[-1]

    assert stored.inner_info == collected.system_info
    assert line["inner_sha256"] == hashlib.sha256(collected.system_info).hexdigest()
    assert line["inner_length"] == collected.length


async def test_the_report_says_which_terminal_which_relay_and_whose_account(site: Site) -> None:
    """The terminal's app id beside the relay's, and the investor as user in both modes."""
    investor = INVESTORS[0]

    async with site.logged_in(investor):
        line = site.reports_of(investor)[-1]

    assert line["kind"] == ("register" if site.mode is Mode.MANY_TO_MANY else "submit")
    assert line["terminal_app_id"] == TERMINAL
    assert line["app_id"] == RELAY_APP_IDS[site.mode]
    assert (line["broker_id"], line["user_id"]) == (BROKER, investor)


async def test_the_report_says_from_where_and_when_as_the_relay_saw_it(site: Site) -> None:
    """Public IP and port of the terminal's own connection, and the time of its login as HH:MM:SS in UTC+8."""
    investor, before = INVESTORS[0], ports_to(site.relay.port)
    begin = china_now()

    async with site.logged_in(investor):
        ports = ports_to(site.relay.port) - before
        line = site.reports_of(investor)[-1]

    possible = {(begin + dt.timedelta(seconds=n)).strftime("%H:%M:%S") for n in range(60)}
    assert line["terminal_ip"] == "127.0.0.1"
    assert line["terminal_port"] in ports
    assert line["terminal_login_time"] in possible


async def test_an_order_goes_out_and_its_trade_comes_back(site: Site) -> None:
    """The investor's order reaches the counter under the investor's name and is filled."""
    investor, before = INVESTORS[1], site.called("ReqOrderInsert")

    async with site.logged_in(investor) as terminal:
        done = await trade(terminal)

    assert (done.investor_id, done.instrument_id, done.volume) == (investor, "rb2701", 1)
    assert site.called("ReqOrderInsert") == before + 1


async def test_a_logout_ends_the_session_at_the_counter(site: Site) -> None:
    """In many-to-many the investor is logged out there; in many-to-one only the operator stays."""

    def present() -> int:
        return int(site.counter.control.status()["logged_in"].count(INVESTORS[2]))

    before = present()
    async with site.logged_in(INVESTORS[2]):
        during = present()

    assert during == before + (1 if site.mode is Mode.MANY_TO_MANY else 0)
    await eventually("the investor is logged out", lambda: present() == before)
    assert ("op0001" in site.counter.control.status()["logged_in"]) == (site.mode is Mode.MANY_TO_ONE)


async def test_the_ledger_tells_the_login_in_the_order_it_was_made(site: Site) -> None:
    """Admitted, announced, reported, then logged in, with the bytes' SHA-256; the logout closes it."""
    collected = await collect_now()
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTORS[3], collected)

    digest = hashlib.sha256(collected.system_info).hexdigest()
    entries = site.relay.ledger()
    session = next(entry.session for entry in entries if entry.data.get("system_info_sha256") == digest)
    kinds = [entry.kind for entry in entries if entry.session == session]
    wanted = ["terminal_admitted", "terminal_report", "terminal_report_result", "terminal_logout"]
    assert [kind for kind in kinds if kind in wanted] == wanted


@pytest.mark.parametrize(("refused", "settlement"), [(42, "refused"), (0, "unknown")], ids=["refused", "not answered"])
async def test_a_login_says_that_the_settlement_statement_was_not_confirmed(
    site: Site, refused: int, settlement: str
) -> None:
    """It goes through all the same, and soon: the user can confirm by himself, if he knows that he has to."""
    if refused:
        site.counter.control.refuse("ReqSettlementInfoConfirm", refused, times=1)
    else:
        site.counter.control.ignore("ReqSettlementInfoConfirm", times=1)
    async with site.terminal() as terminal:
        info = await log_in(terminal, INVESTORS[0])
        confirmed = await terminal.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())

    assert (info.settlement, info.settlement_error_id) == (settlement, refused)
    assert "settlement statement" in info.advice
    assert confirmed.row.investor_id == INVESTORS[0]
