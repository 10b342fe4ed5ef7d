"""Many-to-one: one operator for all, and never a request for a terminal whose report does not stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from relay.counter.ctp.modes import many_to_one as module
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.session.patience import Patience
from relay.counter.port import Confirmation, LinkState, LinkStatus
from relay.logs.alarms import AlarmName
from relay.refusals.refusal import LedgerUnavailable, Refused
from tests.relay.counter.ctp.ctp_bodies import read, request
from tests.relay.counter.ctp.played_api import PATIENCE, Counter, PlayedApi, login
from tests.relay.counter.ctp.played_board import OPERATOR, Terminal, order_fields
from tests.relay.counter.ctp.terminal_calls import terminal_call
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
    call = terminal_call("ReqOrderInsert", request("ReqOrderInsert", **order_fields()), request_id, valid_for=3.0)
    return (await asyncio.wait_for(link.submit(call), 5)).return_code


def ends(link: CtpLink) -> list[str]:
    return [i.reason for i in link.route.items._items if isinstance(i, LinkStatus) and i.state is LinkState.ENDED]


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
    assert list(mode._driver or ()) == []


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


@pytest.mark.parametrize("kind", ["terminal_report", "terminal_report_result"])
async def test_a_ledger_that_stalls_at_a_reconnect_throws_no_terminal_out(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence, kind: str
) -> None:
    """Nothing is sent for them until their report stands; it is made when the ledger is back."""
    loop = HandLoop()
    first, second = await attached(mode), await attached(mode, "100002")
    terminals = [Terminal(first), Terminal(second)]
    listening = [asyncio.ensure_future(terminal.listen()) for terminal in terminals]
    evidence.refused.add(kind)
    await reconnect(counter)
    for _ in range(20):
        await loop.move(module._RETRY_SECONDS + 1)
    assert all("ended" not in terminal.states for terminal in terminals)
    with pytest.raises(Refused):
        await order(first)

    evidence.refused.clear()
    await loop.move(module._RETRY_SECONDS + 1)

    assert await order(first) == await order(second) == 0
    assert [terminal.states[-1] for terminal in terminals] == ["live", "live"]
    for task in listening:
        task.cancel()


async def test_a_report_that_stands_is_not_made_again(mode: ManyToOne, counter: Counter) -> None:
    """Once for each login of the operator."""
    loop = HandLoop()
    await attached(mode)
    await reconnect(counter)

    await loop.move(2 * module._RETRY_SECONDS + 1)

    assert reported(counter.api) == ["100001", "100001"]


async def test_a_terminal_that_leaves_while_reports_are_made_is_not_tried_again(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report is forgotten; it would be looked for until the operator's next login."""
    monkeypatch.setattr(module, "_SUBMITS_AT_A_TIME", 1)
    slow = asyncio.Event()
    await attached(mode, "100001")
    gone = await attached(mode, "100002")

    def hold(api: PlayedApi) -> None:
        evidence.open, api.mood.on_report = slow, lambda _: None

    counter.mood.on_report = hold
    await reconnect(counter)
    await gone.detach("the terminal logged out")
    evidence.open = None
    slow.set()
    await settled()

    assert reported(counter.api) == ["100001", "100002", "100001"]
    assert not [task for task in asyncio.all_tasks() if "could not be made" in task.get_name()]


async def test_the_statement_is_confirmed_for_a_terminal_that_asks(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """In its investor's name, on the operator's session, and before its first order."""
    link = await attached(mode, confirm_settlement=True)

    confirm = counter.api.called[-1]
    assert confirm.name == "ReqSettlementInfoConfirm"
    assert read("SettlementInfoConfirm", confirm.body, "InvestorID") == "100001"
    assert evidence.data("settlement_confirm") == {"error_id": 0}
    assert link.attached.confirmation is Confirmation.CONFIRMED


async def test_a_report_that_is_not_permitted_for_a_time_is_made_later(mode: ManyToOne, counter: Counter) -> None:
    """The operator's right was taken away and given back; an alarm says so meanwhile."""
    loop = HandLoop()
    link = await attached(mode)
    counter.mood.codes["SubmitUserSystemInfo"] = -4
    await reconnect(counter)
    assert counter.connector.alarms.count(AlarmName.REPORT_NOT_PERMITTED) == 1
    counter.mood.codes.clear()

    await loop.move(module._RETRY_SECONDS + 1)

    assert await order(link) == 0


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
    loop = HandLoop()
    counter.mood.codes.clear()
    committed.set()
    await settled()
    counter.api.say("OnFrontConnected")
    await loop.move(PATIENCE.flap + 1)

    assert ends(link) == []
    assert await order(link) == 0


# The operator --------------------------------------------------------------------------------------------------


class PasswordFile:
    """What a person can replace while the relay runs; read on a thread."""

    def __init__(self) -> None:
        self.password = OPERATOR_PASSWORD
        self.readable = True
        self._loop = asyncio.get_running_loop()
        self._read = asyncio.Event()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self._read.set)
        if not self.readable:
            raise OSError("no such file")
        return self.password

    async def read(self) -> None:
        """Wait until it was read, and everything that follows from it."""
        await asyncio.wait_for(self._read.wait(), 5)
        self._read.clear()
        # The thread's answer takes the loop's real time, which a test's clock does not move.
        for _ in range(50):
            await asyncio.sleep(0)
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)


def operator(counter: Counter, file: PasswordFile) -> ManyToOne:
    return ManyToOne(
        counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD, read_password=file
    )


async def test_an_operator_whose_password_is_wrong_is_not_tried_until_it_is_locked(counter: Counter) -> None:
    """CTP locks it at the sixth, for everybody; a supervisor and the terminals hear why nothing goes."""
    loop, file = HandLoop(), PasswordFile()
    counter.mood.app_type, counter.mood.errors["ReqUserLogin"] = "3", 3
    many = operator(counter, file)
    await many.start()
    await settled()
    for _ in range(20):
        await loop.move(PATIENCE.longest)
        await file.read()

    with pytest.raises(Refused) as refused:
        await many.attach(login())

    assert refused.value.refusal.reason == "operator_refused"
    assert many.why_not_ready == refused.value.refusal
    assert 1 < counter.api.steps.count("ReqUserLogin") < 6
    assert counter.connector.alarms.count(AlarmName.OPERATOR_PASSWORD_REFUSED) > 1
    await many.stop()


@pytest.mark.parametrize("error_id", [3, 140, 141])
async def test_an_operators_password_is_replaced_while_the_relay_runs(counter: Counter, error_id: int) -> None:
    """Nobody has to restart the relay: the file is read again by itself."""
    loop, file = HandLoop(), PasswordFile()
    counter.mood.app_type, counter.mood.errors["ReqUserLogin"] = "3", error_id
    many = operator(counter, file)
    await many.start()
    await settled()
    file.password = "replaced-password"
    counter.mood.errors.clear()

    await loop.move(PATIENCE.longest)
    await file.read()

    assert many.ready
    assert many.why_not_ready is None
    assert await order(await attached(many)) == 0
    last = [called.body for called in counter.api.called if called.name == "ReqUserLogin"][-1]
    assert b"replaced-password" in last
    await many.stop()


async def test_a_person_can_say_that_the_password_was_replaced(counter: Counter) -> None:
    """At once, without waiting for the next look at the file; and the next login after a break has it too."""
    file = PasswordFile()
    counter.mood.app_type, counter.mood.errors["ReqUserLogin"] = "3", 141
    many = operator(counter, file)
    await many.start()
    await settled()
    file.password = "replaced-password"
    counter.mood.errors.clear()

    many.reload()
    await file.read()

    assert many.ready
    await many.stop()


async def test_a_password_file_that_cannot_be_read_changes_nothing(counter: Counter) -> None:
    """It may just be written; an alarm says so."""
    file = PasswordFile()
    counter.mood.app_type = "3"
    many = operator(counter, file)
    await many.start()
    await settled()
    file.readable = False

    many.reload()
    await file.read()

    assert many.ready
    assert counter.connector.alarms.count(AlarmName.OPERATOR_PASSWORD_UNREADABLE) == 1
    await many.stop()


@pytest.mark.parametrize("error_id", [5, 6, 60, 64, 4711])
async def test_one_refused_login_after_a_break_does_not_end_the_firms_day(
    mode: ManyToOne, counter: Counter, error_id: int
) -> None:
    """The counter still counted the old connection; terminals stay, and trade on."""
    loop = HandLoop()
    link = await attached(mode)
    counter.mood.errors["ReqUserLogin"] = error_id
    await reconnect(counter)
    counter.mood.errors.clear()
    counter.created.clear()

    await loop.move(PATIENCE.pause + 1)
    await asyncio.wait_for(counter.created.wait(), 5)
    await settled()

    assert ends(link) == []
    assert await order(link) == 0


async def test_an_app_id_of_the_wrong_kind_is_told_as_the_relays_fault_and_looked_at_again(counter: Counter) -> None:
    """Somebody registers it rightly; nobody has to restart the relay."""
    loop = HandLoop()
    counter.mood.app_type = "2"
    many = ManyToOne(counter.connector, counter.tools, operator_id=OPERATOR, password=OPERATOR_PASSWORD)
    await many.start()
    await settled()
    assert many.why_not_ready is not None
    assert many.why_not_ready.reason == "relay_misconfigured"
    assert "ReqUserLogin" not in counter.api.steps
    counter.mood.app_type = "3"

    await loop.move(PATIENCE.stopped + 1)

    assert many.ready
    await many.stop()


async def test_an_operator_that_was_forced_out_comes_back(mode: ManyToOne, counter: Counter) -> None:
    """It may have been a mistake; terminals stay."""
    loop = HandLoop()
    link = await attached(mode)

    counter.api.say("OnRspUserLogout")
    await reconnect(counter)
    assert not mode.ready
    await loop.move(PATIENCE.pause + 1)

    assert ends(link) == []
    assert await order(link) == 0


async def test_a_stall_of_the_ledger_at_the_operators_login_throws_nobody_out(
    mode: ManyToOne, counter: Counter, evidence: KeptEvidence
) -> None:
    """The counter holds the operator for logged in then, so it comes back on another connection."""
    loop = HandLoop()
    link = await attached(mode)
    evidence.refused.add("counter_login_answer")
    await reconnect(counter)
    evidence.refused.clear()
    counter.created.clear()

    await loop.move(PATIENCE.longest)
    await asyncio.wait_for(counter.created.wait(), 5)
    await settled()

    assert ends(link) == []
    assert await order(link) == 0


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


async def test_what_a_terminal_reported_is_forgotten_with_it(mode: ManyToOne, counter: Counter) -> None:
    """It is a person's machine; and a later login of the operator reports who is there, not who was."""
    gone, here = await attached(mode, "100001"), await attached(mode, "100002")

    await gone.detach("the terminal logged out")
    await reconnect(counter)

    assert list(mode._reports) == [here.session]
    assert reported(counter.api) == ["100001", "100002", "100002"]


async def test_a_terminal_that_left_takes_no_part_in_the_operators_session(mode: ManyToOne, counter: Counter) -> None:
    """The day's notices are not kept for it, and its calls are not sent."""
    gone, here = await attached(mode, "100001"), await attached(mode, "100002")

    await gone.detach("the terminal logged out")

    assert mode._driver is not None
    assert list(mode._driver) == [here]
