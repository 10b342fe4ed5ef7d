"""Where the replay ends and now begins."""

from __future__ import annotations

from typing import Any

import pytest

from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.delivery.from_now import NoticeTimes, ReplayWatch
from tests.relay.counter.ctp.ctp_bodies import CATALOG, callback, event


def notice(name: str, **fields: Any) -> Notice:
    return Notice(callback(name), event(name, **fields))


def order(status: str, time: str = "09:00:00", **more: Any) -> Notice:
    return notice("OnRtnOrder", ExchangeID="SHFE", OrderSysID="1", OrderStatus=status, InsertTime=time, **more)


def trade(time: str, system_id: str = "1") -> Notice:
    return notice("OnRtnTrade", ExchangeID="SHFE", OrderSysID=system_id, TradeTime=time)


def watch(login_time: str = "10:00:00") -> ReplayWatch:
    return ReplayWatch(NoticeTimes(CATALOG), login_time, 100.0)


def test_what_is_older_than_the_login_is_not_new() -> None:
    """Also where it carries no time, as an error notice does."""
    day = [order("3"), order("1"), trade("09:59:59"), notice("OnErrRtnOrderInsert", OrderRef="1"), trade("10:00:00")]
    replay = watch()

    assert [replay.take(one, 100.1, own=False) for one in day] == [()] * 5
    assert not replay.over


@pytest.mark.parametrize(
    "first",
    [order("3", "10:00:01"), order("5", CancelTime="10:00:01"), trade("10:00:01", "9")],
    ids=["new", "cancel", "fill"],
)
def test_a_later_time_ends_the_replay(first: Notice) -> None:
    """The flow is in the order of time: what follows is new too, with or without a time."""
    replay, error = watch(), notice("OnErrRtnOrderInsert", OrderRef="1")
    replay.take(order("3"), 100.1, own=False)

    assert replay.take(first, 100.1, own=False) == (first,)
    assert replay.take(error, 100.1, own=False) == (error,)


def test_the_fill_of_an_old_order_brings_its_state() -> None:
    """The state before the trade has the old order's time alone; without it the order would look as if it rested."""
    replay = watch()
    replay.take(order("3"), 100.1, own=False)
    filled, fill = order("0"), trade("10:00:02")

    assert replay.take(filled, 100.1, own=False) == ()
    assert replay.take(fill, 100.1, own=False) == (filled, fill)


def test_the_answer_to_an_own_request_is_new() -> None:
    """Whatever its time says: the exchange's clock may be late."""
    own = order("3", "09:59:58")

    assert watch().take(own, 100.1, own=True) == (own,)


def test_after_a_silence_everything_is_new() -> None:
    """A replay does not pause."""
    replay, late = watch(), notice("OnErrRtnOrderInsert", OrderRef="1")
    replay.take(order("3"), 101.9, own=False)

    assert replay.take(order("1"), 103.8, own=False) == ()
    assert replay.take(late, 105.9, own=False) == (late,)


def test_a_break_after_the_replay_ends_it_and_one_within_does_not() -> None:
    """What comes again is known; what is new in it happened during the break."""
    quiet, busy = watch(), watch()
    for one, at in ((quiet, 100.5), (busy, 100.1)):
        one.take(order("3"), 100.05, own=False)
        one.broke(at)

    assert quiet.take(trade("09:00:01"), 101.0, own=False)
    assert not busy.take(trade("09:00:01"), 101.0, own=False)


def test_the_night_session_comes_before_the_morning() -> None:
    """A trading day begins in the evening."""
    assert watch("09:00:05").take(trade("21:30:00"), 100.1, own=False) == ()
    assert watch("09:00:05").take(trade("00:30:00"), 100.1, own=False) == ()
    assert watch("21:00:05").take(trade("21:30:00"), 100.1, own=False) != ()
    assert watch("23:59:59").take(trade("00:30:00"), 100.1, own=False) != ()


def test_public_notices_are_a_flow_of_their_own() -> None:
    """A status of now does not end the replay of orders, and old ones are left out."""
    replay = watch()
    now = notice("OnRtnInstrumentStatus", InstrumentID="rb", EnterTime="10:00:30")
    then = notice("OnRtnInstrumentStatus", InstrumentID="rb", EnterTime="09:00:00")

    assert (replay.take(now, 100.1, own=False), replay.take(then, 100.1, own=False)) == ((now,), ())
    assert replay.take(order("3"), 100.1, own=False) == ()


def test_an_order_without_any_time_is_shown() -> None:
    """Nothing says that it is old; the replay goes on behind it."""
    replay, untimed = watch(), notice("OnRtnOrder", ExchangeID="SHFE", OrderSysID="2")

    assert replay.take(untimed, 100.1, own=False) == (untimed,)
    assert replay.take(order("3"), 100.1, own=False) == ()


def test_of_the_logins_second_what_comes_after_the_welcome_is_new() -> None:
    """A trade right after the login must not be taken for the morning's, and one right before not for news."""
    replay, fill = watch(), trade("10:00:00")

    assert replay.take(fill, 100.01, own=False) == ()
    assert replay.take(trade("09:59:59"), 100.02, own=False, welcomed=True) == ()
    assert replay.take(fill, 100.02, own=False, welcomed=True) == (fill,)
