"""The counter behind all relay processes: logins, its flows, its days, and its moods.

What it may do is what `docs/ctp-facts.md` says of a counter: authenticate before a login (18), answer no second login (22),
send a user's whole day after every login (53, 70), close its fronts and come back on another day (28), refuse
with an ErrorID, be slow, fall silent, and break a connection at any moment (12).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from ctpabi.api.spi import RawEvent
from simulation.matching import Matching
from simulation.rules import Rules
from simulation.storage import SharedDatabase
from simulation.structs import BROKER, OPERATOR, answered, packed, read, said
from simulation.vendor_api import VendorApi

_STEPS = {"ReqAuthenticate": "OnRspAuthenticate", "ReqUserLogin": "OnRspUserLogin"}


@dataclass
class Mood:
    """How the counter takes what it is asked, at the moment."""

    is_mute: bool = False
    """nothing is answered, and nothing is done"""
    error_id: int = 0
    """every step of a login is refused with it"""
    api_code: int = 0
    """what the library returns to requests"""
    slowness: float = 1.0


class SeededCounter:
    """One counter; every process has its APIs here."""

    def __init__(self, seed: int, rules: Rules, database: SharedDatabase, front_info: tuple[int, int]) -> None:
        self.seed, self.rules, self.database, self.front_info = seed, rules, database, front_info
        self.loop = asyncio.get_running_loop()
        self.context = contextvars.copy_context()
        self.dice = Random(f"{seed}/counter")
        self.mood = Mood()
        self.is_open = False
        self.trading_day = ""
        self.apis: list[VendorApi] = []
        self._flow: list[tuple[str, RawEvent]] = []
        self.matching = Matching(seed, rules, self.later, self.publish)
        self._sessions = 0
        self.sent_tags: set[int] = set()
        """orders of the day that the library took"""
        self.sent_steps: Counter[tuple[str, str]] = Counter()

    def later(self, seconds: float, work: Callable[..., object], *facts: object) -> None:
        """As the counter's own doing, whoever asks."""
        self.loop.call_later(seconds, work, *facts, context=self.context)

    def latency(self) -> float:
        return self.dice.uniform(0.0002, 0.004) * self.mood.slowness

    # Days --------------------------------------------------------------------------------------------------------

    def open_day(self, day: str) -> None:
        """The fronts open; a new trading day unless it is the same one's next session."""
        if day != self.trading_day:
            self.trading_day = day
            self.matching.start_day(day)
            self._flow.clear()
            self.sent_tags.clear()
        self.is_open = True

    def close_day(self) -> None:
        """The fronts close: all connections break."""
        self.is_open = False
        for api in self.apis:
            api.break_off(8193)

    # Connections -------------------------------------------------------------------------------------------------

    def accept(self, api: VendorApi) -> None:
        """A connection is tried; the library tries again by itself."""
        if api.released or api.connected or api.process.killed:
            return
        if self.is_open and not self.mood.is_mute:
            api.connected = True
            api.say(said("OnFrontConnected"))
        else:
            self.later(self.dice.uniform(1.0, 5.0) if self.is_open else self.dice.uniform(30.0, 90.0), self.accept, api)

    def take(self, api: VendorApi, name: str, body: bytes, request_id: int) -> None:
        """A request has arrived."""
        if self.mood.is_mute:
            return
        match name:
            case "ReqAuthenticate" | "ReqUserLogin":
                self._step(api, name, body, request_id)
            case "ReqUserLogout":
                api.say(answered("OnRspUserLogout", request_id, packed("UserLogout", BrokerID=BROKER)))
                self.later(0.001, api.break_off, 4097)
            case "ReqOrderInsert":
                self.matching.insert(api, body, request_id)
            case "ReqOrderAction":
                self.matching.cancel(api, body, request_id)
            case _:
                self.later(self.dice.uniform(0.001, 0.3), self._answer_query, api, api.epoch, name, body, request_id)

    def _step(self, api: VendorApi, name: str, body: bytes, request_id: int) -> None:
        error_id = self.mood.error_id
        if name == "ReqUserLogin" and api.user_id:
            return  # it is logged in
        if name == "ReqUserLogin" and not api.authenticated:
            error_id = 64
        if error_id:
            api.authenticated = False
            api.say(answered(_STEPS[name], request_id, None, error_id))
        elif name == "ReqAuthenticate":
            api.authenticated = True
            api.app_type = "3" if read("ReqAuthenticate", body, "UserID") == OPERATOR else "2"
            api.say(answered("OnRspAuthenticate", request_id, packed("RspAuthenticate", AppType=api.app_type)))
        else:
            self._log_in(api, read("ReqUserLogin", body, "UserID"), request_id)

    def _log_in(self, api: VendorApi, user_id: str, request_id: int) -> None:
        self._sessions += 1
        api.logged_in(user_id, front_id=1 + self._sessions % 3, session_id=1000 + self._sessions)
        facts: dict[str, Any] = {"TradingDay": self.trading_day, "LoginTime": self.time_of_day(), "MaxOrderRef": "1"}
        facts |= {"BrokerID": BROKER, "UserID": user_id, "FrontID": api.front_id, "SessionID": api.session_id}
        api.say(answered("OnRspUserLogin", request_id, packed("RspUserLogin", **facts)))
        for investor, event in self._flow:
            if api.may_hear(investor):
                api.say(event)

    def time_of_day(self) -> str:
        seconds = int(self.loop.time()) % 86400
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    # Flows and answers -------------------------------------------------------------------------------------------

    def publish(self, investor: str, event: RawEvent) -> None:
        """Said to every session that may hear of this investor, now and after every later login of the day."""
        self._flow.append((investor, event))
        for api in self.apis:
            if api.may_hear(investor):
                api.say(event)

    def _answer_query(self, api: VendorApi, epoch: int, name: str, body: bytes, request_id: int) -> None:
        if api.epoch != epoch or self.dice.random() < 0.01:
            return  # the connection is gone, or this answer never comes
        answer = name.replace("Req", "OnRsp", 1)
        if self.dice.random() < 0.03:
            api.say(answered(answer, request_id, None, 90))
            return
        if name == "ReqQryTrade":
            investor = read("QryTrade", body, "InvestorID")
            for order in self.matching.of(investor)[:20]:
                row = packed("Trade", BrokerID=BROKER, InvestorID=investor, Price=float(order.tag))
                api.say(answered(answer, request_id, row, is_last=False))
        api.say(answered(answer, request_id, None))

    def foreign_order(self, investor: str, tag: int) -> None:
        """Another program's order of this investor."""
        program = _Program(investor)
        body = packed(
            "InputOrder",
            BrokerID=BROKER,
            InvestorID=investor,
            UserID=investor,
            OrderRef=str(tag),
            LimitPrice=float(tag),
            VolumeTotalOriginal=3,
            InstrumentID="rb2701",
        )
        self.matching.insert(program, body, 1)

    def force_out(self, api: VendorApi) -> None:
        """The counter ends a login that no one asked to end (CTP fact 27)."""
        if api.user_id:
            api.say(answered("OnRspUserLogout", 0, packed("UserLogout", BrokerID=BROKER)))
            self.later(0.01, api.break_off, 4097)


class _Program:
    """A program beside the relay, which reads nothing."""

    front_id, session_id = 9, 1

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id

    def say(self, _: RawEvent) -> None:
        """It does not listen."""
