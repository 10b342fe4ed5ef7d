"""What the counter refuses is passed on as what it is: whose refusal, CTP's number, CTP's words, what to do."""

from __future__ import annotations

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.ctp.session.password_tries import MOST_IN_A_ROW
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.errors_text import text_of
from terminal_client import CallRefused, LoginRejected, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.refusals import Attempt, refused
from tests.e2e.secrecy import NEW_PASSWORD
from tests.e2e.site import (
    INVESTORS,
    Site,
    buy,
    collect_now,
    counter_state,
    eventually,
    log_in,
    many_to_many_only,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPORT = {Mode.MANY_TO_MANY: "RegisterUserSystemInfo", Mode.MANY_TO_ONE: "SubmitUserSystemInfo"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (-1, "report_length"),
        (-2, "report_not_by_collector"),
        (-3, "report_not_permitted"),
        (-4, "report_not_permitted"),
        (-5, "report_illegal_field"),
        (-6, "report_damaged"),
        (-7, "report_other_edition"),
        (-9, "report_refused"),
    ],
)
async def test_a_report_that_is_not_taken(site: Site, bystander: RelayTerminal, code: int, reason: str) -> None:
    """Without its report a terminal is not logged in, whatever the return code; the refusal carries the code."""
    before = site.seen()
    site.counter.control.return_code(REPORT[site.mode], code)
    # Its answer comes behind the new state on the same connection, so the operator's shim knows the state then.
    await bystander.requests.qry_trading_account(ctp.QryTradingAccount())

    refusal = await refused(site, bystander, Attempt().log_in(site, await collect_now()), counter_hears=True)

    assert (refusal.reason, refusal.terminal.code) == (reason, code)
    assert (refusal.ledger["reason"], refusal.ledger["code"]) == (reason, code)
    assert (site.seen().reports, site.seen().logins) == (before.reports, before.logins)
    results = [entry.data for entry in site.relay.ledger() if entry.kind == "terminal_report_result"]
    assert results[-1]["return_code"] == code


@many_to_many_only
async def test_the_counter_refuses_the_relay(site: Site, bystander: RelayTerminal) -> None:
    """63 at the authentication: no report and no login are sent, and the terminal learns that it is not its fault."""
    before = site.seen()
    site.counter.control.refuse("ReqAuthenticate", 63, times=1)

    refusal = await refused(site, bystander, Attempt().log_in(site, await collect_now()), counter_hears=True)

    assert (refusal.reason, refusal.terminal.code, refusal.terminal.source) == (
        "relay_not_authenticated",
        63,
        "counter",
    )
    assert text_of(63) in refusal.terminal.message
    assert (site.seen().reports, site.seen().logins) == (before.reports, before.logins)


@many_to_many_only
@pytest.mark.parametrize(
    ("error_id", "reason"), [(3, "wrong_password"), (75, "login_forbidden"), (60, "counter_sessions_exceeded")]
)
async def test_the_counter_refuses_the_login(site: Site, bystander: RelayTerminal, error_id: int, reason: str) -> None:
    """CTP's own text reaches the terminal beside the number; the login is tried once, never again by itself."""
    before = site.seen()
    site.counter.control.refuse("ReqUserLogin", error_id, times=1)

    refusal = await refused(site, bystander, Attempt().log_in(site, await collect_now()), counter_hears=True)

    assert (refusal.reason, refusal.terminal.code, refusal.terminal.source) == (reason, error_id, "counter")
    assert text_of(error_id) in refusal.terminal.message
    assert site.seen().logins == before.logins + 1


@many_to_many_only
@pytest.mark.parametrize(("flag", "error_id"), [("first_login", 140), ("expired", 141), ("weak", 131)])
async def test_a_password_that_is_due_is_changed_in_the_same_session(site: Site, flag: str, error_id: int) -> None:
    """The session is kept for the change alone, logs in by itself afterwards, and then trades."""
    investor, old = INVESTORS[3], demo_accounts.password_of(INVESTORS[3])
    user = site.counter.accounts.users[investor]
    site.counter.control.account(investor, **{flag: True})
    try:
        async with site.terminal() as terminal:
            statuses = terminal.statuses()
            info = await log_in(terminal, investor)
            with pytest.raises(CallRefused):
                await terminal.requests.order_insert(buy())
            change = ctp.UserPasswordUpdate(old_password=old, new_password=NEW_PASSWORD)
            await terminal.requests.user_password_update(change)
            await counter_state(statuses, "live")
            await terminal.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())
            done = await trade(terminal)
    finally:
        user.change_password(old)

    assert info.must_change_password
    assert info.advice
    assert done.investor_id == investor


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_counter_is_down(start_site: StartRelay, mode: Mode) -> None:
    """The refusal says when to try again, and the terminal gets in when the counter is back."""
    site = await start_site(mode, counter__connect_timeout_seconds=1.0)
    await site.counter.stop_listening()

    with pytest.raises(LoginRejected) as caught:
        await Attempt().log_in(site, await collect_now())
    await site.counter.listen()
    await eventually("the operator is back", lambda: mode is Mode.MANY_TO_MANY or site.called("ReqUserLogin") > 1)
    await until_admitted(site)

    assert caught.value.reason == "counter_unavailable"
    assert caught.value.refusal.retry_after_seconds > 0
    assert site.relay.refusals()[0]["reason"] == "counter_unavailable"


async def until_admitted(site: Site) -> None:
    """Log in as a patient terminal does: again, as long as the relay asks for it."""
    for _ in range(20):
        try:
            await Attempt().log_in(site, await collect_now())
        except LoginRejected as rejection:
            if not rejection.refusal.retry_after_seconds:
                raise
        else:
            return
    raise AssertionError("never admitted")


@pytest.mark.parametrize(("method", "error_id"), [("ReqAuthenticate", 63), ("ReqUserLogin", 3)])
async def test_the_counter_refuses_the_operator(start_site: StartRelay, method: str, error_id: int) -> None:
    """In many-to-one every terminal is refused with it and none is reported; a password is tried less often than locks it.

    The counter's 3 is about the operator's password: it neither sends the investor to check its own, nor counts
    as the investor's wrong guess, however often the terminal tries.
    """
    site = await start_site(
        Mode.MANY_TO_ONE,
        prepare=lambda control: control.refuse(method, error_id),
        limits__login_failures_per_investor=1,
    )
    alarm = "logins_stopped" if method == "ReqAuthenticate" else "operator_password_refused"
    await eventually("operations are alarmed", lambda: alarm in site.relay.output)

    rejections = []
    for _ in range(3):
        with pytest.raises(LoginRejected) as caught:
            await Attempt().log_in(site, await collect_now())
        rejections.append(caught.value)

    assert [(rejected.source, rejected.reason) for rejected in rejections] == [("relay", "operator_refused")] * 3
    assert text_of(error_id) in rejections[0].message
    assert f"[{error_id}]" in rejections[0].message
    assert "a fault of the relay's setup" in rejections[0].advice
    assert site.seen().reports == 0
    assert site.called(method) <= MOST_IN_A_ROW
