"""A password that is due at the login is changed through the relay, which from then on logs in with the new one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ctprelay.ctp.v1 import structs_pb2 as ctp
from simcounter import demo_accounts
from simcounter.errors_text import text_of
from terminal_client import CallRefused, CounterRejected, LoginRejected, RelayTerminal
from tests.e2e.refusals import Attempt
from tests.e2e.site import INVESTORS, Site, buy, collect_now, counter_state, log_in, many_to_many_only, trade

pytestmark = [pytest.mark.asyncio(loop_scope="session"), many_to_many_only]

INVESTOR = INVESTORS[2]
OLD, NEW = demo_accounts.password_of(INVESTOR), "changed-002"
WEAK_PASSWORD, OLD_PASSWORD_MISMATCH = 131, 14


@pytest_asyncio.fixture(loop_scope="session")
async def password_due(site: Site) -> AsyncIterator[None]:
    """The counter asks this investor for a new password at the next login."""
    site.counter.control.account(INVESTOR, first_login=True)
    yield
    site.counter.accounts.users[INVESTOR].change_password(OLD)


@pytest.mark.usefixtures("password_due")
async def test_only_a_password_update_is_accepted(site: Site) -> None:
    """Queries, confirmations and orders are refused by the relay; none of them reaches the counter."""
    methods = ("ReqQryTradingAccount", "ReqSettlementInfoConfirm", "ReqOrderInsert")
    before = [site.called(method) for method in methods]
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTOR)
        for name, body in {
            "qry_trading_account": ctp.QryTradingAccount(),
            "settlement_info_confirm": ctp.SettlementInfoConfirm(),
            "order_insert": buy(),
        }.items():
            with pytest.raises(CallRefused) as caught:
                await terminal.request(name, body)
            assert caught.value.refusal.source == "relay"

    assert [site.called(method) for method in methods] == before


@pytest.mark.usefixtures("password_due")
@pytest.mark.parametrize(
    ("old", "new", "error_id"),
    [(OLD, "short", WEAK_PASSWORD), ("not-the-old-one", NEW, OLD_PASSWORD_MISMATCH)],
    ids=["too weak", "wrong old one"],
)
async def test_a_new_password_that_the_counter_refuses(site: Site, old: str, new: str, error_id: int) -> None:
    """The refusal is passed on in the counter's words; the session waits for a better one and then goes live."""
    async with site.terminal() as terminal:
        statuses = terminal.statuses()
        await log_in(terminal, INVESTOR)
        with pytest.raises(CounterRejected) as caught:
            await change(terminal, old, new)
        assert (caught.value.error_id, caught.value.text) == (error_id, text_of(error_id))

        await change(terminal, OLD, NEW)
        await counter_state(statuses, "live")


@pytest.mark.usefixtures("password_due")
async def test_after_a_front_restart_the_relay_logs_in_with_the_new_password(site: Site) -> None:
    """By itself and at the first try: a login with the old one would count towards the investor's lock."""
    async with site.terminal() as terminal:
        statuses = terminal.statuses()
        await log_in(terminal, INVESTOR)
        await change(terminal, OLD, NEW)
        await counter_state(statuses, "live")
        await terminal.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())
        logins = site.called("ReqUserLogin")

        site.counter.control.drop()
        await counter_state(statuses, "live")
        done = await trade(terminal)

        assert site.called("ReqUserLogin") == logins + 1
    assert done.investor_id == INVESTOR


async def test_a_password_changed_in_a_running_session_is_used_as_well(site: Site) -> None:
    """The next terminal needs the new password; the running session's next login at the counter has it already."""
    try:
        async with site.terminal() as terminal:
            await log_in(terminal, INVESTOR)
            statuses = terminal.statuses()
            await change(terminal, OLD, NEW)
            with pytest.raises(LoginRejected) as caught:
                await Attempt(investor_id=INVESTOR, password=OLD).log_in(site, await collect_now())
            await Attempt(investor_id=INVESTOR, password=NEW).log_in(site, await collect_now())

            site.counter.control.drop()
            await counter_state(statuses, "live")
            assert (await trade(terminal)).investor_id == INVESTOR
    finally:
        site.counter.accounts.users[INVESTOR].change_password(OLD)
    assert caught.value.reason == "wrong_password"


async def change(terminal: RelayTerminal, old: str, new: str) -> None:
    await terminal.requests.user_password_update(ctp.UserPasswordUpdate(old_password=old, new_password=new))
