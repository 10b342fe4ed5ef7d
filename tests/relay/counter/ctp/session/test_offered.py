"""What a CTP counter registers with the relay: exchanges from its login, requests and words from its interface."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import cast

import pytest
from structlog.testing import capture_logs

from relay.counter.ctp.modes.connection import CtpMode
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.session.offered import offered, offered_by_login
from relay.counter.port import CounterDescription, CounterLink, LoginLevel, Mode, Pushes, SteeredCounter
from relay.counter.registered import RegisteredCounter
from relay.database.times import COUNTER_ZONE
from tests.relay.counter.ctp.ctp_bodies import CATALOG, body
from tests.relay.counter.ctp.played_api import Counter, login
from tests.relay.hand_loop import settled


def codes(description: CounterDescription) -> list[str]:
    return [exchange.code for exchange in description.exchanges]


def in_many_to_many(counter: Counter) -> CtpMode:
    return ManyToMany(counter.connector, counter.tools)


def in_many_to_one(counter: Counter) -> CtpMode:
    counter.mood.app_type = "3"
    return ManyToOne(counter.connector, counter.tools, operator_id="op01", password="operator-password")


@contextlib.asynccontextmanager
async def attached(mode: CtpMode) -> AsyncIterator[list[CounterLink]]:
    """Two terminals of it."""
    many = cast("SteeredCounter", mode)
    await many.start()
    await settled()
    links = [await asyncio.wait_for(many.attach(login(investor)), 5) for investor in ("100001", "100002")]
    yield links
    for link in links:
        await link.detach("logged out")
    await many.stop()


def test_the_exchanges_are_those_whose_clock_the_login_tells() -> None:
    """A front that does not serve an exchange leaves its clock empty or crosses it out."""
    login_answer = body("RspUserLogin", SHFETime="09:00:01", FFEXTime="09:00:02", DCETime="--:--:--", CZCETime="")

    assert codes(offered_by_login(offered(CATALOG), CATALOG, bytes(login_answer))) == ["SHFE", "CFFEX"]
    assert codes(offered(CATALOG)) == []


def test_every_exchange_is_known_by_its_code() -> None:
    """As a terminal names it in an order."""
    clocks = ("SHFETime", "DCETime", "CZCETime", "FFEXTime", "INETime", "GFEXTime")
    login_answer = body("RspUserLogin", **dict.fromkeys(clocks, "09:00:01"))

    found = offered_by_login(offered(CATALOG), CATALOG, bytes(login_answer)).exchanges

    assert [one.code for one in found] == ["SHFE", "DCE", "CZCE", "CFFEX", "INE", "GFEX"]
    assert len({one.name for one in found}) == 6


def test_what_is_offered_is_the_interface_without_market_data() -> None:
    """Every request of the binding, and none that it does not have."""
    description = offered(CATALOG)

    assert description.requests == {method.proto_name for method in CATALOG.requests}
    assert {"orders", "quotes", "bank_transfers", "queries"} <= set(description.capabilities)
    assert not any("market" in word for word in description.capabilities)
    assert (description.system, description.version) == ("ctp", CATALOG.version)


async def test_a_login_registers_the_counter_and_tells_its_terminal(counter: Counter) -> None:
    """Nothing is known before the first connection."""
    mode = ManyToMany(counter.connector, counter.tools)
    before = mode.describe()

    link = await asyncio.wait_for(mode.attach(login()), 5)

    assert codes(before) == []
    assert link.attached.offered == replace(mode.describe(), accounts=("100001",))
    assert mode.describe().requests == before.requests
    await link.detach("logged out")


def test_what_is_registered_again_is_news_only_when_it_differs() -> None:
    """A line for every login of thousands would hide the one that matters."""
    registered = RegisteredCounter(offered(CATALOG))
    answers = [bytes(body("RspUserLogin", SHFETime=time)) for time in ("09:00:00", "09:00:01")]

    with capture_logs() as lines:
        for second, answer in enumerate(answers):
            offers = offered_by_login(registered.description, CATALOG, answer)
            registered.register(replace(offers, since=f"09:00:0{second}", seconds_ahead=second / 10))

    assert [line["exchanges"] for line in lines] == [{"SHFE": []}]
    assert codes(registered.description) == ["SHFE"]
    assert registered.description.since == "09:00:01"


both_modes = pytest.mark.parametrize("mode_of", [in_many_to_many, in_many_to_one], ids=["many_to_many", "many_to_one"])


@both_modes
async def test_a_description_says_what_is_so_now(counter: Counter, mode_of: Callable[[Counter], CtpMode]) -> None:
    """The latest login's day and time, the clock, and the limits in force; a terminal hears its own account alone."""
    counter.mood.login_time = (dt.datetime.now(COUNTER_ZONE) - dt.timedelta(seconds=60)).strftime("%H:%M:%S")
    mode = mode_of(counter)
    before = mode.describe()
    async with attached(mode) as links:
        offers, said = mode.describe(), [link.attached.offered for link in links]
        counter.tools.limits.orders, counter.tools.day.per_investor = 7, 11
        changed = {one.name: (one.most, one.seconds) for one in mode.describe().limits}

    assert [one.accounts for one in said if one is not None] == [("100001",), ("100002",)]
    assert (before.trading_day, before.since, before.seconds_ahead, before.accounts) == ("", "", None, ())
    assert (offers.trading_day, offers.accounts) == (counter.mood.day, ())
    assert dt.datetime.fromisoformat(offers.since).utcoffset() == dt.timedelta(hours=8)
    assert offers.seconds_ahead == pytest.approx(60, abs=30)
    assert offers.pushes == Pushes(orders=True, trades=True, replay="day")
    assert (changed["orders"], changed["orders_per_day_per_investor"]) == ((7, 1.0), (11, 86400.0))


@both_modes
async def test_the_levels_are_those_of_now(counter: Counter, mode_of: Callable[[Counter], CtpMode]) -> None:
    """Before a login, with it, and when the front is lost."""
    mode = mode_of(counter)
    before = mode.describe().levels
    async with attached(mode):
        up = mode.describe().levels
        for api in counter.apis:
            api.break_off()
        await settled()
        down = mode.describe().levels

    shared = mode.mode is Mode.MANY_TO_ONE
    names = ("connection", "operator" if shared else "account")
    assert up == tuple(LoginLevel(name, up=True, of_terminal=not shared) for name in names)
    assert before == down == tuple(replace(level, up=False) for level in up)
