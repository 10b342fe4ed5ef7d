"""Settlement statements, their confirmation, and the fund password.

CTP sends a statement in pieces of 500 bytes and does not care whether a piece ends inside a character.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ctpabi.codec import text
from simcounter.accounts import Accounts
from simcounter.errors_text import ErrorId
from simcounter.events import Effect
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Values
from simcounter.trading.bank import Bank
from simcounter.trading.desk import TradingDesk
from simcounter.trading.fills import Trade
from simcounter.trading.instruments import weekday_before
from simcounter.trading.portfolio import Portfolio
from simcounter.trading.rules import identity_error
from simcounter.trading.scope import investors_in_scope
from simcounter.trading.statement_text import SettledDay, Transfer, statement_of

PIECE = 500
"""bytes of Content in one SettlementInfo"""
DAYS_KEPT = 30
"""days whose statements can be asked for"""


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as it was settled, by InvestorID and InstrumentID."""

    portfolios: dict[str, Portfolio]
    settlement_ticks: dict[str, int]
    trades: dict[str, list[Trade]]
    transfers: dict[str, list[Transfer]]


class Statements:
    def __init__(self, accounts: Accounts, records: Records, clock: Clock, desk: TradingDesk, bank: Bank) -> None:
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._desk = desk
        self._bank = bank
        self._days: dict[str, _Day] = {}
        self._day_before = weekday_before(desk.first_day)

    def handlers(self) -> dict[str, Handler]:
        return {
            "ReqSettlementInfoConfirm": self.confirm,
            "ReqQrySettlementInfoConfirm": self.confirmations,
            "ReqQrySettlementInfo": self.statement,
            "ReqTradingAccountPasswordUpdate": self.change_fund_password,
        }

    def confirm(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqSettlementInfoConfirm: valid for the trading day, for all sessions."""
        callback = "OnRspSettlementInfoConfirm"
        error_id = identity_error(self._accounts, session, values)
        if error_id:
            return [self._records.answer(session, callback, values, request_id, error_id)]
        portfolio = self._desk.portfolios[values["InvestorID"]]
        portfolio.confirmed_on = self._desk.trading_day()
        portfolio.confirmed_at = self._clock().strftime("%H:%M:%S")
        return [self._records.answer(session, callback, self._confirmation(values["InvestorID"]), request_id)]

    def _confirmation(self, investor_id: str) -> Values:
        portfolio = self._desk.portfolios[investor_id]
        return {
            "BrokerID": self._accounts.broker_id,
            "InvestorID": investor_id,
            "ConfirmDate": portfolio.confirmed_on,
            "ConfirmTime": portfolio.confirmed_at,
            "SettlementID": 1,
            "AccountID": investor_id,
            "CurrencyID": "CNY",
        }

    def confirmations(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQrySettlementInfoConfirm: empty until confirmed."""
        callback = "OnRspQrySettlementInfoConfirm"
        investors = investors_in_scope(self._accounts, session, values)
        if investors is None:
            return self._no_privilege(session, "ReqQrySettlementInfoConfirm", values, request_id)
        rows = [self._confirmation(name) for name in investors if self._desk.portfolios[name].confirmed_on]
        return self._records.rows(session, callback, rows, request_id)

    def statement(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQrySettlementInfo: the bytes of that day's statement, cut every 500; none for a day not settled."""
        investors = investors_in_scope(self._accounts, session, values)
        if investors is None:
            return self._no_privilege(session, "ReqQrySettlementInfo", values, request_id)
        day = self._asked(values["TradingDay"])
        rows = [row for name in investors for row in self._pieces(name, day)]
        return self._records.rows(session, "OnRspQrySettlementInfo", rows, request_id)

    def settle(self) -> None:
        """The day ends: what its statements are written from, when somebody asks."""
        desk, ticks = self._desk, {name: self._desk.settlement_ticks(name) for name in self._desk.markets.instruments}
        trades: defaultdict[str, list[Trade]] = defaultdict(list)
        for trade in desk.trades:
            trades[trade.investor_id].append(trade)
        day = desk.trading_day()
        self._days[day] = _Day(dict(desk.portfolios), ticks, dict(trades), self._bank.transfers())
        while len(self._days) > DAYS_KEPT:
            del self._days[next(iter(self._days))]

    def _asked(self, day: str) -> str:
        """Without a day: the last that was settled. On the counter's first day that is the day before it."""
        return day or (list(self._days)[-1] if self._days else self._day_before)

    def _settled(self, investor_id: str, day: str) -> SettledDay | None:
        name = self._accounts.users[investor_id].name
        known = self._days.get(day)
        if known is not None:
            trades, transfers = known.trades.get(investor_id, ()), known.transfers.get(investor_id, ())
            portfolio = known.portfolios[investor_id]
            return SettledDay(day, name, portfolio, known.settlement_ticks.__getitem__, trades, transfers)
        if day != self._day_before:
            return None
        portfolio = self._desk.opening_portfolio(self._accounts.users[investor_id])
        references = {key.instrument_id: p.instrument.reference_ticks for key, p in portfolio.positions.items()}
        return SettledDay(day, name, portfolio, references.__getitem__)

    def _pieces(self, investor_id: str, day: str) -> list[Values]:
        settled = self._settled(investor_id, day)
        content = text.encode(statement_of(settled)) if settled is not None else b""
        identity = {
            "TradingDay": day,
            "SettlementID": 1,
            "BrokerID": self._accounts.broker_id,
            "InvestorID": investor_id,
            "AccountID": investor_id,
            "CurrencyID": "CNY",
        }
        pieces = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
        return [{**identity, "SequenceNo": number, "Content": piece} for number, piece in enumerate(pieces, 1)]

    def change_fund_password(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqTradingAccountPasswordUpdate: the fund password, the login's until it is changed."""
        callback = "OnRspTradingAccountPasswordUpdate"
        investor = self._accounts.investor(values["AccountID"])
        echo = {key: values[key] for key in ("BrokerID", "AccountID", "CurrencyID")}
        if session.user is None or investor is None:
            error_id = ErrorId.INVESTOR_NOT_FOUND
        elif not self._accounts.may_act_for(session.user, investor.user_id):
            error_id = ErrorId.NO_PRIVILEGE
        elif values["OldPassword"] != (investor.fund_password or investor.password):
            error_id = ErrorId.OLD_PASSWORD_MISMATCH
        else:
            investor.fund_password = values["NewPassword"]
            error_id = ErrorId.NONE
        return [self._records.answer(session, callback, echo, request_id, error_id)]

    def _no_privilege(self, session: Session, method: str, values: Values, request_id: int) -> list[Effect]:
        return self._records.refusal(session, method, values, request_id, ErrorId.NO_PRIVILEGE)
