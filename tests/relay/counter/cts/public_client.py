"""Names and kinds of fields that RootNet's public Python client (`CTSlib`) sends and lists: facts read in its source, nothing of it.

Two ages of it were read: 1.082, which knows no terminal information, and a later one that collects it. Where they differ the
later one's fields stand here.
"""

from __future__ import annotations

from typing import Any

_QUERY: dict[str, type] = {"queryCond": dict, "maxRowNum": int, "pageNum": int, "queryType": int}
_CONNECT: dict[str, type] = {"APIType": str, "APIVersion": str, "TerminalInfo": str, "sessionId": str}
REQUESTS: dict[int, dict[str, type]] = {
    10000: _CONNECT,
    10001: _CONNECT,
    10011: {"acctId": str, "password": str, "F_TerminalOut": str, "AppId": str, "operationMAC": str},
    10012: {"acctId": str, "password": str, "subType": int, "clientId": str},
    10021: {"optId": str, "password": str},
    11003: {"queryCond": dict, "maxRowNum": int, "pageNum": int},
    15001: {"orderInfo": dict, "F_TerminalId": str},
    15002: {"orderCancelInfo": dict, "F_TerminalId": str},
    16002: {"acctId": str, "currencyId": str},
    16006: _QUERY,
    16011: _QUERY,
    16012: _QUERY,
}
"""of each request's `request`; a field without a value is left out"""

INSIDE: dict[int, set[str]] = {
    11003: {"exchId", "f_productId", "basicExchId", "basicStkId"},
    15001: {
        "acctId", "currencyId", "exchId", "stkId", "orderType", "orderPrice", "orderQty", "contractNum", "regId", "batchNum",
        "clientId", "f_offSetFlag", "bsFlag", "f_orderPriceType", "f_hedgeFlag", "coveredFlag", "businessMark",
    },
    15002: {"acctId", "exchId", "contractNum"},
    16006: {"acctId", "exchId", "stkId", "regId", "bsFlag", "f_hedgeFlag", "coveredFlag"},
    16011: {
        "acctId", "exchId", "batchNum", "contractNum", "stkId", "withdrawFlag", "isCancellable", "beginTime", "endTime",
    },
    16012: {"acctId", "contractNum", "stkId", "beginTime", "endTime"},
}  # fmt: skip
"""of the one object inside: a query's condition, an order, a cancel"""

NEEDED: dict[int, set[str]] = {
    15001: {
        "acctId", "currencyId", "exchId", "stkId", "orderPrice", "orderQty", "f_offSetFlag", "bsFlag", "f_orderPriceType",
    },
    15002: {"acctId", "exchId", "contractNum"},
    16006: {"acctId"},
    16011: {"acctId"},
    16012: {"acctId"},
}  # fmt: skip
"""what of it must be there for a future"""

_TRADED = {
    "acctId", "exchId", "stkId", "orderQty", "orderPrice", "contractNum", "orderType", "knockQty", "knockPrice", "knockAmt",
    "fullKnockAmt", "reckoningAmt", "accuredInterestAmt", "knockTime", "knockCode", "serialNum", "exchErrorCode", "memo",
    "stkType", "tradeType", "f_offSetFlag", "closePNL", "openUsedMarginAmt", "offsetMarginAmt", "bsFlag", "f_hedgeFlag",
}  # fmt: skip
ROWS: dict[int, dict[str, set[str]]] = {
    10011: {
        "acctInfo": {
            "acctId", "acctName", "currencyId", "currentAmt", "usableAmt", "creditFundFlag", "sysDate", "regList", "appVendor",
            "f_TerminalId",
        }
    },
    11003: {
        "futureList": {
            "exchId", "f_productId", "stkId", "stkName", "stkStatus", "contractTimes", "deliveryYear", "deliveryMonth",
            "lastTrdDate", "matureDate", "orderPriceUnit", "maxLimitOrderQty", "maxMarketOrderQty", "minLimitOrderQty",
            "minMarketOrderQty", "maxOrderPrice", "minOrderPrice", "preSettlementPrice", "stkType",
        }
    },
    16002: {
        "acctInfo": {
            "acctId", "currencyId", "acctName", "custType", "custId", "currentAmt", "usableAmt", "realtimeAmt", "closePNL",
            "realtimePNL", "ydMarginUsedAmt", "marginUsedAmt", "tradeFrozenAmt", "cashMovementAmt", "commision", "marginAmt",
        }
    },
    16006: {
        "positionInfo": {
            "exchId", "stkId", "acctId", "bsFlag", "f_hedgeFlag", "currentPositionQty", "realTimePositionQty",
            "ydPositionUsableQty", "todayPositionUsableQty", "todayPositionCost", "preSettlementPrice", "closePNL", "realtimePNL",
            "openFrozPositionQty", "todayOffsFrozPositionQty", "ydOffsFrozPositionQty", "marginFrozenAmt", "marginUsedAmt",
            "todayContractAmt", "ydContractAmt", "coveredFlag", "securityType",
        }
    },
    16011: {
        "orderInfo": {
            "exchId", "contractNum", "acctId", "orderType", "stkId", "stkName", "orderPrice", "orderQty", "knockQty",
            "withdrawQty", "orderTime", "offerTime", "validFlag", "validFlagDesc", "sendFlag", "withdrawFlag", "memo", "batchNum",
            "stkType", "tradeType", "orderStatus", "isCancellable", "orderId", "serialNum", "f_hedgeFlag", "f_offSetFlag",
            "bsFlag", "f_orderPriceType", "futureOrderPrice", "exchErrorCode", "exchErrorMsg",
        }
    },
    16012: {"knockInfo": _TRADED | {"stkName", "occurTime", "totalWithdrawQty", "orderId", "futureOrderPrice", "commision"}},
    17002: {
        "subKnockInfo": _TRADED
        | {"returnType", "tradingResultType", "accuredInteres", "regId", "batchNum", "ownerType", "orderTime", "clientId"}
    },
}  # fmt: skip
"""of each row of an answer or push: those of the client's list that could be of a future"""
ANSWERS: dict[int, set[str]] = {
    10000: {"sysDate", "sysVersion", "customer", "serverName", "expireDate", "passkey"},
    10001: {"sysDate"},
    15001: {"contractNum", "orderAmt", "usableAmt"},
    15002: {"contractNum", "completeNum", "orderTime", "failInfo", "errorCode", "ErrorCode", "errorMsg"},
}
"""of `data` itself"""


def unlisted(msg_type: int, request: dict[str, Any]) -> set[str]:
    """What of a request the public client does not send, sends in another kind, or sends and is missing here."""
    kinds = REQUESTS[msg_type]
    wrong = {name for name, value in request.items() if name not in kinds or type(value) is not kinds[name]}
    inside = next((value for value in request.values() if isinstance(value, dict)), {})
    return wrong | (set(inside) - INSIDE.get(msg_type, set())) | (NEEDED.get(msg_type, set()) - set(inside))


def unread(msg_type: int, data: dict[str, Any]) -> set[str]:
    """What of an answer or push the public client's lists have not."""
    rows = ROWS.get(msg_type, {})
    wrong = set(data) - set(rows) - ANSWERS.get(msg_type, set())
    for name, fields in rows.items():
        found = data.get(name, [])
        for row in found if isinstance(found, list) else [found]:
            wrong |= set(row) - fields
    return wrong
