"""Made-up orders run through the relay's own code and reach nothing else; they end with the relay, and there are none unless asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctpabi.catalog import Method
from relay import keep_warm
from relay.counter.ctp.identity.ownership import Owner, Ownership
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.keep_warm import MadeUpCounter, MadeUpOrders, kept_warm
from relay.processors import stay_on
from tests.relay.counter.ctp.played_api import Counter
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import settled


@pytest.fixture
def evidence() -> KeptEvidence:
    return KeptEvidence()


@pytest.fixture
def counter(tmp_path: Path, evidence: KeptEvidence, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    played = Counter(tmp_path, evidence, monkeypatch)
    yield played
    played.order_map.close()


class CountedOrders:
    """How many made-up orders came to the made-up counter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._came = asyncio.Event()
        call = MadeUpCounter.call

        def counted(made_up: MadeUpCounter, method: Method, body: bytes, request_id: int) -> int:
            self.count += 1
            self._came.set()
            return call(made_up, method, body, request_id)

        monkeypatch.setattr(MadeUpCounter, "call", counted)

    async def reach(self, wanted: int) -> None:
        async with asyncio.timeout(30):
            while self.count < wanted:
                self._came.clear()
                await self._came.wait()


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> CountedOrders:
    return CountedOrders(monkeypatch)


class KeptTrail:
    """An `OrderTrail` that only counts."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def put(self, make: Any) -> None:
        self.notes.append(make)


async def test_nothing_of_it_reaches_vendor_ledger_order_map_or_metrics(
    counter: Counter, evidence: KeptEvidence, orders: CountedOrders, tmp_path: Path
) -> None:
    """It is the process's own business: a record of an order that was none would be a lie."""
    trail = KeptTrail()
    counter.tools = replace(counter.tools, trail=trail)
    figures = counter.tools.figures
    counter.order_map.begin("20261126")
    (known := counter.tools.tables.known).know_all()

    async with kept_warm(ManyToMany(counter.connector, counter.tools), 1, tmp_path / "process"):
        await orders.reach(20)

    assert counter.apis == []
    assert evidence.kinds == []
    assert trail.notes == []
    assert [file.read_bytes() for file in (tmp_path / "order_map").iterdir()] == [b""]
    assert (figures.calls, figures.events, figures.refusals) == ({}, 0, {})
    assert (sum(figures.order_seconds.counts), sum(figures.notice_seconds.counts)) == (0, 0)
    assert counter.tools.day_use.fullest == 0
    assert counter.tools.next_lane() == 1
    assert Ownership(Owner.INVESTOR, b"keepwarm") not in known


async def test_it_ends_with_the_relay(counter: Counter, orders: CountedOrders, tmp_path: Path) -> None:
    """Nothing of it is left behind, neither a task nor an order under way."""
    async with kept_warm(ManyToMany(counter.connector, counter.tools), 1, tmp_path / "process"):
        await orders.reach(3)
    seen = orders.count
    await settled()

    assert orders.count == seen
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_there_is_none_unless_it_is_asked_for(counter: Counter, orders: CountedOrders, tmp_path: Path) -> None:
    """It costs a good part of a processor, always."""
    async with kept_warm(ManyToMany(counter.connector, counter.tools), 0, tmp_path / "process"):
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    assert orders.count == 0
    assert not (tmp_path / "process").exists()


@pytest.mark.parametrize("is_shared", [False, True])
async def test_an_order_goes_all_the_way_down_and_its_notices_come_all_the_way_up(
    counter: Counter, orders: CountedOrders, tmp_path: Path, *, is_shared: bool
) -> None:
    """Otherwise half of the way would stay cold: a result and two notices for each order, and not one is a refusal."""
    made_up = MadeUpOrders(counter.tools.tables, tmp_path / "warm", is_shared=is_shared)
    await made_up.begin()
    for number in range(1, 4):
        await made_up.order()
        await settled()
        assert (orders.count, made_up.outbox.waiting[0]) == (number, 3)
    await made_up.end()


async def test_what_a_day_keeps_is_bounded(
    counter: Counter, orders: CountedOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand orders a second, day and night, would fill memory and disk otherwise."""
    monkeypatch.setattr(keep_warm, "_ORDERS_A_DAY", 5)
    made_up = MadeUpOrders(counter.tools.tables, tmp_path / "warm", is_shared=True)
    await made_up.begin()
    for _ in range(40):
        await made_up.order()
        await settled()

    lines = [line for file in (tmp_path / "warm").iterdir() for line in file.read_bytes().splitlines()]
    await made_up.end()
    assert orders.count > 30
    assert len(lines) <= 5
    assert made_up.kept <= 5


def test_processors_that_are_not_there_are_named() -> None:
    """A typing error must not leave the relay on all of them, nor on none."""
    stay_on([])

    with pytest.raises(SystemExit, match="4095"):
        stay_on([4095])
