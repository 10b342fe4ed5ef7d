"""A terminal's order, cancel and query, in CTS's fields. Pure.

`CARRIED` says which fields of which requests are looked at; `relay.counter.translated.reading` refuses the rest by name.
"""

from __future__ import annotations

from typing import Any

from relay.counter.cts.wire import FUTURES, TRADES
from relay.counter.cts.words import HEDGES, OFFSETS, PRICES, SIDES, ExchangeLetters
from relay.counter.translated.values import KnownOrder, NewOrder, Values
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

NativeFields = dict[str, Any]

CARRIED: dict[str, frozenset[str]] = {
    "ReqOrderInsert": frozenset(
        {
            "InstrumentID", "ExchangeID", "OrderRef", "Direction", "CombOffsetFlag", "CombHedgeFlag", "LimitPrice",
            "VolumeTotalOriginal", "OrderPriceType", "TimeCondition", "VolumeCondition", "ContingentCondition",
            "ForceCloseReason", "MinVolume",
        }
    ),
    "ReqOrderAction": frozenset(
        {"ActionFlag", "OrderSysID", "ExchangeID", "FrontID", "SessionID", "OrderRef", "InstrumentID", "OrderActionRef"}
    ),
    "ReqQryOrder": frozenset({"InstrumentID", "ExchangeID", "OrderSysID"}),
    "ReqQryTrade": frozenset({"InstrumentID", "ExchangeID", "TradeID"}),
    "ReqQryInvestorPosition": frozenset({"InstrumentID", "ExchangeID"}),
    "ReqQryTradingAccount": frozenset({"CurrencyID", "BizType"}),
    "ReqQryInstrument": frozenset({"InstrumentID", "ExchangeID", "ProductID", "ExchangeInstID"}),
    "ReqQryExchange": frozenset({"ExchangeID"}),
}  # fmt: skip
_WORDED: dict[str, dict[str, str]] = {
    "ExchangeID": {},
    "Direction": SIDES,
    "CombOffsetFlag": OFFSETS,
    "CombHedgeFlag": HEDGES,
    "OrderPriceType": PRICES,
}
"""fields that CTS has words for"""
HIGHEST = 1e15
"""a price beyond it, CTP's mark for none among them, is no price"""
LOCAL = frozenset({"ReqQryExchange"})
"""answered from what the counter said at the login"""

_TIMES = {"2": {"3"}, "1": {"1", "3"}}
"""OrderPriceType -> the TimeConditions that an order of CTS's means: 15001 has no field for it"""


def order_refusal(values: Values, letters: ExchangeLetters) -> Refusal | None:
    """What of this order CTS has no word for."""
    named: dict[str, object] = {name: values[name] for name in _WORDED}
    known = {**_WORDED, "ExchangeID": letters.by_name}
    for name, value in named.items():
        if value not in known[name]:
            return call_reasons.value_not_offered_by_counter(field=name, value=str(value))
    plain = {
        "TimeCondition": values["TimeCondition"] in _TIMES[values["OrderPriceType"]],
        "VolumeCondition": values["VolumeCondition"] == "1",
        "ContingentCondition": values["ContingentCondition"] in {"", "1"},
        "ForceCloseReason": values["ForceCloseReason"] in {"", "0"},
        "MinVolume": values["MinVolume"] <= 1,
        "LimitPrice": abs(values["LimitPrice"]) <= HIGHEST,
        "InstrumentID": bool(values["InstrumentID"]),
        "VolumeTotalOriginal": values["VolumeTotalOriginal"] > 0,
    }
    wrong = next((name for name, is_said in plain.items() if not is_said), "")
    return call_reasons.value_not_offered_by_counter(field=wrong, value=str(values[wrong])) if wrong else None


def order_info(order: NewOrder, letters: ExchangeLetters, currency: str, *, with_batch: bool) -> NativeFields:
    """The orderInfo of 15001: `clientId` says whose the order is, and `batchNum` the same as a number."""
    values = order.values
    info: NativeFields = {
        "acctId": values["InvestorID"],
        "currencyId": currency,
        "exchId": letters.by_name[values["ExchangeID"]],
        "stkId": values["InstrumentID"],
        "orderPrice": values["LimitPrice"],
        "orderQty": values["VolumeTotalOriginal"],
        "f_offSetFlag": OFFSETS[values["CombOffsetFlag"]],
        "bsFlag": SIDES[values["Direction"]],
        "f_orderPriceType": PRICES[values["OrderPriceType"]],
        "f_hedgeFlag": HEDGES[values["CombHedgeFlag"]],
        "clientId": order.name.key,
    }
    return info | ({"batchNum": str(order.name.number)} if with_batch else {})


def cancel_info(order: KnownOrder, acct_id: str, letters: ExchangeLetters) -> NativeFields:
    """The orderCancelInfo of 15002."""
    letter = letters.by_name.get(order.state.exchange_id, "")
    return {"acctId": acct_id, "exchId": letter, "contractNum": order.state.native_id}


def page(msg_type: int, condition: NativeFields, number: int, size: int) -> NativeFields:
    """A query for one page, all its rows in one answer, which 11003 gives unasked; 16012 takes no exchange."""
    asked = {name: value for name, value in condition.items() if msg_type != TRADES or name != "exchId"}
    fields: NativeFields = {"queryCond": asked, "maxRowNum": size, "pageNum": number}
    return fields if msg_type == FUTURES else {**fields, "queryType": 1}
