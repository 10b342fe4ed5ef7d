"""What CTP documents as the answer to each request of the API: one row each, made from few rules and their exceptions.

docs/requests.md shows the rows; the contract tests hold relay and simulated counter to them. How urgent a request is,
and who may send it, are decisions of the relay and not here. CTP facts 57, 58, 59 and 60 say where the rules are from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from ctpabi.catalog import Catalog
from ctpabi.catalog.data import load_catalog


class Answered(Enum):
    """How a request is answered when it succeeds."""

    ROWS = auto()
    """one OnRsp… a row; where there is nothing, one with a NULL struct"""
    RESPONSE = auto()
    """one OnRsp…"""
    RESPONSE_THEN_NOTICE = auto()
    """OnRsp… says that it was taken, OnRtn… brings the result"""
    NOTICES = auto()
    """OnRtn… of what the request made; OnRsp… comes for errors, and says nothing more where it comes for a success"""
    NOTICES_OF_ANOTHER = auto()
    """OnRtn… of what the request changes, an order say; OnRsp… comes for errors alone"""
    SILENCE = auto()
    """nothing at all; OnRsp… comes for errors alone"""


@dataclass(frozen=True, slots=True)
class RequestFact:
    """The callbacks of one request."""

    name: str
    answered: Answered
    success: tuple[str, ...]
    """the first always comes, the others as things happen"""
    error: tuple[str, ...]
    """all of them come; of a query's, one"""
    response: str
    """the OnRsp… that carries this request's nRequestID"""

    @property
    def is_query(self) -> bool:
        """Whether it is under the query core's rules: one in flight a session, QryFreq a second."""
        return self.answered is Answered.ROWS

    @property
    def by_notices(self) -> bool:
        """Whether success has no response to wait for: it is told by notices, or not at all."""
        return self.answered in {Answered.NOTICES, Answered.NOTICES_OF_ANOTHER, Answered.SILENCE}

    @property
    def by_silence(self) -> bool:
        """Whether nothing is missing when neither a response nor a notice of its own ever comes."""
        return self.answered in {Answered.NOTICES_OF_ANOTHER, Answered.SILENCE}


_OTHER_RESPONSE = dict.fromkeys(
    ("ReqUserLoginWithCaptcha", "ReqUserLoginWithText", "ReqUserLoginWithOTP"), "OnRspUserLogin"
)
_OTHER_ERROR_NOTICE = {
    "ReqFromBankToFutureByFuture": "OnErrRtnBankToFutureByFuture",
    "ReqFromFutureToBankByFuture": "OnErrRtnFutureToBankByFuture",
    "ReqQueryBankAccountMoneyByFuture": "OnErrRtnQueryBankBalanceByFuture",
}
_NOTICES: dict[str, tuple[str, ...]] = {
    "ReqOrderInsert": ("OnRtnOrder", "OnRtnTrade"),
    "ReqExecOrderInsert": ("OnRtnExecOrder",),
    "ReqQuoteInsert": ("OnRtnQuote", "OnRtnOrder", "OnRtnTrade"),
    "ReqOptionSelfCloseInsert": ("OnRtnOptionSelfClose",),
    "ReqCombActionInsert": ("OnRtnCombAction",),
    "ReqOffsetSetting": ("OnRtnOffsetSetting",),
    "ReqFromBankToFutureByFuture": ("OnRtnFromBankToFutureByFuture",),
    "ReqFromFutureToBankByFuture": ("OnRtnFromFutureToBankByFuture",),
    # The request's page names the response for errors alone, the response's own page for every request.
    "ReqQueryBankAccountMoneyByFuture": ("OnRtnQueryBankBalanceByFuture", "OnRspQueryBankAccountMoneyByFuture"),
}
_NOTICES_OF_ANOTHER: dict[str, tuple[str, ...]] = {
    "ReqOrderAction": ("OnRtnOrder",),
    "ReqBatchOrderAction": ("OnRtnOrder",),
    "ReqExecOrderAction": ("OnRtnExecOrder",),
    "ReqQuoteAction": ("OnRtnQuote", "OnRtnOrder"),
    "ReqOptionSelfCloseAction": ("OnRtnOptionSelfClose",),
    "ReqCancelOffsetSetting": ("OnRtnOffsetSetting",),
}
_THEN_NOTICE = {"ReqQueryCFMMCTradingAccountToken": "OnRtnCFMMCTradingAccountToken"}
_SILENT = frozenset({"ReqForQuoteInsert"})
BY_SILENCE = _SILENT | frozenset(_NOTICES_OF_ANOTHER)
"""the requests of which nothing is missing when neither a response nor a notice of their own ever comes"""


@cache
def known_requests() -> dict[str, RequestFact]:
    """The rows of the version this source was generated for, by CTP's names."""
    catalog = load_catalog()
    return {method.name: request_fact(method.name, catalog) for method in catalog.requests}


def request_fact(name: str, catalog: Catalog) -> RequestFact:
    """The row of the request called `name`. The test of the facts holds every callback of it to be in the catalog."""
    response = _OTHER_RESPONSE.get(name, "OnRsp" + name[3:])
    notice = _OTHER_ERROR_NOTICE.get(name, "OnErrRtn" + name[3:])
    errors = (response, notice) if notice in catalog.callbacks else (response,)
    if name.startswith("ReqQry"):
        return RequestFact(name, Answered.ROWS, (response,), (response, "OnRspError"), response)
    if name in _THEN_NOTICE:
        success = response, _THEN_NOTICE[name]
        return RequestFact(name, Answered.RESPONSE_THEN_NOTICE, success, errors, response)
    if name in _SILENT:
        return RequestFact(name, Answered.SILENCE, (), errors, response)
    for answered, notices in ((Answered.NOTICES, _NOTICES), (Answered.NOTICES_OF_ANOTHER, _NOTICES_OF_ANOTHER)):
        if name in notices:
            return RequestFact(name, answered, notices[name], errors, response)
    return RequestFact(name, Answered.RESPONSE, (response,), errors, response)
