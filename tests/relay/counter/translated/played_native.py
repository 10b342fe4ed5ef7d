"""A native session for tests: it keeps what it was given, and a test says what comes back."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ctpabi.catalog.data import load_catalog
from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import events_pb2, requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.port import CounterEvent, LinkStatus, OrderNote, TerminalCall
from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames
from relay.counter.translated.native import Row
from relay.counter.translated.notes import NativeOrderNotes
from relay.counter.translated.reading import RequestReader
from relay.counter.translated.tools import DeskTools
from relay.counter.translated.values import KnownOrder, NewOrder, NotSent, OrderState, TradeState, Values
from relay.figures.figures import Figures
from relay.logs.alarms import Alarms
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

CATALOG = load_catalog()
INVESTOR, OTHER, BROKER, DAY = "100001", "100002", "9999", "20261123"
CARRIED = {
    "ReqOrderInsert": frozenset(
        {
            "InstrumentID", "ExchangeID", "OrderRef", "Direction", "CombOffsetFlag", "CombHedgeFlag", "LimitPrice",
            "VolumeTotalOriginal", "OrderPriceType", "TimeCondition", "VolumeCondition", "ContingentCondition",
            "MinVolume", "ForceCloseReason",
        }
    ),
    "ReqOrderAction": frozenset(
        {"ActionFlag", "OrderSysID", "ExchangeID", "FrontID", "SessionID", "OrderRef", "InstrumentID", "OrderActionRef"}
    ),
    "ReqQryOrder": frozenset({"InstrumentID", "ExchangeID", "OrderSysID"}),
    "ReqQryTrade": frozenset({"InstrumentID", "ExchangeID", "TradeID"}),
    "ReqQryTradingAccount": frozenset({"CurrencyID"}),
}  # fmt: skip


class PlayedNative:
    """`answers` has a future for each thing that was sent."""

    def __init__(self) -> None:
        self.live = True
        self.questions = asyncio.Lock()
        self.sent: list[tuple[str, Any]] = []
        self.answers: list[asyncio.Future[Any]] = []
        self.sends = True

    def check_order(self, values: Values) -> Refusal | None:
        if values["ExchangeID"] == "INE":
            return call_reasons.value_not_offered_by_counter(field="ExchangeID", value="INE")
        return None

    def place(self, order: NewOrder) -> asyncio.Future[str]:
        return self._send("place", order)

    def cancel(self, order: KnownOrder) -> asyncio.Future[OrderState | None]:
        return self._send("cancel", order)

    def ask(self, method: str, values: Values) -> asyncio.Future[Sequence[Row]]:
        return self._send(method, values)

    def _send(self, what: str, content: Any) -> asyncio.Future[Any]:
        if not self.sends:
            raise NotSent
        self.sent.append((what, content))
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Notes:
    """The orders' stream."""

    def __init__(self) -> None:
        self.kept: list[OrderNote] = []

    def put(self, make: Any) -> None:
        self.kept.append(make())


class Bench:
    """A desk with what it needs; `heard` reads what a link's terminal got."""

    def __init__(
        self, directory: Path, *, number: int = 7, most: int = 100, total: int = 1000, shared: Any = None
    ) -> None:
        """`shared`: what the firm's processes share of their orders."""
        self.order_map = OrderMapFile(directory, shared)
        self.names = OrderNames(self.order_map, number)
        self.notes = Notes()
        lanes = itertools.count(1)
        self.tools = DeskTools(
            reader=RequestReader(CATALOG, CARRIED),
            events=EventMaker(CATALOG),
            names=self.names,
            notes=NativeOrderNotes(self.notes),
            limits=lambda: LinkLimits(1000, 1000),
            day_limits=lambda: SimpleNamespace(orders_per_day=total, orders_per_day_per_investor=most),
            alarms=Alarms(),
            figures=Figures(),
            next_lane=lambda: next(lanes),
        )
        self.desk = AccountDesk(BROKER, INVESTOR, self.tools)
        self.desk.begin_day(DAY)

    def link(self, native: PlayedNative, name: str = "T1", *, from_now: bool = False) -> TranslatedLink:
        async def gone(_link: TranslatedLink, _reason: str) -> None:
            return

        link = self.desk.add(name, Identity(BROKER, INVESTOR, app_id="app"), native, gone)
        self.desk.welcome(link, from_now=from_now)
        return link


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def heard(link: TranslatedLink) -> list[tuple[str, Any]]:
    """What came since the last look: callback and message, or state and reason."""
    items: list[tuple[str, Any]] = []
    waiting = link._items
    for item in waiting.take() + waiting.make(time.monotonic, math.inf):
        if isinstance(item, LinkStatus):
            items.append((item.state.value, item.reason))
        else:
            items.append((item.callback, message(item)))
    return items


def message(event: CounterEvent) -> Any:
    """The event, decoded."""
    return events_pb2.Event.FromString(event.wire)


def order(**changes: Any) -> ctp.InputOrder:
    """Buys one rb2701 to open."""
    values: dict[str, Any] = {
        "instrument_id": "rb2701",
        "exchange_id": "SHFE",
        "direction": enums.DIRECTION_BUY,
        "comb_offset_flag": "0",
        "comb_hedge_flag": "1",
        "limit_price": 3500.0,
        "volume_total_original": 3,
        "order_price_type": enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        "time_condition": enums.TIME_CONDITION_GFD,
        "volume_condition": enums.VOLUME_CONDITION_AV,
        "contingent_condition": enums.CONTINGENT_CONDITION_IMMEDIATELY,
        "force_close_reason": enums.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    }
    return ctp.InputOrder(**{**values, **changes})


def insert(request_id: int = 1, key: str = "", **changes: Any) -> TerminalCall:
    return TerminalCall(requests_pb2.Request(order_insert=order(**changes)), request_id, 3.0, key)


def cancel(request_id: int = 2, valid_for: float = 3.0, **values: Any) -> TerminalCall:
    body = ctp.InputOrderAction(action_flag=enums.ACTION_FLAG_DELETE, **values)
    return TerminalCall(requests_pb2.Request(order_action=body), request_id, valid_for)


def state(native_id: str = "11", **changes: Any) -> OrderState:
    values: dict[str, Any] = {
        "native_id": native_id, "exchange_id": "SHFE", "instrument_id": "rb2701", "direction": "0", "offset": "0",
        "hedge": "1", "price": 3500.0, "volume": 3,
    }  # fmt: skip
    return OrderState(**{**values, **changes})


def fill(trade_id: str = "1", native_id: str = "11", volume: int = 1, **changes: Any) -> TradeState:
    values: dict[str, Any] = {
        "trade_id": trade_id, "exchange_id": "SHFE", "native_id": native_id, "instrument_id": "rb2701",
        "direction": "0", "offset": "0", "hedge": "1", "price": 3500.0, "volume": volume,
    }  # fmt: skip
    return TradeState(**{**values, **changes})
