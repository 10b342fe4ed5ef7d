"""A terminal's login, order and cancel, in UFX's fields. Pure.

`CARRIED` says which fields of which requests are looked at; `relay.counter.translated.reading` refuses the rest by name.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from relay.counter.port import CTP, TerminalReport
from relay.counter.translated.values import NewOrder, Values
from relay.counter.ufx.replies import UfxRow
from relay.counter.ufx.words import CLOSE, COUNTERS, MAX_TEXT, OPEN, SIDES, MarketNumbers
from relay.refusals import call_reasons, login_reasons, relay_reasons
from relay.refusals.refusal import Refusal
from relay.settings.ufx_section import UfxSettings

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
    "ReqQryExchange": frozenset({"ExchangeID"}),
}  # fmt: skip
LOCAL = frozenset({"ReqQryExchange"})
"""answered from what the counter said at the login"""
_IPV6_DIGITS = 32
_MOST_EXTSYSTEM = 99_999_999
_PLAIN = {
    "OrderPriceType": {"2"},
    "TimeCondition": {"3"},
    "VolumeCondition": {"1"},
    "ContingentCondition": {"", "1"},
    "ForceCloseReason": {"", "0"},
    "CombHedgeFlag": {"1"},
}
"""values that 91004 means, since it has no fields for them: speculation, with a limit, good for the day"""


@dataclass(frozen=True, slots=True)
class Trader:
    """Whose token it is, and which account it trades."""

    operator_no: str
    account_code: str


# Logins -----------------------------------------------------------------------------------------------------


def login_refusal(report: TerminalReport) -> Refusal | None:
    """What UFX has no field for: its ip_address takes IPv4 alone."""
    if ":" in report.public_ip or len(report.public_ip) == _IPV6_DIGITS:
        return relay_reasons.address_not_offered_by_counter()
    return None


def login_row(report: TerminalReport, settings: UfxSettings) -> UfxRow:
    """Table 0 of 10001 but for operator and password: the terminal as the relay sees it."""
    return {
        "mac_address": report.mac_address,
        "ip_address": report.public_ip,
        "op_station": settings.op_station,
        "authorization_id": settings.authorization_id,
        "terminal_info": report.remark,
        "app_id": report.app_id,
        "port_id": str(report.port),
    }


def counter_rows(report: TerminalReport, settings: UfxSettings) -> list[UfxRow]:
    """Table 1 of 10001: a row for each kind of collected information, byte for byte."""
    rows: list[UfxRow] = []
    for kind, counter_id in COUNTERS.items():
        collected = report.collected_of(kind)
        if collected is None or (kind == CTP and settings.ctp_text == "none"):
            continue
        info = base64.b64encode(collected.info) if kind == CTP else collected.info
        rows.append(
            {
                "counter_id": counter_id,
                "terminal_no": info.decode("ascii", "replace"),
                "data_scale": collected.completeness.decode("ascii", "replace"),
                "service_errcode": str(collected.return_code) if collected.return_code else "",
            }
        )
    return rows


def too_long(rows: list[UfxRow]) -> Refusal | None:
    """A text that the counter's field cannot hold."""
    kinds = {counter_id: kind for kind, counter_id in COUNTERS.items()}
    for row in rows:
        length = max(len(row["terminal_no"]), len(row["data_scale"]))
        if length > MAX_TEXT:
            kind = kinds[row["counter_id"]]
            return login_reasons.collected_info_length(
                kind=kind, received=length, stated=length, shortest=1, longest=MAX_TEXT
            )
    return None


# Orders -----------------------------------------------------------------------------------------------------


def order_refusal(values: Values, markets: MarketNumbers, settings: UfxSettings) -> Refusal | None:
    """What of this order UFX has no word for."""
    known: Mapping[str, object] = {
        **_PLAIN,
        "ExchangeID": set(markets.by_name),
        "Direction": set(SIDES),
        "CombOffsetFlag": set(_offsets(settings)),
    }
    for name, taken in known.items():
        if values[name] not in taken:  # type: ignore[operator]
            return call_reasons.value_not_offered_by_counter(field=name, value=str(values[name]))
    sensible = {
        "MinVolume": values["MinVolume"] <= 1,
        "InstrumentID": bool(values["InstrumentID"]),
        "VolumeTotalOriginal": values["VolumeTotalOriginal"] > 0,
    }
    wrong = next((name for name, is_so in sensible.items() if not is_so), "")
    return call_reasons.value_not_offered_by_counter(field=wrong, value=str(values[wrong])) if wrong else None


def _offsets(settings: UfxSettings) -> dict[str, str]:
    """CombOffsetFlag -> futures_direction; Close leaves today or yesterday to the counter."""
    closing = {"3": settings.close_today, "4": CLOSE} if settings.close_today else {}
    return {"0": OPEN, "1": CLOSE, **closing}


def order_row(order: NewOrder, trader: Trader, markets: MarketNumbers, settings: UfxSettings) -> UfxRow:
    """Table 0 of 91004 but for the token. third_reff names the order without a table of ours, also after a restart."""
    values = order.values
    return {
        "account_code": trader.account_code,
        "market_no": markets.by_name[values["ExchangeID"]],
        "stock_code": values["InstrumentID"],
        "entrust_direction": SIDES[values["Direction"]],
        "futures_direction": _offsets(settings)[values["CombOffsetFlag"]],
        "price_type": settings.limit_price_type,
        "entrust_price": f"{values['LimitPrice']:.6f}".rstrip("0").rstrip("."),
        "entrust_amount": str(values["VolumeTotalOriginal"]),
        "extsystem_id": str(order.name.number % _MOST_EXTSYSTEM + 1),
        "third_reff": order.name.key,
    }


def cancel_row(entrust_no: str) -> UfxRow:
    """A row of 91105."""
    return {"entrust_no": entrust_no}
