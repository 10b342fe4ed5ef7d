"""Bank and futures account transfers, the bank's balance, and the token of the monitoring center.

The names of CTP's answers do not follow its requests here, so they are written down. Success and the bank's own
refusal both arrive as OnRtn…, with ErrorID inside the struct; only CTP's refusal is an OnErrRtn….
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from simcounter.accounts import Accounts
from simcounter.errors_text import ErrorId, text_of
from simcounter.events import Effect
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Values
from simcounter.trading.desk import TradingDesk
from simcounter.trading.statement_text import Transfer

BANKS = {"1": "工商银行", "2": "农业银行", "4": "建设银行"}
DEMO_BANK = "1"
_SECRETS = ("BankPassWord", "Password")


@dataclass(frozen=True, slots=True)
class _Names:
    trade_code: str
    response: str
    error_notice: str
    notice: str


_TO_FUTURES = _Names(
    "202001", "OnRspFromBankToFutureByFuture", "OnErrRtnBankToFutureByFuture", "OnRtnFromBankToFutureByFuture"
)
_TO_BANK = _Names(
    "202002", "OnRspFromFutureToBankByFuture", "OnErrRtnFutureToBankByFuture", "OnRtnFromFutureToBankByFuture"
)
_BALANCE = _Names(
    "204002", "OnRspQueryBankAccountMoneyByFuture", "OnErrRtnQueryBankBalanceByFuture", "OnRtnQueryBankBalanceByFuture"
)


class Bank:
    """One bank account an investor, at the demonstration bank."""

    def __init__(self, accounts: Accounts, records: Records, clock: Clock, desk: TradingDesk) -> None:
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._desk = desk
        self.answers_with: list[int] = []
        """ErrorIDs of the bank's next answers: nothing is transferred"""
        self.balances: dict[str, float] = {}
        self.serials: list[tuple[str, Values]] = []
        """(InvestorID, TransferSerial) of the day"""

    def transfers(self) -> dict[str, list[Transfer]]:
        """Of the day, as far as money moved; by InvestorID."""
        found: defaultdict[str, list[Transfer]] = defaultdict(list)
        for investor_id, serial in self.serials:
            if not serial["ErrorID"]:
                amount, comes = serial["TradeAmount"], serial["TradeCode"] == _TO_FUTURES.trade_code
                found[investor_id].append(
                    Transfer(serial["TradeDate"], amount if comes else 0.0, 0.0 if comes else amount)
                )
        return dict(found)

    def start_day(self) -> None:
        """What is at the bank stays; serials are the day's."""
        self.serials.clear()

    def handlers(self) -> dict[str, Handler]:
        return {
            "ReqFromBankToFutureByFuture": self.to_futures,
            "ReqFromFutureToBankByFuture": self.to_bank,
            "ReqQueryBankAccountMoneyByFuture": self.balance,
            "ReqQueryCFMMCTradingAccountToken": self.token,
        }

    def money_of(self, account_id: str) -> float:
        """Yuan at the bank."""
        return self.balances.setdefault(account_id, 1_000_000.0)

    def to_futures(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        return self._transfer(session, values, request_id, _TO_FUTURES)

    def to_bank(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        return self._transfer(session, values, request_id, _TO_BANK)

    def _transfer(self, session: Session, values: Values, request_id: int, names: _Names) -> list[Effect]:
        error_id = self._refusal(session, values) or self._transfer_error(values, names)
        if error_id:
            return self._refused(session, values, request_id, names, error_id)
        account_id, amount = values["AccountID"], values["TradeAmount"]
        portfolio = self._desk.portfolios[account_id]
        if self.answers_with:
            return [self._bank_notice(session, values, names, self.answers_with.pop(0))]
        if names is _TO_FUTURES and amount > self.money_of(account_id):
            return [self._bank_notice(session, values, names, ErrorId.BANK_SERVER_ERROR)]
        sign = 1 if names is _TO_FUTURES else -1
        self.balances[account_id] = self.money_of(account_id) - sign * amount
        if sign > 0:
            portfolio.deposit += amount
        else:
            portfolio.withdraw += amount
        return [self._bank_notice(session, values, names, 0)]

    def _transfer_error(self, values: Values, names: _Names) -> int:
        """What CTP itself refuses: no amount, the wrong fund password, more than may be withdrawn."""
        if not values["TradeAmount"] > 0:
            return ErrorId.TRANSFER_AMOUNT_WRONG
        investor = self._accounts.investor(values["AccountID"])
        if investor is None or values["Password"] != (investor.fund_password or investor.password):
            return ErrorId.FUND_PASSWORD_MISMATCH
        available = self._desk.portfolios[values["AccountID"]].available(self._desk.markets.last_ticks)
        too_much = names is _TO_BANK and values["TradeAmount"] > available
        return ErrorId.INSUFFICIENT_MONEY if too_much else ErrorId.NONE

    def _refusal(self, session: Session, values: Values) -> int:
        if values["BrokerID"] != self._accounts.broker_id:
            return ErrorId.BROKER_NOT_FOUND
        if session.user is None or not self._accounts.may_act_for(session.user, values["AccountID"]):
            return ErrorId.NO_PRIVILEGE
        return ErrorId.NONE if values["BankID"] in BANKS else ErrorId.ILLEGAL_TRANSFER_BANK

    def _refused(self, session: Session, values: Values, request_id: int, names: _Names, error_id: int) -> list[Effect]:
        shown = _without_secrets(values)
        user_id = session.user.user_id if session.user is not None else ""
        return [
            self._records.answer(session, names.response, shown, request_id, error_id),
            self._records.notice("", names.error_notice, shown, user_id=user_id, error_id=error_id),
        ]

    def _bank_notice(self, session: Session, values: Values, names: _Names, error_id: int) -> Effect:
        """The OnRtn… of a request that reached the bank; the serial is kept for the query."""
        now = self._clock()
        transfer: Values = {
            **_without_secrets(values),
            "TradeCode": names.trade_code,
            "TradeDate": now.strftime("%Y%m%d"),
            "TradeTime": now.strftime("%H:%M:%S"),
            "TradingDay": self._desk.trading_day(),
            "PlateSerial": len(self.serials) + 1,
            "SessionID": session.session_id,
            "UserID": session.user.user_id if session.user is not None else "",
            "BankUseAmount": self.money_of(values["AccountID"]),
            "BankFetchAmount": self.money_of(values["AccountID"]),
            "ErrorID": int(error_id),
            "ErrorMsg": text_of(error_id),
        }
        serial = self._records.common("TransferSerial", {**transfer, "InvestorID": values["AccountID"]})
        if names is not _BALANCE:
            self.serials.append((values["AccountID"], serial))
        return self._records.notice(values["AccountID"], names.notice, transfer, user_id=transfer["UserID"])

    def balance(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQueryBankAccountMoneyByFuture: accepted (OnRsp…), then answered by OnRtnQueryBankBalanceByFuture."""
        error_id = self._refusal(session, values)
        if error_id:
            return self._refused(session, values, request_id, _BALANCE, error_id)
        taken = self._records.answer(session, _BALANCE.response, _without_secrets(values), request_id)
        return [taken, self._bank_notice(session, values, _BALANCE, 0)]

    def token(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQueryCFMMCTradingAccountToken: the notice names the account, not the investor."""
        callback = "OnRspQueryCFMMCTradingAccountToken"
        if session.user is None or not self._accounts.may_act_for(session.user, values["InvestorID"]):
            return [self._records.answer(session, callback, values, request_id, ErrorId.NO_PRIVILEGE)]
        content = {
            "BrokerID": self._accounts.broker_id,
            "ParticipantID": self._accounts.broker_id,
            "AccountID": values["InvestorID"],
            "KeyID": 1,
            "Token": f"SIM{len(self.serials):017d}",
        }
        answer = self._records.answer(session, callback, values, request_id)
        return [answer, self._records.notice(values["InvestorID"], "OnRtnCFMMCTradingAccountToken", content)]


def _without_secrets(values: Values) -> Values:
    return {**values, **dict.fromkeys(_SECRETS, "")}
