"""Many-to-one: one operator for all, and never a request for a terminal whose report does not stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from relay.counter.ctp import many_to_one as module
from relay.counter.ctp.link import CtpLink
from relay.counter.ctp.many_to_one import ManyToOne
from relay.counter.port import LinkState, LinkStatus, TerminalCall
from relay.domain.counter_session import Patience
from relay.errors import LedgerUnavailable, Refused
from tests.relay.counter.played_api import PATIENCE, Counter, PlayedApi, login
from tests.relay.counter.played_board import OPERATOR, order_fields
from tests.relay.domain.ctp_bodies import method, read, request
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled

OPERATOR_PASSWORD = "operator-password"


@pytest.fixture
async def mode(counter: Counter) -> AsyncIterator[ManyToOne]:
    """The operator is logged in."""
    counter.mood.app_type = "3"
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()
    yield many
    await many.stop()


async def attached(mode: ManyToOne, investor: str = "100001", **more: Any) -> CtpLink:
    return cast("CtpLink", await asyncio.wait_for(mode.attach(login(investor, **more)), 5))


async def order(link: CtpLink, request_id: int = 1) -> int:
    call = TerminalCall(
        method("ReqOrderInsert"), bytes(request("ReqOrderInsert", **order_fields())), request_id, valid_for=3.0
    )
    return (await asyncio.wait_for(link.call(call), 5)).return_code


def ends(link: CtpLink) -> list[str]:
    return [i.reason for i in link._items if isinstance(i, LinkStatus) and i.state is LinkState.ENDED]


def reported(api: PlayedApi) -> list[str]:
    """Whose reports the counter got, in order."""
    return [read("UserSystemInfo", called.body, "UserID") for called in api.reported]


async def reconnect(counter: Counter) -> None:
    counter.api.break_off()
    counter.api.say("OnFrontConnected")
    await settled()


# Attaching -----------------------------------------------------------------------------------------------------


async def test_each_terminal_is_submitted_under_its_investor(mode: ManyToOne, counter: Counter) -> None:
    """On the operator's session, with the terminal's own app id."""
    await attached(mode, "100001")
    await attached(mode, "100002")

    assert reported(counter.api) == ["100001", "100002"]
    assert {called.name for called in counter.api.reported} == {"SubmitUserSystemInfo"}
    assert counter.api.steps == ["ReqAuthenticate", "ReqUserLogin"]


async def test_the_password_of_an_investor_never_reaches_the_counter(mode: ManyToOne, counter: Counter) -> None:
    """The counter knows only the operator."""
    await attached(mode)

    assert not any(b"investor-password" in called.body for called in (*counter.api.called, *counter.api.reported))


async def test_a_terminal_whose_report_is_refused_is_not_let_in(mode: ManyToOne, counter: Counter) -> None:
    """With the call's own code; and no request could be sent for it."""
    counter.mood.codes["SubmitUserSystemInfo"] = -6

    with pytest.raises(Refused) as refused:
        await attached(mode)

    assert refused.value.refusal.code == -6
    assert list(mode._switchboard or ()) == []


async def test_without_a_ledger_nobody_is_submitted(mode: ManyToOne, counter: Counter, evidence: KeptEvidence) -> None:
    """Ledger first."""
    evidence.available = False

    with pytest.raises(LedgerUnavailable):
        await attached(mode)

    assert counter.api.reported == []


async def test_before_the_operator_is_logged_in_terminals_are_sent_away(counter: Counter) -> None:
    """With a word they understand, and at once."""
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)

    with pytest.raises(Refused) as refused:
        await many.attach(login())

    assert refused.value.refusal.reason == "counter_unavailable"
    assert counter.apis == []


async def test_a_session_that_broke_and_came_back_during_the_report_does_not_count(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """The report was made in a login that is over: in the new one the terminal would trade unreported."""
    slow = asyncio.Event()

    def break_off(api: PlayedApi) -> None:
        evidence.open = slow
        api.mood.on_report = lambda _: None

    counter.mood.on_report = break_off
    attaching = asyncio.ensure_future(mode.attach(login()))
    await settled()
    counter.api.break_off()
    counter.api.say("OnFrontConnected")
    evidence.open = None
    await settled()
    assert counter.api.steps == ["ReqAuthenticate", "ReqUserLogin"] * 2

    slow.set()

    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(attaching, 5)
    assert refused.value.refusal.reason == "counter_unavailable"


# Reconnecting --------------------------------------------------------------------------------------------------


async def test_after_every_login_of_the_operator_everybody_online_is_submitted_again(
    mode: ManyToOne, counter: Counter
) -> None:
    """The counter forgets who is behind the operator with its session."""
    first, gone = await attached(mode, "100001"), await attached(mode, "100002")
    await gone.detach("logged out")

    await reconnect(counter)

    assert reported(counter.api) == ["100001", "100002", "100001"]
    assert await order(first) == 0


async def test_until_its_report_is_made_again_nothing_is_sent_for_a_terminal(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """Not in the moment between the operator's login and the report either."""
    link = await attached(mode)
    slow = asyncio.Event()
    refusals: list[str] = []

    counter.mood.silent.add("ReqUserLogin")
    await reconnect(counter)
    counter.api.answer("ReqUserLogin", counter.api.called[-1].request_id)
    await asyncio.sleep(0)
    evidence.open = slow
    for _ in range(10):
        await asyncio.sleep(0)
        try:
            await order(link)
        except Refused as refused:
            refusals.append(refused.refusal.reason)
    evidence.open = None
    slow.set()
    await settled()

    assert refusals == ["counter_unavailable"] * 10
    assert "ReqOrderInsert" not in counter.api.steps
    assert await order(link, 2) == 0


async def test_a_terminal_whose_report_is_refused_after_a_reconnect_is_ended(mode: ManyToOne, counter: Counter) -> None:
    """And nothing is sent for it any more."""
    link = await attached(mode)
    counter.mood.codes["SubmitUserSystemInfo"] = -6

    await reconnect(counter)

    assert len(ends(link)) == 1
    with pytest.raises(Refused):
        await order(link)
    assert "ReqOrderInsert" not in counter.api.steps


async def test_a_ledger_that_is_gone_at_a_reconnect_ends_the_terminals_but_keeps_the_operator(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """Their reports cannot be made, so they must come again."""
    link = await attached(mode)
    record = evidence.record

    async def only_reports_fail(kind: str, session: str, data: Any) -> None:
        if kind == "terminal_report":
            raise LedgerUnavailable("the disk is full")
        await record(kind, session, data)

    evidence.record = only_reports_fail  # type: ignore[method-assign]
    await reconnect(counter)

    assert len(ends(link)) == 1
    with pytest.raises(Refused):
        await order(link)
    evidence.record = record  # type: ignore[method-assign]
    assert await order(await attached(mode, "100002")) == 0


async def test_a_break_during_the_reports_ends_nobody(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """The next login makes them again; a flapping front must not throw everybody out."""
    link = await attached(mode)
    committed = asyncio.Event()

    def break_off(api: PlayedApi) -> None:
        api.break_off()
        api.mood.codes["SubmitUserSystemInfo"] = -4  # as the vendor's library says without a login
        api.mood.on_report = lambda _: None
        evidence.open = committed

    counter.mood.on_report = break_off
    await reconnect(counter)
    counter.mood.codes.clear()
    committed.set()
    await settled()
    counter.api.say("OnFrontConnected")
    await settled()

    assert ends(link) == []
    assert await order(link) == 0


# The operator --------------------------------------------------------------------------------------------------


async def test_an_operator_that_is_refused_for_good_is_not_tried_again(counter: Counter) -> None:
    """Another wrong password would lock it for everybody."""
    loop = HandLoop()
    counter.mood.app_type, counter.mood.errors["ReqUserLogin"] = "3", 3
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()
    await asyncio.wait_for(counter.api.freed.wait(), 5)
    await settled()
    await loop.move(3600)

    with pytest.raises(Refused) as refused:
        await many.attach(login())

    assert refused.value.refusal.reason == "operator_refused"
    assert counter.api.steps.count("ReqUserLogin") == 1
    await many.stop()


async def test_an_operator_is_tried_again_after_a_passing_refusal(counter: Counter) -> None:
    """7: the counter is not initialized yet, every morning."""
    loop = HandLoop()
    counter.mood.app_type, counter.mood.errors["ReqUserLogin"] = "3", 7
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()
    counter.mood.errors.clear()

    await loop.move(PATIENCE.pause + 1)

    assert counter.api.steps == ["ReqAuthenticate", "ReqUserLogin"] * 2
    assert await order(await attached(many)) == 0
    await many.stop()


async def test_stopping_logs_the_operator_out(counter: Counter) -> None:
    """A session left behind may be refused as the second one tomorrow."""
    counter.mood.app_type = "3"
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()

    await many.stop()

    assert counter.api.steps[-1] == "ReqUserLogout"
    assert counter.api.released


async def test_a_session_that_was_flooded_is_replaced_by_a_new_one(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callbacks were lost, so only a new session with a replayed day is whole again; terminals come again."""
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.0)
    counter.mood.app_type = "3"
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()
    link = await attached(many)
    inbox = counter.api._put.__self__  # type: ignore[attr-defined]
    inbox.overflowed = True
    counter.created.clear()

    counter.api.say("OnHeartBeatWarning")
    await asyncio.wait_for(counter.api.freed.wait(), 5)
    await asyncio.wait_for(counter.created.wait(), 5)
    await settled()

    assert len(ends(link)) == 1
    assert counter.apis[0].released
    await link.detach("the counter session ended")
    assert await order(await attached(many)) == 0
    await many.stop()


def test_the_operators_password_is_not_shown(counter: Counter) -> None:
    """Nor the relay's auth code."""
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)

    shown = repr(many) + repr(counter.connector._address) + repr(Patience())

    assert OPERATOR_PASSWORD not in shown
    assert "RELAYAUTH" not in shown
