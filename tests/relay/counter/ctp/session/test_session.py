"""One counter session driven through an API: the order of its steps, late and missing answers, and its end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctpabi.api.spi import RawEvent
from relay.counter.ctp.session.events import (
    CounterSessionEnded,
    SessionItem,
    SessionLive,
    SessionPasswordDue,
    SessionRecovering,
)
from relay.counter.ctp.session.machine import LifeState
from relay.counter.ctp.session.session import CtpSession
from relay.logs.alarms import AlarmName
from relay.refusals import counter_reasons
from tests.relay.counter.ctp.ctp_bodies import BROKER
from tests.relay.counter.ctp.played_api import PASSWORD, PATIENCE, Counter, PlayedApi, report
from tests.relay.counter.ctp.played_board import answer
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled


class Played:
    """Sessions of one test; each is closed at its end."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.sessions: list[CtpSession] = []

    async def open(
        self, *, operator: bool = False, name: str = "s-1", user_id: str = "100001", **more: Any
    ) -> CtpSession:
        if operator:
            self.counter.mood.app_type = "3"
        session = self.counter.connector.session(
            name, user_id=user_id, password=PASSWORD, report=None if operator else report(), **more
        )
        self.sessions.append(session)
        await self.counter.connector.open(session)
        await settled()
        return session


@pytest.fixture
async def played(counter: Counter) -> AsyncIterator[Played]:
    opened = Played(counter)
    yield opened
    for session in opened.sessions:
        await session.close()


async def items(session: CtpSession) -> list[SessionItem]:
    """Everything that happened; nothing where nothing did."""
    await settled()
    taken = list(session.items)
    session.items.clear()
    return taken


async def kinds(session: CtpSession) -> list[Any]:
    return [item.callback.name if isinstance(item, RawEvent) else type(item) for item in await items(session)]


# The way to being live -----------------------------------------------------------------------------------------


async def test_a_terminals_session_authenticates_reports_and_logs_in(played: Played, evidence: KeptEvidence) -> None:
    """In this order: a report before the authentication or after the login is not counted."""
    session = await played.open()

    assert await kinds(session) == [SessionLive]
    assert session.live
    assert [k for k in evidence.kinds if not k.endswith(("_answer", "_result"))] == [
        "counter_authenticate",
        "terminal_report",
        "counter_login",
    ]
    assert [called.name for called in played.counter.api.reported] == ["RegisterUserSystemInfo"]


async def test_an_operators_session_reports_nobody_by_itself(played: Played) -> None:
    """Its terminals are reported one by one, after the login."""
    session = await played.open(operator=True)

    assert await kinds(session) == [SessionLive]
    assert played.counter.api.reported == []


@pytest.mark.parametrize(
    ("codes", "errors", "step", "code"),
    [
        ({}, {"ReqAuthenticate": 63}, "authenticate", 63),
        ({"RegisterUserSystemInfo": -1}, {}, "report", -1),
        ({}, {"ReqUserLogin": 3}, "login", 3),
        ({"ReqUserLogin": -1}, {}, "login", 0),
    ],
)
async def test_a_refused_step_ends_the_first_login_and_nothing_follows_it(
    played: Played, codes: dict[str, int], errors: dict[str, int], step: str, code: int
) -> None:
    """The terminal is told which step it was; a second try would bring its user closer to a lock-out."""
    played.counter.mood.codes, played.counter.mood.errors = codes, errors
    session = await played.open()

    (ended,) = await items(session)

    assert isinstance(ended, CounterSessionEnded)
    assert (ended.step, ended.code) == (step, code)
    sent = [*played.counter.api.steps, *(called.name for called in played.counter.api.reported)]
    assert ("ReqUserLogin" in sent) == (step == "login")


async def test_the_wrong_kind_of_relay_is_never_logged_in(played: Played) -> None:
    """An app id registered for the other mode would report the wrong thing all day."""
    played.counter.mood.app_type = "3"
    session = await played.open()

    (ended,) = await items(session)

    assert isinstance(ended, CounterSessionEnded)
    assert "app id" in ended.text
    assert played.counter.api.reported == []


async def test_without_a_ledger_nothing_is_sent_and_the_login_ends(played: Played, evidence: KeptEvidence) -> None:
    """Ledger first."""
    evidence.available = False
    session = await played.open()

    assert await kinds(session) == [CounterSessionEnded]
    assert played.counter.api.called == []


async def test_a_front_that_never_answers_ends_the_first_login_in_time(played: Played) -> None:
    """The terminal's user waits in front of a screen."""
    loop = HandLoop()
    played.counter.mood.connects = False
    session = await played.open()
    assert await items(session) == []

    await loop.move(PATIENCE.connect + 1)

    assert await kinds(session) == [CounterSessionEnded]


async def test_a_due_password_keeps_the_session_for_its_change(played: Played) -> None:
    """140: nothing but a password change is legal now; with the new one the login is repeated."""
    played.counter.mood.errors["ReqUserLogin"] = 140
    session = await played.open()
    due = await items(session)
    played.counter.mood.errors.clear()

    session.password_changed("new-password")

    assert due == [SessionPasswordDue(140, "refused")]
    assert await kinds(session) == [SessionLive]
    assert played.counter.api.steps.count("ReqAuthenticate") == 1


# Events --------------------------------------------------------------------------------------------------------


async def test_notices_that_follow_the_login_come_after_it(played: Played) -> None:
    """They arrive in the same burst; a terminal must know its session before its orders."""
    played.counter.mood.silent.add("ReqUserLogin")
    session = await played.open()
    api = played.counter.api

    api.answer("ReqUserLogin", api.called[-1].request_id)
    api.say("OnRtnOrder", BrokerID=BROKER, InvestorID="100001")
    api.say("OnRtnTrade", BrokerID=BROKER, InvestorID="100001")

    assert await kinds(session) == [SessionLive, "OnRtnOrder", "OnRtnTrade"]


async def test_a_heartbeat_warning_is_nobodys_news(played: Played) -> None:
    """It says only that the line was quiet."""
    session = await played.open()
    await items(session)

    played.counter.api.say("OnHeartBeatWarning", reason=30)

    assert await items(session) == []


# Breaks --------------------------------------------------------------------------------------------------------


async def test_a_broken_session_takes_all_steps_again(played: Played) -> None:
    """The counter forgets authentication and report with the connection."""
    session = await played.open()
    await items(session)

    played.counter.api.break_off()
    broken = await kinds(session)
    assert not session.live
    played.counter.api.say("OnFrontConnected")

    assert broken == [SessionRecovering]
    assert await kinds(session) == [SessionLive]
    assert played.counter.api.steps == ["ReqAuthenticate", "ReqUserLogin"] * 2
    assert len(played.counter.api.reported) == 2


async def test_a_break_while_the_report_is_written_down_is_one_more_break(
    played: Played, evidence: KeptEvidence
) -> None:
    """The report's result is handled before what came meanwhile: a result after the break would belong to no step."""
    loop, slow, session = HandLoop(), asyncio.Event(), await played.open()
    await kinds(session)

    def hold(api: PlayedApi) -> None:
        evidence.open, api.mood.on_report = slow, lambda _: None

    played.counter.mood.on_report = hold
    for _ in range(2):
        played.counter.api.break_off()
        played.counter.api.say("OnFrontConnected")
        await settled()
    evidence.open = None
    slow.set()
    await settled()
    await loop.move(PATIENCE.pause + 1)

    assert (await kinds(session))[-1] is SessionLive
    assert session.live


@pytest.mark.parametrize("step", ["ReqAuthenticate", "ReqUserLogin"])
async def test_a_step_that_is_answered_by_an_error_alone_is_refused(played: Played, step: str) -> None:
    """OnRspError with the step's number is its answer; with another number it is some request's."""
    played.counter.mood.silent.add(step)
    session = await played.open()
    asked = played.counter.api.called[-1].request_id

    played.counter.api._put(answer("OnRspError", asked + 1000, 90))
    other = await kinds(session)
    played.counter.api._put(answer("OnRspError", asked, 7))
    (ended,) = await items(session)

    assert other == ["OnRspError"]
    assert isinstance(ended, CounterSessionEnded)
    assert ended.code == 7


async def test_a_new_trading_day_is_noticed_at_the_next_login(played: Played) -> None:
    """References and caches of yesterday are worthless."""
    session = await played.open()
    await items(session)
    played.counter.mood.day = "20261124"

    played.counter.api.break_off()
    played.counter.api.say("OnFrontConnected")

    (_, live) = await items(session)
    assert isinstance(live, SessionLive)
    assert live.day_changed


@pytest.mark.parametrize("step", ["ReqAuthenticate", "ReqUserLogin"])
async def test_an_answer_after_its_deadline_is_still_the_answer(played: Played, step: str) -> None:
    """A slow counter at the open: it holds the operator for logged in, and would swallow another login."""
    loop = HandLoop()
    played.counter.mood.silent.add(step)
    session = await played.open(operator=True)
    api = played.counter.api
    await loop.move(PATIENCE.answer + 1)
    assert await kinds(session) == [SessionRecovering]

    api.answer(step, api.called[-1].request_id)

    assert await kinds(session) == [SessionLive]
    assert api.steps == ["ReqAuthenticate", "ReqUserLogin"]


async def test_a_login_that_is_never_answered_is_tried_again_on_another_connection(played: Played) -> None:
    """The counter may hold the old one for logged in; what the old one still says means nothing any more."""
    loop = HandLoop()
    played.counter.mood.silent |= {"ReqUserLogin", "ReqUserLogout"}
    session = await played.open(operator=True)
    old = played.counter.api
    await loop.move(PATIENCE.answer + 1)
    asked = old.called[-1].request_id
    await loop.move(PATIENCE.pause + 1)
    assert old.steps[-1] == "ReqUserLogout"
    old.answer("ReqUserLogin", asked + 1000)
    old.say("OnRtnOrder", BrokerID=BROKER, InvestorID="100001")
    played.counter.created.clear()
    played.counter.mood.silent.clear()
    await loop.move(2)  # nor is the logout answered

    await asyncio.wait_for(played.counter.created.wait(), 5)
    await settled()

    assert old.released
    assert await kinds(session) == [SessionRecovering, SessionLive]
    assert played.counter.apis[1].steps == ["ReqAuthenticate", "ReqUserLogin"]


async def test_sessions_come_back_one_after_the_other(played: Played) -> None:
    """Twenty logins in one moment from one address get the address cut or locked."""
    loop = HandLoop()
    sessions = [await played.open(name=f"s-{number}") for number in range(20)]
    played.counter.connector.gate._per_second = 5.0
    for api in played.counter.apis:
        api.break_off()
        api.say("OnFrontConnected")
    await settled()
    back = []
    for _ in range(30):
        back.append(sum(session.live for session in sessions))
        await loop.move(0.2)

    assert back[0] <= 1
    assert max(after - before for before, after in itertools.pairwise(back)) == 1
    assert all(session.live for session in sessions)


async def test_first_logins_and_those_that_come_back_are_one_queue(played: Played) -> None:
    """After a restart of the relay all terminals come at once, while others' sessions come back."""
    loop = HandLoop()
    await played.open(name="back")
    played.counter.connector.gate._per_second = 5.0
    opening = [asyncio.ensure_future(played.open(name=f"new-{number}")) for number in range(10)]
    played.counter.apis[0].break_off()
    played.counter.apis[0].say("OnFrontConnected")
    await settled()
    live = []
    for _ in range(40):
        live.append(sum(session.live for session in played.sessions))
        await loop.move(0.2)

    assert live[0] <= 1
    assert max(after - before for before, after in itertools.pairwise(live)) == 1
    assert live[-1] == 11
    await asyncio.gather(*opening)


@pytest.mark.parametrize("step", ["ReqAuthenticate", "ReqUserLogin"])
@pytest.mark.parametrize("operator", [False, True], ids=["many-to-many", "many-to-one"])
@pytest.mark.parametrize("error_id", [3, 6, 7, 60, 63, 64, 75, 77, 140, 143, 4043, 98_765])
async def test_an_alarm_is_claimed_where_one_is_raised(
    played: Played, error_id: int, operator: bool, step: str
) -> None:
    """What the terminal is told of operations is true, in both modes and at both steps."""
    played.counter.mood.errors[step] = error_id
    session = await played.open(operator=operator)
    refusals = [
        item.refusal for item in await items(session) if isinstance(item, CounterSessionEnded | SessionRecovering)
    ]
    told = [counter_reasons.operator_refused(refusal) if operator else refusal for refusal in refusals]

    alarms = sum(played.counter.connector.alarms.count(name) for name in AlarmName)
    kept_for_the_change = error_id == 140 and step == "ReqUserLogin" and not operator
    assert bool(told) != kept_for_the_change
    assert [("a fault of the relay's setup" in refusal.advice) for refusal in told] == [alarms > 0] * len(told)
    assert not any("in this session" in refusal.advice for refusal in told)


async def test_no_session_comes_back_while_the_counter_refuses_the_relay(played: Played) -> None:
    """63 or 143 of one session is meant for all: each further try would make it worse."""
    loop = HandLoop()
    sessions = [await played.open(name=f"s-{number}") for number in range(5)]
    played.counter.mood.errors["ReqUserLogin"] = 143
    for api in played.counter.apis:
        api.break_off()
        api.say("OnFrontConnected")
        await settled()
    for _ in range(100):
        await loop.move(1)

    again = sum(api.steps.count("ReqUserLogin") - 1 for api in played.counter.apis)
    assert again == 1
    assert played.counter.connector.alarms.count(AlarmName.LOGINS_STOPPED) == 1
    played.counter.mood.errors.clear()
    for _ in range(400):
        await loop.move(1)
    assert all(session.live for session in sessions)


async def test_a_password_changed_in_one_session_is_used_by_the_investors_others(played: Played) -> None:
    """With the old one each of them would spend one of the few failures the counter allows."""
    first, second = await played.open(name="s-1"), await played.open(name="s-2")
    other = await played.open(name="s-3", user_id="100002")

    first.password_changed("new-password")

    passwords = [session.steps.credentials.password for session in (first, second, other)]
    assert passwords == ["new-password", "new-password", PASSWORD]


async def test_a_password_that_was_refused_once_is_not_tried_by_the_investors_other_sessions(played: Played) -> None:
    """It was changed somewhere else; the counter locks the investor after a few failures."""
    sessions = [await played.open(name=f"s-{number}") for number in range(4)]
    for session in sessions:
        await items(session)
    played.counter.mood.errors["ReqUserLogin"] = 3
    before = sum(api.steps.count("ReqUserLogin") for api in played.counter.apis)

    for api in played.counter.apis:
        api.break_off()
        api.say("OnFrontConnected")
        await settled()

    ends = [item for session in sessions for item in await items(session) if isinstance(item, CounterSessionEnded)]
    assert [end.code for end in ends] == [3, 3, 3, 3]
    assert sum(api.steps.count("ReqUserLogin") for api in played.counter.apis) == before + 1


async def test_a_one_time_password_is_sent_once(played: Played) -> None:
    """It is used up; sent again after a break it would be one more failure."""
    session = await played.open(one_time_password="246810")
    await items(session)
    played.counter.api.break_off()
    played.counter.api.say("OnFrontConnected")
    assert SessionLive in await kinds(session)

    logins = [called.body for called in played.counter.api.called if called.name == "ReqUserLogin"]
    assert [b"246810" in body for body in logins] == [True, False]


@pytest.mark.parametrize("kind", ["counter_authenticate_answer", "counter_login_answer", "terminal_report_result"])
async def test_an_answer_the_ledger_cannot_take_is_asked_for_again(
    played: Played, evidence: KeptEvidence, kind: str
) -> None:
    """A stall of the database for a moment is no reason to throw anybody out."""
    loop = HandLoop()
    session = await played.open()
    await items(session)
    evidence.refused.add(kind)
    played.counter.api.break_off()
    played.counter.api.say("OnFrontConnected")
    told = await kinds(session)
    evidence.refused.clear()
    played.counter.created.clear()
    await loop.move(PATIENCE.longest)
    if kind != "terminal_report_result":
        await asyncio.wait_for(played.counter.created.wait(), 5)
    told += await kinds(session)

    assert set(told) == {SessionRecovering, SessionLive}
    assert told[-1] is SessionLive


async def test_an_answer_to_the_login_before_the_break_is_not_taken_for_the_next_ones(played: Played) -> None:
    """It would make a session live that is not."""
    played.counter.mood.silent.add("ReqUserLogin")
    session = await played.open(operator=True)
    api = played.counter.api
    asked = api.called[-1].request_id

    api.break_off()
    api.say("OnFrontConnected")
    await settled()
    api.answer("ReqUserLogin", asked)

    assert SessionLive not in await kinds(session)
    assert not session.live


async def test_a_ledger_that_fails_under_a_running_operator_is_waited_for(
    played: Played, evidence: KeptEvidence
) -> None:
    """The session comes back by itself when the ledger does."""
    loop = HandLoop()
    session = await played.open(operator=True)
    await items(session)
    evidence.available = False
    played.counter.api.break_off()
    played.counter.api.say("OnFrontConnected")
    await settled()
    assert SessionLive not in await kinds(session)

    evidence.available = True
    await loop.move(PATIENCE.pause + 1)

    assert (await kinds(session))[-1] is SessionLive


async def test_a_session_the_counter_ends_stays_ended(played: Played) -> None:
    """Forced out, by the same user at another place: logging in again would force that one out."""
    session = await played.open()
    await items(session)

    played.counter.api.say("OnRspUserLogout")

    assert await kinds(session) == [CounterSessionEnded]


async def test_a_fault_in_the_driver_ends_the_session_with_a_word(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standing still, it would keep its terminals waiting and its queue growing."""
    session = await played.open(operator=True)
    await items(session)

    def broken(_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(session._machine, "on", broken)
    played.counter.api.break_off()

    (ended,) = await items(session)
    assert isinstance(ended, CounterSessionEnded)
    assert ended.step == "fault"
    assert not session.live


# The end -------------------------------------------------------------------------------------------------------


async def test_closing_logs_out_and_releases_the_api(played: Played) -> None:
    """A session left behind counts against the investor's limit at the counter."""
    session = await played.open()
    await items(session)

    await session.close()

    assert played.counter.api.steps[-1] == "ReqUserLogout"
    assert played.counter.api.released


async def test_closing_an_unfinished_login_only_releases(played: Played) -> None:
    """There is nobody to log out."""
    played.counter.mood.silent.add("ReqAuthenticate")
    session = await played.open()

    await session.close()

    assert "ReqUserLogout" not in played.counter.api.steps
    assert played.counter.api.released
    assert session._machine.state is LifeState.ENDED


# The end in the middle of something ----------------------------------------------------------------------------


@pytest.mark.parametrize("turns", range(5))
async def test_an_end_that_meets_the_answer_to_a_renewals_logout_comes(played: Played, turns: int) -> None:
    """A terminal leaves while its session is renewed: whichever comes first, nothing of it is left running."""
    session = await played.open()
    await items(session)
    played.counter.mood.silent = {"ReqUserLogout"}
    session.renew("an operator asked for it")
    await settled()
    (api,) = played.counter.apis
    played.counter.mood.silent = set()

    api.answer("ReqUserLogout", api.called[-1].request_id)
    for _ in range(turns):
        await asyncio.sleep(0)
    closing = asyncio.ensure_future(session.close())
    async with asyncio.timeout(5):
        await closing

    assert [one.released for one in played.counter.apis] == [True] * len(played.counter.apis)
