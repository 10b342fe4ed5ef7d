"""The gateway that vn.py loads: `main_engine.add_gateway(RelayGateway)`.

vn.py calls from its event thread, its window and its users' scripts, and none of these calls waits: an order is checked, numbered and shown
as being submitted, then handed to the session's thread. vn.py's event thread ends for good where one of its handlers raises, so nothing is put
into its queue that was not looked at here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from logging import ERROR, INFO
from typing import Any, ClassVar

from vnpy.event import EventEngine
from vnpy.trader.constant import Exchange, Status
from vnpy.trader.gateway import BaseGateway
from vnpy.trader.object import (
    CancelRequest,
    ContractData,
    LogData,
    OrderData,
    OrderRequest,
    SubscribeRequest,
)

from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client import SessionInfo, Tick
from terminal_client.secret import Secret
from vnpy_relay.blotter import Blotter
from vnpy_relay.holdings import Positions, account_data, contract_data
from vnpy_relay.inquiry import Question
from vnpy_relay.names import OrderName
from vnpy_relay.orders import CHINA, EXCHANGES, input_action, input_order, order_data, reason_against, trade_data
from vnpy_relay.orders_sent import NOT_CONNECTED
from vnpy_relay.quotes import tick_data
from vnpy_relay.session import GatewaySession
from vnpy_relay.session_thread import SessionThread
from vnpy_relay.settings import DEFAULT_SETTING, ConnectSetting, SettingInvalid, read_setting


@dataclass(slots=True)
class _Numbering:
    """The name of the session, and the number of its next order."""

    front: int
    session: int
    next_ref: int

    def take(self) -> OrderName:
        name = OrderName(self.front, self.session, self.next_ref)
        self.next_ref += 1
        return name


class RelayGateway(BaseGateway):
    """vn.py trades through a CTP relay."""

    default_name: ClassVar[str] = "RELAY"
    default_setting: ClassVar[dict[str, Any]] = DEFAULT_SETTING
    exchanges: ClassVar[list[Exchange]] = list(EXCHANGES.values())

    def __init__(self, event_engine: EventEngine, gateway_name: str) -> None:
        super().__init__(event_engine, gateway_name)
        self._lock = threading.RLock()
        self._thread: SessionThread | None = None
        self._given: dict[str, Any] = {}
        self._account = ("", "")
        self._symbols: set[str] = set()
        """what ticks are wanted of, in every session"""
        self._forget_account()

    def _forget_account(self) -> None:
        self._numbering: _Numbering | None = None
        self._blotter = Blotter(self)
        self._contracts: dict[str, ContractData] = {}
        self._positions = Positions(self.gateway_name)
        self._orders: dict[str, OrderData] = {}
        """this gateway's own, with the reference that a strategy gave them"""

    # vn.py asks ------------------------------------------------------------------------------------------------

    def connect(self, setting: Mapping[str, Any]) -> None:
        """Log in and stay logged in. With the same fields again nothing happens while that session lasts."""
        try:
            wanted = read_setting(setting)
        except SettingInvalid as error:
            self.say(f"连接设置有误 {error}", grave=True)
            return
        with self._lock:
            before = self._thread
            if before is not None and before.is_running and dict(setting) == self._given:
                self.say("已在连接，不再重复 Already connected or connecting")
                return
            if before is not None:
                before.stop()
            self._begin(wanted, before)
            self._given = dict(setting)

    def _begin(self, wanted: ConnectSetting, before: SessionThread | None) -> None:
        account = (wanted.broker_id, wanted.investor_id)
        if account != self._account:
            self._account = account
            self._forget_account()
        for warning in wanted.warnings:
            self.say(warning)
        self.say(f"正在连接中继 Connecting to the relay {wanted.address}")
        self._thread = SessionThread(GatewaySession(wanted, self._blotter, self, self._symbols), before)
        self._thread.start()

    def close(self) -> None:
        """Log out. Also where nothing was ever connected, and after vn.py's event engine has stopped."""
        with self._lock:
            thread, self._thread, self._numbering = self._thread, None, None
        if thread is not None:
            thread.stop()
            thread.join()

    def subscribe(self, req: SubscribeRequest) -> None:
        """Ticks of one contract, also where it is asked before the login, and after every reconnect."""
        with self._lock:
            self._symbols.add(req.symbol)
            self._post("subscribe", req.symbol)

    def send_order(self, req: OrderRequest) -> str:
        """Number it, show it as being submitted, send it. Empty where it cannot be an order, or nothing was connected yet."""
        reason = reason_against(req)
        if reason:
            self.say(f"委托未发出 Order not sent: {reason}", grave=True)
            return ""
        # One at a time: the relay takes references in growing order only, and vn.py hears of an order first from here.
        with self._lock:
            if self._numbering is None or self._thread is None:
                self.say("委托未发出：尚未登录 Order not sent: not logged in yet", grave=True)
                return ""
            name = self._numbering.take()
            order = req.create_order_data(name.orderid, self.gateway_name)
            order.datetime = datetime.now(CHINA)
            self._orders[name.orderid] = order
            self.on_order(copy(order))
            thread = self._thread
            if not thread.post(thread.session.send_order, name, input_order(req, name)):
                self.refuse_order(name, NOT_CONNECTED)
        return order.vt_orderid

    def cancel_order(self, req: CancelRequest) -> None:
        """Cancel by the order's name; also what another program sent."""
        body = input_action(req)
        if body is None:
            self.say(f"撤单未发出：不认识的委托号 No order of this gateway: {req.orderid}", grave=True)
        elif not self._post("cancel_order", body):
            self.say(f"撤单未发出：尚未登录 Cancel not sent: {req.orderid}", grave=True)

    def query_account(self) -> None:
        self._post("want", Question.ACCOUNT)

    def query_position(self) -> None:
        self._post("want", Question.POSITIONS)

    def change_password(self, old: str, new: str) -> None:
        """Change the investor's password at the counter; what became of it is in the log. For scripts: the dialog has 「新密码」."""
        if not self._post("change_password", Secret(old), Secret(new)):
            self.say("密码未修改：尚未登录 The password was not changed: not logged in", grave=True)

    def _post(self, what: str, *arguments: Any) -> bool:
        with self._lock:
            thread = self._thread
            return thread is not None and thread.post(getattr(thread.session, what), *arguments)

    # The session shows, on its thread ----------------------------------------------------------------------------

    def say(self, text: str, *, grave: bool = False) -> None:
        """A line of vn.py's log."""
        self.on_log(LogData(msg=text, gateway_name=self.gateway_name, level=ERROR if grave else INFO))

    def take_name(self, info: SessionInfo) -> None:
        """A session, new or resumed: orders are numbered under its name from now on."""
        with self._lock:
            now = self._numbering
            if now is None or (now.front, now.session) != (info.front_id, info.session_id):
                self._numbering = _Numbering(info.front_id, info.session_id, info.max_order_ref + 1)

    def show_contracts(self, rows: Sequence[ctp.Instrument]) -> None:
        for row in rows:
            contract = contract_data(self.gateway_name, row)
            if contract is not None:
                self._contracts[contract.symbol] = contract
                self.on_contract(copy(contract))

    def show_account(self, row: ctp.TradingAccount) -> None:
        self.on_account(account_data(self.gateway_name, row))

    def show_positions(self, rows: Sequence[ctp.InvestorPosition]) -> None:
        for position in self._positions.take(rows, self._contracts):
            self.on_position(position)

    def show_order(self, name: OrderName, order: ctp.Order) -> None:
        shown = order_data(self.gateway_name, name, order)
        if shown is None:
            return
        with self._lock:
            own = self._orders.get(shown.orderid)
            if own is not None:
                shown.reference, shown.type = own.reference, own.type
            self._orders[shown.orderid] = shown
        self.on_order(copy(shown))
        if shown.status is Status.REJECTED:
            self.say(f"委托被拒 Order rejected {shown.orderid}: {order.status_msg}", grave=True)

    def show_trade(self, name: OrderName, trade: ctp.Trade) -> None:
        shown = trade_data(self.gateway_name, name, trade)
        if shown is not None:
            self.on_trade(shown)

    def show_tick(self, tick: Tick) -> None:
        contract = self._contracts.get(tick.instrument_id)
        shown = contract and tick_data(self.gateway_name, tick.depth, contract, datetime.now(CHINA))
        if shown:
            self.on_tick(shown)

    def refuse_order(self, name: OrderName, why: str) -> None:
        with self._lock:
            order = self._orders.get(name.orderid)
            if order is not None:
                order = self._orders[name.orderid] = copy(order)
                order.status = Status.REJECTED
        self.say(f"委托被拒 Order rejected {name.orderid}: {why}", grave=True)
        if order is not None:
            self.on_order(copy(order))
