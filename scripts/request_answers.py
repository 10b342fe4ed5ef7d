"""What CTP documents as the answer to each of the 118 requests: the rules, and their exceptions.

docs/requests.md shows it; the contract tests hold relay and simulated counter to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ctpabi.catalog import Catalog, Method


class Kind(StrEnum):
    """How a request is answered when it succeeds."""

    ROWS = "rows"
    """one OnRsp… a row; where there is nothing, one with a NULL struct"""
    ANSWER = "answer"
    """one OnRsp…"""
    ANSWER_THEN_NOTICE = "answer, then notice"
    """OnRsp… says that it was taken, OnRtn… brings the result"""
    NOTICES = "notices"
    """OnRtn… only; OnRsp… comes for errors alone"""
    SILENCE = "silence"
    """nothing at all; OnRsp… comes for errors alone"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The callbacks of one request."""

    kind: Kind
    success: tuple[str, ...]
    """the first always comes, the others as things happen"""
    error: tuple[str, ...]
    """all of them come; of a query's, one"""


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
    "ReqOrderAction": ("OnRtnOrder",),
    "ReqBatchOrderAction": ("OnRtnOrder",),
    "ReqExecOrderInsert": ("OnRtnExecOrder",),
    "ReqExecOrderAction": ("OnRtnExecOrder",),
    "ReqForQuoteInsert": (),
    "ReqQuoteInsert": ("OnRtnQuote", "OnRtnOrder", "OnRtnTrade"),
    "ReqQuoteAction": ("OnRtnQuote", "OnRtnOrder"),
    "ReqOptionSelfCloseInsert": ("OnRtnOptionSelfClose",),
    "ReqOptionSelfCloseAction": ("OnRtnOptionSelfClose",),
    "ReqCombActionInsert": ("OnRtnCombAction",),
    "ReqOffsetSetting": ("OnRtnOffsetSetting",),
    "ReqCancelOffsetSetting": ("OnRtnOffsetSetting",),
    "ReqFromBankToFutureByFuture": ("OnRtnFromBankToFutureByFuture",),
    "ReqFromFutureToBankByFuture": ("OnRtnFromFutureToBankByFuture",),
}
_THEN_NOTICE = {
    "ReqQueryBankAccountMoneyByFuture": "OnRtnQueryBankBalanceByFuture",
    "ReqQueryCFMMCTradingAccountToken": "OnRtnCFMMCTradingAccountToken",
}


def answer_to(method: Method, catalog: Catalog) -> Answer:
    """The documented answer; ValueError where it names a callback that the catalog lacks."""
    response = _OTHER_RESPONSE.get(method.name, "OnRsp" + method.name[3:])
    notice = _OTHER_ERROR_NOTICE.get(method.name, "OnErrRtn" + method.name[3:])
    errors = (response, notice) if notice in catalog.callbacks else (response,)
    answer = _answer(method.name, response, errors)
    unknown = [name for name in answer.success + answer.error if name not in catalog.callbacks]
    if unknown:
        raise ValueError(f"{method.name} is answered by {unknown}, which {catalog.version} does not have")
    return answer


def _answer(name: str, response: str, errors: tuple[str, ...]) -> Answer:
    if name.startswith("ReqQry"):
        return Answer(Kind.ROWS, (response,), (response, "OnRspError"))
    if name in _THEN_NOTICE:
        return Answer(Kind.ANSWER_THEN_NOTICE, (response, _THEN_NOTICE[name]), errors)
    if name in _NOTICES:
        notices = _NOTICES[name]
        return Answer(Kind.NOTICES if notices else Kind.SILENCE, notices, errors)
    return Answer(Kind.ANSWER, (response,), errors)
