"""Every ReqQry…: the families with real rows by name, all others through the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from simcounter.accounts import Accounts, Role
from simcounter.errors_text import ErrorId
from simcounter.events import Effect
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Values
from simcounter.trading import holdings, reference
from simcounter.trading.bank import BANKS, DEMO_BANK, Bank
from simcounter.trading.desk import TradingDesk
from simcounter.trading.generic import GenericDesk
from simcounter.trading.instruments import EXCHANGES, Instrument, products_of
from simcounter.trading.rows import matching, plausible_row
from simcounter.trading.scope import investors_in_scope

PublicRows = Callable[[], list[Values]]
InvestorRows = Callable[[str], list[Values]]
"""rows of one InvestorID"""


class Queries:
    def __init__(
        self,
        accounts: Accounts,
        records: Records,
        clock: Clock,
        desk: TradingDesk,
        bank: Bank,
        generic: GenericDesk,
        sessions: Mapping[int, Session],
    ) -> None:
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._desk = desk
        self._bank = bank
        self._generic = generic
        self._sessions = sessions

    def handlers(self) -> dict[str, Handler]:
        """The families with rows of their own."""
        public = {name: partial(self._public, name, rows) for name, rows in self._public_rows().items()}
        scoped = {name: partial(self._scoped, name, rows) for name, rows in self._investor_rows().items()}
        return {
            **public,
            **scoped,
            "ReqQryInstrumentMarginRate": partial(self._rate, reference.margin_rate_row),
            "ReqQryInstrumentCommissionRate": partial(self._rate, reference.commission_rate_row),
            "ReqQryUserSession": self.user_sessions,
            "ReqQryMaxOrderVolume": self.max_order_volume,
        }

    def _public_rows(self) -> dict[str, PublicRows]:
        desk = self._desk
        banks: list[Values] = [{"BankID": b, "BankBrchID": "0000", "BankName": n} for b, n in BANKS.items()]
        broker_id = self._accounts.broker_id
        notice = {"BrokerID": broker_id, "Content": "欢迎使用模拟柜台".encode("gb18030"), "SequenceLabel": "1"}
        return {
            "ReqQryExchange": reference.exchange_rows,
            "ReqQryProduct": lambda: [reference.product_row(p) for p in products_of(desk.markets.instruments.values())],
            "ReqQryInstrument": self._instruments,
            "ReqQryClassifiedInstrument": self._instruments,
            "ReqQryCombLeg": self._combination_legs,
            "ReqQryDepthMarketData": self._depth,
            "ReqQryTransferBank": lambda: [{**bank, "IsActive": 1} for bank in banks],
            "ReqQryContractBank": lambda: [{**bank, "BrokerID": broker_id} for bank in banks],
            "ReqQryNotice": lambda: [notice],
        }

    def _investor_rows(self) -> dict[str, InvestorRows]:
        desk, broker_id, day = self._desk, self._accounts.broker_id, self._desk.trading_day
        return {
            "ReqQryOrder": self._orders,
            "ReqQryTrade": self._trades,
            "ReqQryInvestorPosition": lambda name: holdings.position_rows(
                desk.portfolios[name], desk.markets, broker_id, day()
            ),
            "ReqQryInvestorPositionDetail": lambda name: holdings.detail_rows(
                desk.portfolios[name], desk.markets, broker_id, day()
            ),
            "ReqQryTradingAccount": self._account,
            "ReqQrySecAgentTradingAccount": self._account,
            "ReqQryInvestor": self._investor,
            "ReqQryTradingCode": self._trading_codes,
            "ReqQryAccountregister": self._bank_registration,
            "ReqQryTransferSerial": lambda name: [row for owner, row in self._bank.serials if owner == name],
        }

    def _public(self, method: str, rows: PublicRows, session: Session, values: Values, request_id: int) -> list[Effect]:
        chosen = matching(rows(), values)
        return self._records.rows(session, self._records.callback_of(method), chosen, request_id)

    def _scoped(
        self, method: str, rows: InvestorRows, session: Session, values: Values, request_id: int
    ) -> list[Effect]:
        investors = investors_in_scope(self._accounts, session, values)
        if investors is None:
            return self._no_privilege(session, method, values, request_id)
        chosen = matching((row for name in investors for row in rows(name)), values)
        return self._records.rows(session, self._records.callback_of(method), chosen, request_id)

    def other(self, session: Session, method: str, values: Values, request_id: int) -> list[Effect]:
        """A family without rules: what the generic desk accepted, or one plausible row, or the empty form."""
        callback = self._records.callback_of(method)
        struct = self._records.struct(self._records.catalog.callbacks[callback].struct)
        is_scoped = any(self._records.has_field(struct.name, n) and n in values for n in ("InvestorID", "AccountID"))
        investors = investors_in_scope(self._accounts, session, values) if is_scoped else [""]
        if investors is None:
            return self._no_privilege(session, method, values, request_id)
        accepted = self._generic.accepted[struct.name]
        rows = [self._records.unpack(struct.name, body) for owner, body in accepted if owner in investors]
        if not rows:
            identities = [self._identity(session, name) for name in investors]
            guesses = (plausible_row(struct, values, identity) for identity in identities)
            rows = [row for row in guesses if row is not None]
        return self._records.rows(session, callback, matching(rows, values), request_id)

    def _identity(self, session: Session, investor_id: str) -> Values:
        user_id = session.user.user_id if session.user is not None else ""
        day = {"BrokerID": self._accounts.broker_id, "UserID": user_id, "TradingDay": self._desk.trading_day()}
        return {**day, "InvestorID": investor_id, "AccountID": investor_id} if investor_id else day

    def _no_privilege(self, session: Session, method: str, values: Values, request_id: int) -> list[Effect]:
        return self._records.refusal(session, method, values, request_id, ErrorId.NO_PRIVILEGE)

    def _instruments(self) -> list[Values]:
        return [reference.instrument_row(item) for item in self._desk.markets.instruments.values()]

    def _combination_legs(self) -> list[Values]:
        instruments = self._desk.markets.instruments.values()
        return [row for item in instruments for row in reference.leg_rows(item)]

    def _depth(self) -> list[Values]:
        day = self._desk.trading_day()
        return [reference.depth_row(market, day, self._clock) for market in self._desk.markets.by_id.values()]

    def _orders(self, investor_id: str) -> list[Values]:
        orders = self._desk.orders.values()
        return [self._records.unpack("Order", bytes(o.body)) for o in orders if o.investor_id == investor_id]

    def _trades(self, investor_id: str) -> list[Values]:
        trades = (trade for trade in self._desk.trades if trade.investor_id == investor_id)
        return [self._records.unpack("Trade", bytes(trade.body)) for trade in trades]

    def _account(self, investor_id: str) -> list[Values]:
        portfolio, broker_id = self._desk.portfolios[investor_id], self._accounts.broker_id
        return [holdings.account_row(portfolio, self._desk.markets, broker_id, self._desk.trading_day())]

    def _investor(self, investor_id: str) -> list[Values]:
        name = self._accounts.users[investor_id].name
        return [
            {
                "BrokerID": self._accounts.broker_id,
                "InvestorID": investor_id,
                "InvestorName": name,
                "IdentifiedCardType": "1",
                "IsActive": 1,
                "OpenDate": "20200101",
            }
        ]

    def _trading_codes(self, investor_id: str) -> list[Values]:
        identity = {"BrokerID": self._accounts.broker_id, "InvestorID": investor_id, "ClientID": investor_id}
        code = {**identity, "IsActive": 1, "ClientIDType": "1", "BizType": "1"}
        return [{**code, "ExchangeID": exchange_id} for exchange_id in EXCHANGES]

    def _bank_registration(self, investor_id: str) -> list[Values]:
        return [
            {
                "TradeDay": self._desk.trading_day(),
                "BankID": DEMO_BANK,
                "BankBranchID": "0000",
                "BankAccount": f"62220000{investor_id}",
                "BrokerID": self._accounts.broker_id,
                "AccountID": investor_id,
                "CustomerName": self._accounts.users[investor_id].name,
                "CurrencyID": "CNY",
                "OpenOrDestroy": "1",
                "RegDate": "20200101",
                "OutDate": "",
                "CustType": "0",
                "BankAccType": "1",
            }
        ]

    def _rate(
        self, row: Callable[[Instrument, str, str], Values], session: Session, values: Values, request_id: int
    ) -> list[Effect]:
        method = "ReqQryInstrumentMarginRate"
        if row is reference.commission_rate_row:
            method = "ReqQryInstrumentCommissionRate"
        investors = investors_in_scope(self._accounts, session, values)
        if investors is None:
            return self._no_privilege(session, method, values, request_id)
        wanted = values["InstrumentID"]
        instruments = self._desk.markets.instruments
        named = [instruments[wanted]] if wanted in instruments else ([] if wanted else list(instruments.values()))
        broker_id = self._accounts.broker_id
        rows = [row(item, broker_id, name) for name in investors for item in named]
        return self._records.rows(session, self._records.callback_of(method), rows, request_id)

    def user_sessions(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQryUserSession: an operator sees everybody's, which a relay must keep from its terminals."""
        user = session.user
        rows = [
            self._session_row(other)
            for other in self._sessions.values()
            if other.user is not None
            and user is not None
            and (user.role is Role.OPERATOR or other.user.user_id == user.user_id)
            and values["UserID"] in {"", other.user.user_id}
        ]
        return self._records.rows(session, "OnRspQryUserSession", matching(rows, values), request_id)

    def _session_row(self, session: Session) -> Values:
        at = session.logged_in_at
        return {
            "FrontID": session.front_id,
            "SessionID": session.session_id,
            "BrokerID": self._accounts.broker_id,
            "UserID": session.user.user_id if session.user is not None else "",
            "LoginDate": at.strftime("%Y%m%d") if at is not None else "",
            "LoginTime": at.strftime("%H:%M:%S") if at is not None else "",
            "UserProductInfo": session.product_info,
            "LoginRemark": session.login_remark,
            "IPAddress": session.peer_ip,
        }

    def max_order_volume(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQryMaxOrderVolume: how many lots the money would open."""
        investors = investors_in_scope(self._accounts, session, values)
        instrument = self._desk.markets.instruments.get(values["InstrumentID"])
        if not investors or instrument is None:
            return self._no_privilege(session, "ReqQryMaxOrderVolume", values, request_id)
        available = self._desk.portfolios[investors[0]].available(self._desk.markets.last_ticks)
        lots = int(available // instrument.margin(instrument.upper_ticks, 1))
        row = {**self._records.common("QryMaxOrderVolume", values), "MaxVolume": max(0, lots)}
        return self._records.rows(session, "OnRspQryMaxOrderVolume", [row], request_id)
