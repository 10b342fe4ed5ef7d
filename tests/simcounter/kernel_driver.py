"""Drives the kernel without a front: requests in as values, callbacks out as values; the clock stands still."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from simcounter import demo_accounts
from simcounter.accounts import Accounts
from simcounter.config import CounterConfig
from simcounter.events import Answer, Effect, TopicNotice
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.session import CHINA, Session

CATALOG = load_catalog()
DAY = "20261123"


@dataclass
class Hands:
    """A clock to be moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 9, 30, 0, tzinfo=CHINA))

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Decoded:
    """One callback, decoded."""

    callback: str
    values: dict[str, Any] | None
    error_id: int | None
    request_id: int | None
    is_last: bool
    investor_id: str
    """of a notice: whose private topic"""

    def __getitem__(self, name: str) -> Any:
        assert self.values is not None
        return self.values[name]


class Driver:
    def __init__(self, **settings: Any) -> None:
        config = CounterConfig(**{"trading_day": DAY, **settings})
        self.clock = Hands()
        self.accounts = Accounts(config.broker_id, config.apps, config.users)
        self.kernel = Kernel(config, self.accounts, Records(CATALOG), self.clock)
        self.order_ref = 0

    def open(self, peer_ip: str = "127.0.0.1") -> Session:
        return self.kernel.open_session(peer_ip, 40000)

    def effects(self, session: Session, method: str, **values: Any) -> list[Effect]:
        struct = CATALOG.structs[CATALOG.methods[method].struct]
        return self.kernel.handle_request(session, method, layout.pack(struct, values), 7)

    def call(self, session: Session, method: str, **values: Any) -> list[Decoded]:
        """The callbacks of a request; what only the front sees is left out."""
        return decoded(self.effects(session, method, **values))

    def report(self, session: Session, method: str, **values: Any) -> list[Effect]:
        struct = CATALOG.structs[CATALOG.methods[method].struct]
        return self.kernel.report(session, method, layout.pack(struct, values))

    def authenticate(self, session: Session, app_id: str = demo_accounts.DIRECT_APP_ID, **changes: Any) -> Decoded:
        values = {"BrokerID": "9999", "UserID": "100001", "AppID": app_id, "AuthCode": demo_accounts.AUTH_CODES[app_id]}
        (sent,) = self.call(session, "ReqAuthenticate", **{**values, **changes})
        return sent

    def log_in(self, session: Session, user_id: str = "100001", **changes: Any) -> list[Decoded]:
        values = {"BrokerID": "9999", "UserID": user_id, "Password": demo_accounts.password_of(user_id)}
        return self.call(session, "ReqUserLogin", **{**values, **changes})

    def trader(self, user_id: str = "100001", app_id: str = demo_accounts.DIRECT_APP_ID) -> Session:
        """A session that is logged in and may trade."""
        session = self.open()
        self.authenticate(session, app_id)
        assert self.log_in(session, user_id)[0].error_id == 0
        for investor_id in self.accounts.investors_of(self.accounts.users[user_id]):
            self.call(session, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID=investor_id)
        return session

    def insert(self, session: Session, **changes: Any) -> list[Decoded]:
        """Buys one rb2701 to open at 3500, unless `changes` say otherwise."""
        self.order_ref += 1
        user_id = session.user.user_id if session.user is not None else ""
        values = {
            "BrokerID": "9999",
            "InvestorID": user_id,
            "UserID": user_id,
            "InstrumentID": "rb2701",
            "ExchangeID": "SHFE",
            "OrderRef": str(self.order_ref),
            "OrderPriceType": "2",
            "Direction": "0",
            "CombOffsetFlag": "0",
            "CombHedgeFlag": "1",
            "LimitPrice": 3500.0,
            "VolumeTotalOriginal": 1,
            "TimeCondition": "3",
            "VolumeCondition": "1",
            "MinVolume": 1,
            "ContingentCondition": "1",
            "ForceCloseReason": "0",
            "RequestID": 77,
            "OrderMemo": "memo",
        }
        return self.call(session, "ReqOrderInsert", **{**values, **changes})

    def cancel(self, session: Session, order: Decoded, **changes: Any) -> list[Decoded]:
        values = {
            "BrokerID": "9999",
            "InvestorID": order["InvestorID"],
            "UserID": session.user.user_id if session.user is not None else "",
            "ExchangeID": order["ExchangeID"],
            "OrderSysID": order["OrderSysID"],
            "InstrumentID": order["InstrumentID"],
            "ActionFlag": "0",
        }
        return self.call(session, "ReqOrderAction", **{**values, **changes})

    def query(self, session: Session, name: str, **values: Any) -> list[Decoded]:
        """The rows of ReqQry`name`."""
        return self.call(session, f"ReqQry{name}", **values)


def decoded(effects: list[Effect]) -> list[Decoded]:
    return [_decoded_one(effect) for effect in effects if isinstance(effect, (Answer, TopicNotice))]


def _decoded_one(effect: Answer | TopicNotice) -> Decoded:
    struct = CATALOG.callbacks[effect.callback].struct
    values = layout.unpack(CATALOG.structs[struct], effect.body) if effect.body is not None else None
    error_id = effect.rsp_info.error_id if effect.rsp_info is not None else None
    if isinstance(effect, Answer):
        return Decoded(effect.callback, values, error_id, effect.request_id, effect.is_last, "")
    return Decoded(effect.callback, values, error_id, None, True, effect.investor_id)


def outline(sent: list[Decoded]) -> list[str]:
    """The callbacks as one word each; orders with their status."""
    return [f"{t.callback}({t['OrderStatus']})" if t.callback == "OnRtnOrder" else t.callback for t in sent]
