"""What a CTP counter registers with the relay: exchanges from its login, requests and words from its interface."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.session.offered import offered
from relay.counter.port import CounterDescription
from relay.counter.registered import RegisteredCounter
from tests.relay.counter.ctp.ctp_bodies import CATALOG, body
from tests.relay.counter.ctp.played_api import Counter, login


def codes(description: CounterDescription) -> list[str]:
    return [exchange.code for exchange in description.exchanges]


def test_the_exchanges_are_those_whose_clock_the_login_tells() -> None:
    """A front that does not serve an exchange leaves its clock empty or crosses it out."""
    login_answer = body("RspUserLogin", SHFETime="09:00:01", FFEXTime="09:00:02", DCETime="--:--:--", CZCETime="")

    assert codes(offered(CATALOG, bytes(login_answer))) == ["SHFE", "CFFEX"]
    assert codes(offered(CATALOG)) == []


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
    assert link.attached.offered == mode.describe()
    assert mode.describe().requests == before.requests
    await link.detach("logged out")


def test_what_is_registered_again_is_news_only_when_it_differs() -> None:
    """A line for every login of thousands would hide the one that matters."""
    registered = RegisteredCounter(offered(CATALOG))
    answers = [bytes(body("RspUserLogin", SHFETime=time)) for time in ("09:00:00", "09:00:01")]

    with capture_logs() as lines:
        for answer in answers:
            registered.register(offered(CATALOG, answer))

    assert [line["exchanges"] for line in lines] == [{"SHFE": []}]
    assert codes(registered.description) == ["SHFE"]
