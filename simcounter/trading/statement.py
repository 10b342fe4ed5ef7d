"""The day's settlement statement in Chinese, its confirmation, and the fund password.

CTP sends a statement in pieces of 500 bytes and does not care whether a piece ends inside a character.
"""

from __future__ import annotations

from ctpabi import text
from simcounter.accounts import Directory
from simcounter.errors_text import ErrorId
from simcounter.events import Effect
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Values
from simcounter.trading.desk import TradingDesk
from simcounter.trading.rules import identity_error
from simcounter.trading.scope import investors_in_scope

PIECE = 500
"""bytes of Content in one SettlementInfo"""


class Statements:
    def __init__(self, directory: Directory, records: Records, clock: Clock, desk: TradingDesk) -> None:
        self._directory = directory
        self._records = records
        self._clock = clock
        self._desk = desk

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
        error_id = identity_error(self._directory, session, values)
        if error_id:
            return [self._records.answer(session, callback, values, request_id, error_id)]
        portfolio = self._desk.portfolios[values["InvestorID"]]
        portfolio.confirmed_on = self._desk.trading_day()
        portfolio.confirmed_at = self._clock().strftime("%H:%M:%S")
        return [self._records.answer(session, callback, self._confirmation(values["InvestorID"]), request_id)]

    def _confirmation(self, investor_id: str) -> Values:
        portfolio = self._desk.portfolios[investor_id]
        return {
            "BrokerID": self._directory.broker_id,
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
        investors = investors_in_scope(self._directory, session, values)
        if investors is None:
            return self._no_privilege(session, "ReqQrySettlementInfoConfirm", values, request_id)
        rows = [self._confirmation(name) for name in investors if self._desk.portfolios[name].confirmed_on]
        return self._records.rows(session, callback, rows, request_id)

    def statement(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqQrySettlementInfo: the statement's bytes, cut every 500."""
        investors = investors_in_scope(self._directory, session, values)
        if investors is None:
            return self._no_privilege(session, "ReqQrySettlementInfo", values, request_id)
        rows = [row for name in investors for row in self._pieces(name)]
        return self._records.rows(session, "OnRspQrySettlementInfo", rows, request_id)

    def _pieces(self, investor_id: str) -> list[Values]:
        content = text.encode(self._text(investor_id))
        identity = {
            "TradingDay": self._desk.trading_day(),
            "SettlementID": 1,
            "BrokerID": self._directory.broker_id,
            "InvestorID": investor_id,
            "AccountID": investor_id,
            "CurrencyID": "CNY",
        }
        pieces = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
        return [{**identity, "SequenceNo": number, "Content": piece} for number, piece in enumerate(pieces, 1)]

    def _text(self, investor_id: str) -> str:
        user = self._directory.users[investor_id]
        portfolio = self._desk.portfolios[investor_id]
        day = self._desk.trading_day()
        lines = [
            "交易结算单(盯市)  模拟柜台,仅供测试",
            f"客户号:{investor_id}  客户名称:{user.name}  交易日:{day}",
            "一、资金状况",
            f"  期初结存:{portfolio.previous_balance:.2f}  出入金:{portfolio.deposit - portfolio.withdraw:.2f}",
            f"  手续费:{portfolio.commission:.2f}  平仓盈亏:{portfolio.close_profit:.2f}  保证金占用:{portfolio.margin:.2f}",
            "二、持仓汇总",
        ]
        for key, position in portfolio.positions.items():
            kind = "买" if key.side == "0" else "卖"
            lines.append(f"  {key.instrument_id} {position.instrument.product.name} {kind}持 {position.total}手")
        lines += [
            "三、风险提示",
            *[f"  第{n}条:期货交易有风险,请妥善保管口令,及时核对结算结果。" for n in range(1, 16)],
        ]
        lines.append("如对本结算单有异议,请在下一交易日开市前提出,否则视为确认。")
        return "\r\n".join(lines) + "\r\n"

    def change_fund_password(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqTradingAccountPasswordUpdate: the fund password, the login's until it is changed."""
        callback = "OnRspTradingAccountPasswordUpdate"
        investor = self._directory.investor(values["AccountID"])
        echo = {key: values[key] for key in ("BrokerID", "AccountID", "CurrencyID")}
        if session.user is None or investor is None:
            error_id = ErrorId.INVESTOR_NOT_FOUND
        elif not self._directory.may_act_for(session.user, investor.user_id):
            error_id = ErrorId.NO_PRIVILEGE
        elif values["OldPassword"] != (investor.fund_password or investor.password):
            error_id = ErrorId.OLD_PASSWORD_MISMATCH
        else:
            investor.fund_password = values["NewPassword"]
            error_id = ErrorId.NONE
        return [self._records.answer(session, callback, echo, request_id, error_id)]

    def _no_privilege(self, session: Session, method: str, values: Values, request_id: int) -> list[Effect]:
        return self._records.refusal(session, method, values, request_id, ErrorId.NO_PRIVILEGE)
