"""Each message type of CTS: what the kernel is asked for it, and what is answered.

A handler gets the session and the request's fields. It returns an answer: messages of data, or an errorCode; and
effects of the kernel, which the front carries out after the answer.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simcounter.accounts import App, AppType, Role, User
from simcounter.cts import codes
from simcounter.cts.lines import Message
from simcounter.cts.logins import AccountLogin, CtsSession, CtsSessions
from simcounter.cts.passwords import reveal
from simcounter.cts.rows import CtsRow, NativeOrder, funds_row, future_row, key_of, knock_row, order_row, position_row
from simcounter.errors_text import ErrorId
from simcounter.events import Answer, Effect, LoginRecord, TopicNotice
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.session import Session, Values

CONNECT, DISCONNECT, ACCOUNT_LOGIN, SUBSCRIBE, OPERATOR_LOGIN = 10000, 10001, 10011, 10012, 10021
FUTURES, ORDER, CANCEL, FUNDS, FUTURES_FUNDS = 11003, 15001, 15002, 16001, 16002
POSITIONS, ORDERS, TRADES, PUSH = 16006, 16011, 16012, 17002

METHODS = {
    ACCOUNT_LOGIN: "ReqUserLogin",
    OPERATOR_LOGIN: "ReqUserLogin",
    FUTURES: "ReqQryInstrument",
    ORDER: "ReqOrderInsert",
    CANCEL: "ReqOrderAction",
    FUNDS: "ReqQryTradingAccount",
    FUTURES_FUNDS: "ReqQryTradingAccount",
    POSITIONS: "ReqQryInvestorPosition",
    ORDERS: "ReqQryOrder",
    TRADES: "ReqQryTrade",
}
"""the request of CTP that each is at the kernel: rules of the scenario about it hold here too"""
_ONE_BY_ONE = "0"
"""queryType: one row a message"""
_NATIVE_CLIENT = App("PyAPI", AppType.INVESTOR_RELAY, "")


@dataclass(frozen=True, slots=True)
class CtsAnswer:
    """What is answered, and what the front does after it."""

    data: list[Message] = field(default_factory=lambda: [{}])
    """one message each; the last one has lastFlag"""
    code: str = ""
    """an errorCode; empty: success"""
    text: str = ""
    effects: list[Effect] = field(default_factory=list)


CtsHandler = Callable[[CtsSession, Mapping[str, Any]], CtsAnswer]


def refused(code: str, data: Message | None = None) -> CtsAnswer:
    return CtsAnswer([data or {}], code, codes.TEXTS.get(code, code))


class CtsRequests:
    """All handlers."""

    def __init__(self, kernel: Kernel, records: Records, sessions: CtsSessions) -> None:
        self._kernel = kernel
        self._records = records
        self._sessions = sessions
        self.native: dict[int, NativeOrder] = {}
        """by the desk's number of the order"""
        self.handlers: dict[int, CtsHandler] = {
            ACCOUNT_LOGIN: self.log_in_account,
            OPERATOR_LOGIN: self.log_in_operator,
            SUBSCRIBE: self.subscribe,
            ORDER: self.insert,
            CANCEL: self.cancel,
            FUNDS: self.funds,
            FUTURES_FUNDS: self.funds,
            POSITIONS: self.positions,
            ORDERS: self.orders,
            TRADES: self.trades,
            FUTURES: self.futures,
        }

    def user(self, acct_id: str) -> User | None:
        """The account's owner, whose settings a command may change."""
        return self._kernel.accounts.investor(acct_id)

    # Logins ---------------------------------------------------------------------------------------------------

    def log_in_operator(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        user = self._kernel.accounts.users.get(str(request.get("optId")))
        if user is None or user.role is not Role.OPERATOR:
            return self._error(ErrorId.INVALID_LOGIN)
        session, effects = self._log_in(cts, cts.operator, user.user_id, request, {})
        if session is None:
            return _refusal(effects)
        cts.operator = session
        return CtsAnswer([{}], effects=[e for e in effects if not isinstance(e, Answer | LoginRecord)])

    def log_in_account(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        """10011: refused with E2000000 until the terminal's information comes with it, where the account wants it."""
        acct_id, terminal_info = str(request.get("acctId")), request.get("F_TerminalOut") or ""
        user = self._kernel.accounts.investor(acct_id)
        if user is None or not self._may_act(cts, user):
            return self._error(ErrorId.INVALID_LOGIN)
        if user.collector_vendor and not terminal_info and self._knows_password(cts, user, request):
            return refused(codes.COLLECT_FIRST, {"acctInfo": {"appVendor": user.collector_vendor}})
        login = cts.accounts.get(acct_id)
        session, effects = self._log_in(cts, login.session if login else None, acct_id, request, _report(request))
        if session is None:
            return _refusal(effects)
        login = cts.accounts.setdefault(acct_id, AccountLogin(acct_id, session))
        login.session = session
        return CtsAnswer(
            [{"acctInfo": self._account(login, user, str(terminal_info))}], effects=_login_effects(effects)
        )

    def _may_act(self, cts: CtsSession, user: User) -> bool:
        """An account logs in for itself, or under an operator that may act for it."""
        operator = cts.operator.user if cts.operator is not None else None
        return operator is None or self._kernel.accounts.may_act_for(operator, user.user_id)

    def _knows_password(self, cts: CtsSession, user: User, request: Mapping[str, Any]) -> bool:
        password = self._password(cts, request)
        return hmac.compare_digest(user.password.encode(), password.encode())

    def _password(self, cts: CtsSession, request: Mapping[str, Any]) -> str:
        passkey = cts.connection.passkey if cts.connection is not None else ""
        return reveal(request.get("password"), passkey) or ""

    def _log_in(
        self, cts: CtsSession, session: Session | None, user_id: str, request: Mapping[str, Any], report: Values
    ) -> tuple[Session | None, list[Effect]]:
        """The kernel's login; a session that was logged in logs in anew. None with the refusal."""
        peer = cts.connection
        if peer is None:
            return None, []
        opened = session or self._kernel.open_session(peer.peer_ip, peer.peer_port)
        before, opened.user = opened.user, None
        opened.app, opened.registered = _NATIVE_CLIENT, report or None
        values = {"BrokerID": self._kernel.accounts.broker_id, "UserID": user_id}
        effects = self._ask(opened, "ReqUserLogin", {**values, "Password": self._password(cts, request)})
        if any(isinstance(effect, LoginRecord) for effect in effects):
            self._confirm(opened, user_id)
            return opened, effects
        opened.user = before
        if session is None:
            self._kernel.close_session(opened.session_id)
        return None, effects

    def _confirm(self, session: Session, user_id: str) -> None:
        """CTS has no statement to confirm before the day's first order."""
        portfolio = self._kernel.desk.portfolios.get(user_id)
        if portfolio is not None and session.user is not None:
            portfolio.confirmed_on = self._kernel.access.trading_day

    def _account(self, login: AccountLogin, user: User, terminal_info: str) -> CtsRow:
        portfolio, markets = self._kernel.desk.portfolios[login.acct_id], self._kernel.desk.markets
        row = funds_row(portfolio, markets)
        account: CtsRow = {name: row[name] for name in ("acctId", "currencyId", "currentAmt", "usableAmt")}
        account |= {"acctName": user.name, "creditFundFlag": 9, "sysDate": self._kernel.access.trading_day}
        account["regList"] = [
            {"exchId": code, "regId": f"{login.acct_id}{code}", "regName": user.name}
            for code in codes.EXCHANGES.values()
        ]
        if terminal_info:
            account["f_TerminalId"] = self._sessions.new_terminal_id()
            login.terminal_ids.add(account["f_TerminalId"])
        return account

    def subscribe(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        """10012; the password comes with it again."""
        login = cts.accounts.get(str(request.get("acctId")))
        if login is None or login.session.user is None:
            return refused(codes.NOT_LOGGED_IN)
        if not self._knows_password(cts, login.session.user, request):
            return self._error(ErrorId.INVALID_LOGIN)
        login.subscribed = str(request.get("subType", "0")) == "0"
        return CtsAnswer([{}])

    # Orders ---------------------------------------------------------------------------------------------------

    def insert(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        info = request.get("orderInfo")
        if not isinstance(info, dict):
            return refused(codes.BAD_REQUEST)
        login = cts.accounts.get(str(info.get("acctId")))
        why = self._order_refusal(login, request)
        values = _input_order(info)
        if why or login is None or values is None:
            return refused(why or codes.BAD_REQUEST)
        body = {**values, "BrokerID": self._kernel.accounts.broker_id, "InvestorID": login.acct_id}
        effects = self._ask(login.session, "ReqOrderInsert", body)
        first = effects[0]
        if not isinstance(first, TopicNotice):
            return _refusal(effects)
        key = key_of(self._records.unpack("Order", first.body))
        own = NativeOrder(_text(info, "clientId"), _text(info, "batchNum"), _text(request, "F_TerminalId"))
        self.native[key] = own
        order = self._kernel.desk.orders[key]
        amount = order.instrument.turnover(order.limit_ticks, order.volume)
        usable = self._kernel.desk.portfolios[login.acct_id].available(self._kernel.desk.markets.last_ticks)
        data = {"contractNum": str(key), "orderAmt": amount, "usableAmt": usable}
        return CtsAnswer([data], effects=effects)

    def cancel(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        info = request.get("orderCancelInfo")
        if not isinstance(info, dict):
            return refused(codes.BAD_REQUEST)
        login, number = cts.accounts.get(str(info.get("acctId"))), str(info.get("contractNum"))
        why = self._order_refusal(login, request)
        order = self._kernel.desk.orders.get(int(number)) if number.isdecimal() else None
        if why or login is None:
            return refused(why)
        if order is None or order.investor_id != login.acct_id:
            return refused(codes.NO_ORDER, {"contractNum": number})
        if order.is_final:
            return refused(codes.ENDED, {"contractNum": number})
        action = {"InvestorID": login.acct_id, "ActionFlag": "0", "OrderSysID": str(order.system_id)}
        action |= {"ExchangeID": order.instrument.exchange_id, "InstrumentID": order.instrument.instrument_id}
        action["BrokerID"] = self._kernel.accounts.broker_id
        effects = self._ask(login.session, "ReqOrderAction", action)
        if not isinstance(effects[0], TopicNotice):
            return _refusal(effects)
        data = {"contractNum": number, "completeNum": 1, "orderTime": ""}
        return CtsAnswer([data], effects=effects)

    def _order_refusal(self, login: AccountLogin | None, request: Mapping[str, Any]) -> str:
        if login is None or login.session.user is None:
            return codes.NOT_LOGGED_IN
        demanded = login.session.user.collector_vendor
        is_known = request.get("F_TerminalId") in login.terminal_ids
        return codes.NO_TERMINAL_ID if demanded and not is_known else ""

    # Queries --------------------------------------------------------------------------------------------------

    def orders(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        wanted = ("exchId", "contractNum", "stkId", "batchNum", "withdrawFlag")
        return self._rows_of(cts, request, "ReqQryOrder", "orderInfo", wanted)

    def trades(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        return self._rows_of(cts, request, "ReqQryTrade", "knockInfo", ("contractNum", "stkId"))

    def _rows_of(
        self, cts: CtsSession, request: Mapping[str, Any], method: str, name: str, wanted: tuple[str, ...]
    ) -> CtsAnswer:
        condition = _condition(request)
        login = cts.accounts.get(str(condition.get("acctId")))
        if login is None:
            return refused(codes.NOT_LOGGED_IN)
        values = {"BrokerID": self._kernel.accounts.broker_id, "InvestorID": login.acct_id}
        effects = self._ask(login.session, method, values)
        if any(isinstance(effect, Answer) and effect.rsp_info for effect in effects):
            return _refusal(effects)
        bodies = [effect.body for effect in effects if isinstance(effect, Answer) and effect.body]
        if method == "ReqQryOrder":
            orders = [self._records.unpack("Order", body) for body in bodies]
            rows = [order_row(order, self.native.get(key_of(order), NativeOrder())) for order in orders]
        else:
            rows = [knock_row(self._records.unpack("Trade", body)) for body in bodies]
        return _paged(name, [row for row in rows if _has(row, condition, wanted)], request)

    def positions(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        condition = _condition(request)
        login = cts.accounts.get(str(condition.get("acctId")))
        if login is None:
            return refused(codes.NOT_LOGGED_IN)
        markets, held = self._kernel.desk.markets, self._kernel.desk.portfolios[login.acct_id].positions
        rows = [position_row(key, position, markets, login.acct_id) for key, position in held.items()]
        wanted = ("exchId", "stkId", "bsFlag")
        return _paged("positionInfo", [row for row in rows if _has(row, condition, wanted)], request)

    def funds(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        login = cts.accounts.get(str(request.get("acctId")))
        if login is None:
            return refused(codes.NOT_LOGGED_IN)
        portfolio = self._kernel.desk.portfolios[login.acct_id]
        return CtsAnswer([{"acctInfo": funds_row(portfolio, self._kernel.desk.markets)}])

    def futures(self, cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        """Contracts of one delivery; options and combinations have questions of their own at CTS."""
        del cts
        instruments = self._kernel.desk.markets.instruments.values()
        plain = [future_row(item) for item in instruments if not item.legs and not item.product.is_option]
        rows = [row for row in plain if _has(row, _condition(request), ("exchId", "f_productId"))]
        return _paged("futureList", rows, {**request, "queryType": "1"})

    def _ask(self, session: Session, method: str, values: Values) -> list[Effect]:
        body = self._records.pack(self._records.catalog.methods[method].struct, values)
        return self._kernel.handle_request(session, method, body, 0)

    @staticmethod
    def _error(error_id: int) -> CtsAnswer:
        return CtsAnswer([{}], codes.error_code(error_id), codes.text_of_error(error_id))


def _refusal(effects: list[Effect]) -> CtsAnswer:
    """The kernel refused: its ErrorID as this counter's errorCode. What concerns others is carried out still."""
    info = next((e.rsp_info for e in effects if isinstance(e, Answer) and e.rsp_info is not None), None)
    rest: list[Effect] = [effect for effect in effects if not isinstance(effect, Answer)]
    if info is None:
        return refused(codes.BAD_REQUEST)
    return CtsAnswer([{}], codes.error_code(info.error_id), codes.plain(info.error_msg), rest)


def _login_effects(effects: list[Effect]) -> list[Effect]:
    """The kernel's, without its answer; the report as one of CTS."""
    kept = [effect for effect in effects if not isinstance(effect, Answer)]
    return [replace(effect, kind="cts") if isinstance(effect, LoginRecord) else effect for effect in kept]


def _report(request: Mapping[str, Any]) -> Values:
    """The terminal's information as a report of the kernel's; empty where none came."""
    info = _text(request, "F_TerminalOut").encode()
    if not info:
        return {}
    return {
        "UserID": _text(request, "acctId"),
        "ClientSystemInfo": info,
        "ClientSystemInfoLen": len(info),
        "ClientAppID": _text(request, "AppId"),
        "ClientLoginRemark": _text(request, "operationMAC"),
    }


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _condition(request: Mapping[str, Any]) -> Mapping[str, Any]:
    condition = request.get("queryCond")
    return condition if isinstance(condition, dict) else {}


def _has(row: CtsRow, condition: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return all(str(row.get(name, "")) == str(condition[name]) for name in names if condition.get(name))


def _paged(name: str, rows: list[CtsRow], request: Mapping[str, Any]) -> CtsAnswer:
    size, page = _count(request.get("maxRowNum"), 100), _count(request.get("pageNum"), 1)
    chosen = rows[(page - 1) * size : page * size]
    if str(request.get("queryType", _ONE_BY_ONE)) == _ONE_BY_ONE:
        return CtsAnswer([{name: row} for row in chosen] or [{}])
    return CtsAnswer([{name: chosen}])


def _count(value: object, default: int) -> int:
    text = str(value)
    return max(1, int(text)) if text.isdecimal() else default


def _input_order(info: Mapping[str, Any]) -> Values | None:
    """The kernel's InputOrder; None where a word is not CTS's."""
    try:
        price, volume = float(info["orderPrice"]), int(info["orderQty"])
        word = str(info.get("f_orderPriceType", "LIMIT"))
        values = {
            "ExchangeID": codes.EXCHANGES_BACK[str(info["exchId"])],
            "InstrumentID": str(info["stkId"]),
            "Direction": codes.SIDES_BACK[str(info["bsFlag"])],
            "CombOffsetFlag": codes.OFFSETS_BACK[str(info["f_offSetFlag"])],
            "CombHedgeFlag": codes.HEDGES_BACK[str(info.get("f_hedgeFlag", ""))],
            "OrderPriceType": codes.PRICES_BACK[word],
        }
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(price) or not 0 < volume < 2**31 or len(values["InstrumentID"]) > 80:
        return None
    kinds = {"VolumeCondition": "1", "ContingentCondition": "1", "ForceCloseReason": "0", "MinVolume": 1}
    waits = "3" if word == "LIMIT" else "1"
    return {**values, **kinds, "LimitPrice": price, "VolumeTotalOriginal": volume, "TimeCondition": waits}
