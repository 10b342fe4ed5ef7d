"""The vendor's API played in the process: answers as a counter that is in a good mood, unless told otherwise."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ctpabi.api.binding import Binding
from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Method
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.modes import connection
from relay.counter.ctp.modes.connection import Connector, CounterAddress
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.patience import Patience
from relay.counter.port import Evidence, Investor, TerminalLogin, TerminalReport
from relay.database.times import COUNTER_ZONE
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, OWNERSHIP, PLACES, SCOPES, callback
from tests.relay.counter.ctp.played_board import DAY, Called, answer, event_body

RELAY_AUTH_CODE = "RELAYAUTH0000001"
PASSWORD = "investor-password"
PATIENCE = Patience(connect=10.0, answer=10.0, pause=5.0)


@dataclass
class Mood:
    """How the counter takes what it is told."""

    app_type: str = "2"
    connects: bool = True
    day: str = DAY
    login_time: str = ""
    codes: dict[str, int] = field(default_factory=dict)
    """return codes by method"""
    errors: dict[str, int] = field(default_factory=dict)
    """ErrorIDs by method"""
    silent: set[str] = field(default_factory=set)
    """methods that get no answer"""
    on_report: Callable[[PlayedApi], None] = lambda _: None
    """happens in the middle of a report"""


class PlayedApi:
    """What `CtpSession` and `LoginSteps` need of a `TraderApi`."""

    def __init__(self, put: Put, mood: Mood) -> None:
        self._put = put
        self.mood = mood
        self.called: list[Called] = []
        self.reported: list[Called] = []
        self.topic = -1
        self.released = False
        self.freed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def connect(self, fronts: Sequence[str], private_topic: int) -> None:
        self.topic = private_topic
        if self.mood.connects:
            self.say("OnFrontConnected")

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        self.called.append(Called(method.name, bytes(body), request_id))
        code = self.mood.codes.get(method.name, 0)
        if code == 0 and method.name not in self.mood.silent:
            self.answer(method.name, request_id)
        return code

    def report(self, method: Method, body: bytes) -> int:
        self.reported.append(Called(method.name, body, 0))
        self.mood.on_report(self)
        return self.mood.codes.get(method.name, 0)

    def front_info(self) -> tuple[int, int]:
        return 0, 0

    def release(self) -> None:
        self.released = True
        self._loop.call_soon_threadsafe(self.freed.set)

    def answer(self, method: str, request_id: int) -> None:
        """The counter's answer to a step of the login."""
        error_id = self.mood.errors.get(method, 0)
        match method:
            case "ReqAuthenticate":
                event = answer("OnRspAuthenticate", request_id, error_id, AppType=self.mood.app_type)
            case "ReqUserLogin":
                row: dict[str, Any] = {"TradingDay": self.mood.day, "FrontID": 1, "SessionID": 77, "MaxOrderRef": "1"}
                row["LoginTime"] = self.mood.login_time
                event = answer("OnRspUserLogin", request_id, error_id, **row)
            case "ReqUserLogout":
                event = answer("OnRspUserLogout", request_id, error_id, BrokerID=BROKER)
            case "ReqSettlementInfoConfirm":
                event = answer("OnRspSettlementInfoConfirm", request_id, error_id, BrokerID=BROKER)
            case _:
                return
        self._put(event)

    def say(self, name: str, *, reason: int = 0, **row: Any) -> None:
        """A callback nobody asked for."""
        self._put(RawEvent(callback(name), event_body(name, **row) if row else None, None, reason=reason))

    def break_off(self) -> None:
        self.say("OnFrontDisconnected", reason=4097)

    @property
    def steps(self) -> list[str]:
        """What was called, reports among it in no order of theirs."""
        return [called.name for called in self.called]


def report(investor_id: str = "100001", **more: Any) -> TerminalReport:
    values: dict[str, Any] = {
        "investor": Investor(BROKER, investor_id),
        "system_info": bytes(range(1, 256)) + b"\x00" * 9 + b"ab",
        "app_id": "terminal_1.0",
        "public_ip": "198.51.100.7",
        "port": 50123,
        "logged_in_at": dt.datetime(2026, 11, 23, 9, 1, 2, tzinfo=COUNTER_ZONE),
        **more,
    }
    return TerminalReport(**values)


def login(investor_id: str = "100001", session: str = "", **more: Any) -> TerminalLogin:
    """An admitted terminal on its way to the counter."""
    return TerminalLogin(session or f"s-{investor_id}", report(investor_id), PASSWORD, **more)


class Counter:
    """A connector whose sessions run on played APIs."""

    def __init__(self, directory: Path, evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mood = Mood()
        self.apis: list[PlayedApi] = []
        self.created = asyncio.Event()
        self.directory = directory
        address = CounterAddress(
            fronts=("tcp://127.0.0.1:1",),
            broker_id=BROKER,
            relay_app_id="relay_1.0",
            relay_auth_code=RELAY_AUTH_CODE,
            production=True,
            user_product_info="relay",
            flow_dir=directory / "flow",
            patience=PATIENCE,
            inits_per_second=float("inf"),
        )
        monkeypatch.setattr(connection, "TraderApi", self._create)
        self.connector = Connector(cast("Binding", SimpleNamespace(catalog=CATALOG, native=None)), address, evidence)
        self.order_map = OrderMapFile(directory / "order_map")
        numbers = itertools.count(1)
        self.tools = DriverTools(
            tables=RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners()),
            order_map=self.order_map,
            new_lanes=lambda: Lanes(PLACES, OWNERSHIP),
            next_lane=lambda: next(numbers),
            limits=LinkLimits(orders=1000, queries=1000),
            day_use=DayUse(500_000),
        )

    def _create(self, _binding: object, flow_dir: Path, put: Put, *, production: bool) -> PlayedApi:
        flow_dir.mkdir(parents=True, exist_ok=True)
        self.apis.append(PlayedApi(put, self.mood))
        self.created.set()
        return self.apis[-1]

    @property
    def api(self) -> PlayedApi:
        """The only one."""
        (api,) = self.apis
        return api
