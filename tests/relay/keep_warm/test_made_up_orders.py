"""Made-up orders run through the relay's own code and reach nothing else; they end with the relay, and there are none unless asked for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from ctpabi.catalog import Method
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.ctp.identity.ownership import Owner, Ownership
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.figures.figures import Figures, Histogram
from relay.keep_warm import orders as made_up_orders
from relay.keep_warm.counter import MadeUpCounter
from relay.keep_warm.keeping import kept_warm
from relay.keep_warm.orders import MadeUpOrders
from relay.rpc.certificates import Certificates, ServedFiles
from tests.ctpabi.native_library import native_events
from tests.relay.counter.ctp.ctp_bodies import CATALOG
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


class Heard:
    """What the made-up terminal gets, but for its welcome."""

    def __init__(self, made_up: MadeUpOrders) -> None:
        self.kinds: list[str] = []
        self.codes: list[int] = []
        self._came = asyncio.Event()
        made_up.on_batch = self._take

    def _take(self, data: bytes) -> None:
        for message in pb.RelayBatch.FromString(data).messages:
            kind = message.WhichOneof("body")
            if kind == "logged_in":
                continue
            self.kinds.append(str(kind))
            if kind == "call_result":
                self.codes.append(message.call_result.return_code)
        self._came.set()

    async def reach(self, wanted: int) -> None:
        async with asyncio.timeout(30):
            while len(self.kinds) < wanted:
                self._came.clear()
                await self._came.wait()


def served(folder: Path) -> Callable[[], ssl.SSLContext]:
    """What terminals are served with."""
    certificate, key = folder / "relay.crt", folder / "relay.key"
    issued = trustme.CA().issue_cert("relay.example")
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    return Certificates(ServedFiles(certificate, key)).context


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

    async with kept_warm(ManyToMany(counter.connector, counter.tools), 1, tmp_path / "process", Figures()):
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
    async with kept_warm(ManyToMany(counter.connector, counter.tools), 1, tmp_path / "process", Figures()):
        await orders.reach(3)
    seen = orders.count
    await settled()

    assert orders.count == seen
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_there_is_none_unless_it_is_asked_for(counter: Counter, orders: CountedOrders, tmp_path: Path) -> None:
    """It costs a good part of a processor, always."""
    async with kept_warm(ManyToMany(counter.connector, counter.tools), 0, tmp_path / "process", Figures()):
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    assert orders.count == 0
    assert not (tmp_path / "process").exists()


@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("has_tls", [False, True])
@pytest.mark.parametrize("is_shared", [False, True])
async def test_an_order_goes_all_the_way_down_and_its_notices_come_all_the_way_up(
    counter: Counter, tmp_path: Path, orders: CountedOrders, *, is_shared: bool, has_tls: bool, is_native: bool
) -> None:
    """Otherwise half of the way would stay cold: the terminal has a result and two notices of each order, and no refusal."""
    tables = replace(counter.tools.tables, native=native_events(CATALOG) if is_native else None)
    tls = served(tmp_path) if has_tls else None
    made_up = MadeUpOrders(tables, tmp_path / "warm", is_shared=is_shared, tls=tls)
    heard = Heard(made_up)
    await made_up.begin()
    for number in range(1, 4):
        made_up.order()
        await heard.reach(3 * number)
        assert orders.count == number
    await made_up.end()

    assert heard.kinds == ["call_result", "event", "event"] * 3
    assert heard.codes == [0, 0, 0]


async def test_what_a_day_keeps_is_bounded(
    counter: Counter, orders: CountedOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand orders a second, day and night, would fill memory and disk otherwise."""
    monkeypatch.setattr(made_up_orders, "_ORDERS_A_DAY", 5)
    made_up = MadeUpOrders(counter.tools.tables, tmp_path / "warm", is_shared=True)
    await made_up.begin()
    for _ in range(40):
        made_up.order()
        await settled()

    lines = [line for file in (tmp_path / "warm").iterdir() for line in file.read_bytes().splitlines()]
    await made_up.end()
    assert orders.count > 30
    assert len(lines) <= 5
    assert made_up.kept <= 5


async def test_it_goes_on_for_as_long_as_the_relay_runs(counter: Counter, tmp_path: Path) -> None:
    """The terminal has to let more come again and again, or the windows of HTTP/2 would be used up after a second."""
    made_up = MadeUpOrders(counter.tools.tables, tmp_path / "warm", is_shared=False)
    heard = Heard(made_up)
    await made_up.begin()
    for number in range(1, 501):
        made_up.order()
        await heard.reach(3 * number)
    await made_up.end()

    assert set(heard.codes) == {0}


class BusyOrders(Histogram):
    """As if a real order had been sent each time somebody looks."""

    def __init__(self) -> None:
        self.looks = 0
        self.looked_often = asyncio.Event()

    @property
    def total(self) -> float:  # type: ignore[override]
        self.looks += 1
        if self.looks >= 20:
            self.looked_often.set()
        return float(self.looks)


async def test_there_is_none_where_a_real_order_has_just_gone_the_same_way(
    counter: Counter, orders: CountedOrders, tmp_path: Path
) -> None:
    """The way is warm then, and the next real order would wait for the made-up one."""
    figures = Figures()
    figures.order_seconds = busy = BusyOrders()
    async with kept_warm(ManyToMany(counter.connector, counter.tools), 1, tmp_path / "process", figures):
        async with asyncio.timeout(30):
            await busy.looked_often.wait()

    assert orders.count == 0
