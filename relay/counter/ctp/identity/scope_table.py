"""Which scope, urgency and mode each of the 118 requests of the API has (API 6.7.11).

Names are CTP's. A name that is missing here is refused, so an upgrade of the binding opens nothing by itself.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class Scope(StrEnum):
    """Whose data a request reaches, or who does it."""

    SESSION = "session"
    """done by the relay itself"""
    PASSWORD = "password"  # noqa: S105 - a scope's name
    INVESTOR = "investor"
    ACCOUNT = "account"
    """named by AccountID alone"""
    USER = "user"
    BROKER = "broker"
    """the whole firm's, not secret among its investors"""
    PUBLIC = "public"
    """the same for everybody, all trading day"""
    MARKET = "market"
    """the same for everybody, but of this moment"""
    TRADING = "trading"
    TRANSFER = "transfer"
    """between bank and futures account, named by AccountID alone"""


class Priority(IntEnum):
    """The order in which one terminal's waiting requests are sent; smaller first."""

    CANCEL = 0
    ORDER = 1
    OTHER = 2
    EXEMPT_QUERY = 3
    """ReqQuery…: answered by the trading core, outside the one-in-flight rule (CTP fact 66)"""
    QUERY = 4

    # Every request hashes it a dozen times; Enum's own hash is a Python function and slower by far.
    __hash__ = int.__hash__


class RequestClass(StrEnum):
    """What one terminal's share of the second, and of the places to wait in, is counted by."""

    ORDERS = "orders"
    """orders, quotes, executions and the like, and their cancels"""
    QUERIES = "queries"
    TRANSFERS = "transfers"
    """what has to do with passwords or the bank"""
    OTHERS = "others"
    """confirmations, parked orders and the rest"""

    __hash__ = str.__hash__


def _names(prefix: str, text: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in text.split())


_BY_SCOPE: dict[Scope, tuple[str, ...]] = {
    Scope.SESSION: _names(
        "Req",
        "Authenticate UserLogin UserLogout UserAuthMethod GenUserCaptcha GenUserText UserLoginWithCaptcha "
        "UserLoginWithText UserLoginWithOTP",
    ),
    Scope.PASSWORD: _names("Req", "UserPasswordUpdate TradingAccountPasswordUpdate"),
    Scope.TRADING: _names(
        "Req",
        "OrderInsert OrderAction ParkedOrderInsert ParkedOrderAction RemoveParkedOrder RemoveParkedOrderAction "
        "SettlementInfoConfirm ExecOrderInsert ExecOrderAction ForQuoteInsert QuoteInsert QuoteAction "
        "BatchOrderAction OptionSelfCloseInsert OptionSelfCloseAction CombActionInsert OffsetSetting "
        "CancelOffsetSetting",
    ),
    Scope.TRANSFER: _names("Req", "FromBankToFutureByFuture FromFutureToBankByFuture QueryBankAccountMoneyByFuture"),
    Scope.INVESTOR: (
        "ReqQueryCFMMCTradingAccountToken",
        *_names(
            "ReqQry",
            "MaxOrderVolume Order Trade InvestorPosition TradingAccount Investor TradingCode InstrumentMarginRate "
            "InstrumentCommissionRate SettlementInfo InvestorPositionDetail SettlementInfoConfirm "
            "InvestorPositionCombineDetail CFMMCTradingAccountKey EWarrantOffset InvestorProductGroupMargin "
            "MMInstrumentCommissionRate MMOptionInstrCommRate InstrumentOrderCommRate SecAgentTradingAccount "
            "SecAgentCheckMode OptionInstrTradeCost OptionInstrCommRate ExecOrder ForQuote Quote OptionSelfClose "
            "InvestUnit CombAction ParkedOrder ParkedOrderAction TradingNotice BrokerTradingParams "
            "RiskSettleInvstPosition SPBMInvestorPortfDef InvestorPortfMarginRatio InvestorProdSPBMDetail "
            "InvestorCommoditySPMMMargin InvestorCommodityGroupSPMMMargin RCAMSInvestorCombPosition "
            "InvestorProdRCAMSMargin InvestorProdRULEMargin InvestorPortfSetting InvestorInfoCommRec OffsetSetting",
        ),
    ),
    Scope.ACCOUNT: _names("ReqQry", "SecAgentACIDMap TransferSerial Accountregister"),
    Scope.USER: _names("ReqQry", "UserSession"),
    Scope.BROKER: _names(
        "ReqQry",
        "Notice ExchangeMarginRate ExchangeMarginRateAdjust ExchangeRate SecAgentTradeInfo CombInstrumentGuard "
        "ContractBank BrokerTradingAlgos",
    ),
    Scope.MARKET: _names("ReqQry", "DepthMarketData TraderOffer RiskSettleProductStatus"),
    Scope.PUBLIC: _names(
        "ReqQry",
        "Exchange Product Instrument TransferBank ProductExchRate ProductGroup ClassifiedInstrument "
        "CombPromotionParam SPBMFutureParameter SPBMOptionParameter SPBMIntraParameter "
        "SPBMInterParameter SPBMPortfDefinition SPMMInstParam SPMMProductParam SPBMAddOnInterParameter "
        "RCAMSCombProductInfo RCAMSInstrParameter RCAMSIntraParameter RCAMSInterParameter "
        "RCAMSShortOptAdjustParam RULEInstrParameter RULEIntraParameter RULEInterParameter CombLeg",
    ),
}

SCOPES: dict[str, Scope] = {name: scope for scope, names in _BY_SCOPE.items() for name in names}

CANCELS: Final = frozenset(
    _names(
        "Req",
        "OrderAction ExecOrderAction QuoteAction BatchOrderAction OptionSelfCloseAction RemoveParkedOrder "
        "RemoveParkedOrderAction CancelOffsetSetting",
    )
)
_IN_ORDER: Final = frozenset(
    {
        "ReqSettlementInfoConfirm",  # orders are refused before it
        "ReqBatchOrderAction",  # cancels the session's orders and names none of them
        "ReqCancelOffsetSetting",  # names no reference, so it could overtake its own setting
    }
)
"""Sent in one sequence with the terminal's orders, because overtaking or being overtaken changes what they do."""

CLOSED_TO_SHARED_SESSIONS: Final = frozenset(
    {
        "ReqQryUserSession",  # lists the operator's own sessions and addresses
        "ReqQrySecAgentTradeInfo",  # the firm's second-level agents, by broker alone
        "ReqBatchOrderAction",  # cancels by front and session, which every terminal shares here
    }
)
"""Refused in many-to-one, whoever asks."""


_NO_ORDERS: Final = frozenset(
    _names(
        "Req",
        "SettlementInfoConfirm ParkedOrderInsert ParkedOrderAction RemoveParkedOrder RemoveParkedOrderAction "
        "ForQuoteInsert OffsetSetting CancelOffsetSetting",
    )
)
"""Trading requests that send the exchange no order and cancel none there."""


def class_of(name: str) -> RequestClass:
    """The class of the request called `name`: every request has one."""
    scope = SCOPES.get(name)
    if scope is Scope.PASSWORD or scope is Scope.TRANSFER:
        return RequestClass.TRANSFERS
    if name.startswith(("ReqQry", "ReqQuery")):
        return RequestClass.QUERIES
    return RequestClass.ORDERS if scope is Scope.TRADING and name not in _NO_ORDERS else RequestClass.OTHERS


def priority_of(name: str) -> Priority:
    """The urgency of the request called `name`."""
    if name.startswith("ReqQry"):
        return Priority.QUERY
    if name.startswith("ReqQuery"):
        return Priority.EXEMPT_QUERY
    if name in CANCELS - _IN_ORDER:
        return Priority.CANCEL
    if SCOPES.get(name) is Scope.TRADING:
        return Priority.ORDER
    return Priority.OTHER
