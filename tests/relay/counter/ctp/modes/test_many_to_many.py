"""Many-to-many: each terminal its own counter session, opened, reported and given up together with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, cast

import pytest

from ctpabi.api.spi import RawEvent
from ctpabi.api.trader import RESTART
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.port import Confirmation, TerminalCall
from relay.logs.alarms import AlarmName
from relay.refusals.refusal import LedgerUnavailable, Refused
from tests.relay.counter.ctp.ctp_bodies import request
from tests.relay.counter.ctp.played_api import Counter, login
from tests.relay.counter.ctp.terminal_calls import terminal_call
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled


@pytest.fixture
def mode(counter: Counter) -> ManyToMany:
    return ManyToMany(counter.connector, counter.tools)


async def attached(mode: ManyToMany, **more: Any) -> CtpLink:
    return cast("CtpLink", await asyncio.wait_for(mode.attach(login(**more)), 5))


def nothing_is_left(counter: Counter) -> bool:
    """Threads, descriptors and flow files of every session are given back."""
    return all(api.released for api in counter.apis) and list((counter.directory / "flow").iterdir()) == []


async def test_a_terminal_gets_a_session_of_its_own(mode: ManyToMany, counter: Counter) -> None:
    """Reported and logged in as the investor; its welcome says so."""
    link = await attached(mode)

    assert link.attached.app_type == "2"
    assert link.attached.report_return_code == 0
    assert counter.api.topic == RESTART
    await link.detach("logged out")


async def test_a_terminal_that_wants_only_what_is_new_is_sent_the_day_after_a_break(
    mode: ManyToMany, counter: Counter
) -> None:
    """RESTART and not QUICK, which would not send what happened during the break; the relay leaves out the rest."""
    link = await attached(mode, from_now=True)

    assert counter.api.topic == RESTART
    await link.detach("logged out")


async def test_leaving_logs_out_and_leaves_nothing_behind(mode: ManyToMany, counter: Counter) -> None:
    """Fifty users a process, hundreds of logins a day."""
    link = await attached(mode)

    await link.detach("logged out")

    assert counter.api.steps[-1] == "ReqUserLogout"
    assert nothing_is_left(counter)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """It looks at everything once in a long while only."""
    gc.disable()
    yield
    gc.enable()


def notices_kept() -> int:
    return sum(isinstance(one, Notice | RawEvent) for one in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
async def test_leaving_lets_go_of_the_day_at_once(mode: ManyToMany, counter: Counter) -> None:
    """A day's notices are a megabyte, and terminals come and go all day."""
    counter.mood.login_time = "10:00:00"
    before = notices_kept()
    link = await attached(mode, from_now=True)
    for number in range(40):
        counter.api.say(
            "OnRtnOrder", BrokerID="9999", InvestorID="100001", OrderSysID=str(number), InsertTime="17:30:00"
        )
    await settled()
    assert notices_kept() >= before + 40, "they may be needed to show what is new"

    await link.detach("logged out")

    assert notices_kept() == before


async def test_a_call_that_waits_when_its_terminal_leaves_is_refused(mode: ManyToMany) -> None:
    """It must not hang whoever waits for it."""
    link = await attached(mode)
    await link.submit(call("ReqQryTrade", 1))
    waiting = asyncio.ensure_future(link.submit(call("ReqQryOrder", 2)))
    await settled()

    await link.detach("logged out")

    with pytest.raises(Refused):
        await asyncio.wait_for(waiting, 5)


@pytest.mark.parametrize(
    ("step", "code", "source", "told"),
    [("ReqAuthenticate", 63, "counter", 63), ("ReqUserLogin", 3, "counter", 3), ("ReqUserLogin", 75, "counter", 75)],
)
async def test_what_the_counter_refuses_is_told_as_it_said_it_and_nothing_is_left(
    mode: ManyToMany, counter: Counter, step: str, code: int, source: str, told: int
) -> None:
    """A refused login costs no session."""
    counter.mood.errors[step] = code

    with pytest.raises(Refused) as refused:
        await attached(mode)

    assert (refused.value.refusal.source.value, refused.value.refusal.code) == (source, told)
    assert nothing_is_left(counter)


async def test_a_terminal_that_cannot_be_reported_is_not_logged_in(mode: ManyToMany, counter: Counter) -> None:
    """The relay is the one that answers to the regulator; CTP would have let it in."""
    counter.mood.codes["RegisterUserSystemInfo"] = -6

    with pytest.raises(Refused) as refused:
        await attached(mode)

    assert refused.value.refusal.code == -6
    assert "ReqUserLogin" not in counter.api.steps
    assert nothing_is_left(counter)


async def test_without_a_ledger_nobody_is_told_anything(
    mode: ManyToMany, counter: Counter, evidence: KeptEvidence
) -> None:
    """Not even an authentication is sent."""
    evidence.available = False

    with pytest.raises(Refused):
        await attached(mode)

    assert counter.api.called == []
    assert nothing_is_left(counter)


async def test_a_terminal_that_goes_away_during_its_login_leaves_nothing_behind(
    mode: ManyToMany, counter: Counter
) -> None:
    """Its program crashed while the counter took its time."""
    counter.mood.silent.add("ReqUserLogin")
    attaching = asyncio.ensure_future(mode.attach(login()))
    await settled()

    attaching.cancel()
    await asyncio.gather(attaching, return_exceptions=True)

    assert nothing_is_left(counter)


@pytest.mark.parametrize("steps", range(12))
async def test_a_login_that_is_broken_off_twice_leaves_nothing_behind(
    mode: ManyToMany, counter: Counter, steps: int
) -> None:
    """The relay drains, and the terminal hangs up while its session is closed; at whichever step of that."""
    counter.mood.silent.add("ReqUserLogin")
    attaching = asyncio.ensure_future(mode.attach(login()))
    await settled()

    attaching.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    attaching.cancel()
    await asyncio.gather(attaching, return_exceptions=True)
    await mode.stop()

    assert nothing_is_left(counter)


@pytest.mark.parametrize("app_type", ["1", "3", ""])
async def test_a_relay_app_id_of_the_wrong_kind_is_the_relays_fault_and_an_alarm(
    mode: ManyToMany, counter: Counter, app_type: str
) -> None:
    """Told to try again in five seconds, every terminal would, all day."""
    counter.mood.app_type = app_type

    with pytest.raises(Refused) as refused:
        await attached(mode)

    assert refused.value.refusal.reason == "relay_misconfigured"
    assert refused.value.refusal.retry_after_seconds == 0
    assert counter.connector.alarms.count(AlarmName.RELAY_APP_TYPE_WRONG) == 1
    assert nothing_is_left(counter)


async def test_a_counter_that_refuses_the_relay_makes_the_mode_not_ready(mode: ManyToMany, counter: Counter) -> None:
    """No login can succeed until one that is tried later does."""
    counter.mood.errors["ReqAuthenticate"] = 63
    before = mode.ready
    with pytest.raises(Refused):
        await attached(mode)
    meanwhile, why = mode.ready, mode.why_not_ready
    counter.mood.errors.clear()
    link = await attached(mode)
    after = mode.ready
    await link.detach("logged out")

    assert (before, meanwhile, after) == (True, False, True)
    assert why is not None
    assert why.code == 63


async def test_what_does_not_fit_opens_no_session(mode: ManyToMany, counter: Counter) -> None:
    """It would be found with the API's threads running; asked before the terminal is admitted."""
    refusal = mode.check_login(pb.Login(investor_id="1" * 40))

    assert refusal is not None
    assert refusal.reason == "request_malformed"
    assert counter.apis == []


async def test_the_statement_is_confirmed_for_a_terminal_that_asks(
    mode: ManyToMany, counter: Counter, evidence: KeptEvidence
) -> None:
    """Before its first order, with what came of it in the ledger."""
    link = await attached(mode, confirm_settlement=True)

    assert counter.api.steps[-1] == "ReqSettlementInfoConfirm"
    assert evidence.data("settlement_confirm") == {"error_id": 0}
    assert link.attached.confirmation is Confirmation.CONFIRMED
    await link.detach("logged out")


async def test_a_refused_confirmation_refuses_no_login(
    mode: ManyToMany, counter: Counter, evidence: KeptEvidence
) -> None:
    """The user may read the statement and confirm it himself; he is told, also after a break."""
    counter.mood.errors["ReqSettlementInfoConfirm"] = 26

    link = await attached(mode, confirm_settlement=True)
    counter.api.break_off()
    counter.api.say("OnFrontConnected")
    await settled()

    assert evidence.data("settlement_confirm") == {"error_id": 26}
    assert link.attached.confirmation is Confirmation.REFUSED
    assert link.attached.confirmation_error_id == 26
    await link.detach("logged out")


async def test_a_counter_that_does_not_answer_the_confirmation_does_not_hold_the_login(
    mode: ManyToMany, counter: Counter, evidence: KeptEvidence
) -> None:
    """Ten seconds in front of a screen; an answer that comes later is in the ledger."""
    counter.mood.silent.add("ReqSettlementInfoConfirm")
    attaching = asyncio.ensure_future(mode.attach(login(confirm_settlement=True)))
    await settled()
    loop = HandLoop()
    await loop.move(3)

    link = cast("CtpLink", await asyncio.wait_for(attaching, 5))
    counter.api.answer("ReqSettlementInfoConfirm", counter.api.called[-1].request_id)
    await settled()

    assert link.attached.confirmation is Confirmation.UNKNOWN
    assert evidence.data("settlement_confirm") == {"error_id": 0}
    await link.detach("logged out")


async def test_a_ledger_lost_at_the_last_moment_leaves_no_session(
    mode: ManyToMany, counter: Counter, evidence: KeptEvidence
) -> None:
    """A session the ledger cannot follow is not kept."""
    counter.mood.silent.add("ReqSettlementInfoConfirm")
    attaching = asyncio.ensure_future(mode.attach(login(confirm_settlement=True)))
    await settled()
    evidence.available = False

    counter.api.answer("ReqSettlementInfoConfirm", counter.api.called[-1].request_id)

    with pytest.raises(LedgerUnavailable):
        await asyncio.wait_for(attaching, 5)
    assert nothing_is_left(counter)


def call(name: str, request_id: int) -> TerminalCall:
    return terminal_call(name, request(name), request_id, 3.0)
