"""What a CTS counter sends: lines, and the rows in its answers. A counter is not a stranger, and a slip of its must not end a session
of others, nor become a wrong word to a terminal.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ctpabi.catalog.data import load_catalog
from fuzz.mutations import any_bytes, json_text
from fuzz.targets import Play, promise
from relay.counter.cts.from_native import MOST, RowReader, UnreadableRow
from relay.counter.cts.wire import MAX_TEXT, CtsReply, LineBuffer, WireFault, error_of, read_reply
from relay.counter.cts.words import ExchangeLetters
from relay.counter.translated.book import AccountBook
from relay.counter.translated.events import EventMaker

_READER = RowReader(ExchangeLetters({"S": "SHFE", "D": "DCE"}), lambda _: None)
_EVENTS = EventMaker(load_catalog())
_WHO = {"BrokerID": "9999", "InvestorID": "100001"}


def cts_lines(data: bytes) -> None:
    """However the bytes are cut, the lines are the same; each is a message, or a fault without its words."""
    whole = _lines([data])
    cut = 1 + len(data) // 3
    promise(whole == _lines([data[at : at + cut] for at in range(0, len(data), cut)]), "cutting changes no line")
    for line in whole:
        try:
            reply = read_reply(line)
        except WireFault as fault:
            promise(len(str(fault)) < 60, "a fault says no word of the counter's")
        else:
            _check_reply(reply)


def _lines(parts: list[bytes]) -> list[bytes]:
    buffer = LineBuffer()
    return [line for part in parts for line in buffer.feed(part)]


def _check_reply(reply: CtsReply) -> None:
    promise(type(reply.msg_type) is int and type(reply.request_id) is int, "ids are numbers")
    promise(len(error_of(reply).text) <= MAX_TEXT and len(reply.code) <= 64, "texts are bounded")
    promise(isinstance(reply.data, dict), "data is an object")


def cts_rows(data: bytes) -> None:
    """A row becomes values that fit a struct and an event, or is unreadable by a field's name."""
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(row, dict):
        _orders_and_trades(row)
        _others(row)


def _orders_and_trades(row: dict[str, Any]) -> None:
    book = AccountBook("9999", "100001")
    book.begin_day("20261123")
    told = []
    try:
        state = _READER.order(row)
        promise(0 <= state.volume <= MOST and math.isfinite(state.price), "quantities and prices are such")
        told += book.order(state)
        told += book.trade(_READER.trade(row))
    except UnreadableRow as error:
        promise(len(str(error)) < 60, "no value is repeated")
    for callback, values in told:
        promise(_EVENTS.notice(callback, values).wire, "what is told can be sent")


def _others(row: dict[str, Any]) -> None:
    try:
        for values in _READER.positions(row, _WHO):
            _EVENTS.answer("OnRspQryInvestorPosition", values, 1)
        _EVENTS.answer("OnRspQryTradingAccount", _READER.funds(row, _WHO, "20261123"), 1)
        _EVENTS.answer("OnRspQryInstrument", _READER.instrument(row), 1)
    except UnreadableRow:
        return


_ROW = {
    "acctId": "100001", "exchId": "S", "contractNum": "1", "stkId": "rb2701", "bsFlag": "B", "f_offSetFlag": "OPEN",
    "f_hedgeFlag": "SPEC", "orderQty": 3, "orderPrice": 3400.0, "futureOrderPrice": "3400", "knockQty": 1,
    "withdrawQty": 0, "validFlag": 0, "batchNum": "7000001", "clientId": "1000000007.1.5.7000001",
    "orderTime": "20261123093000", "memo": "已报", "knockCode": "7", "knockPrice": 3400, "knockTime": "09:30:01",
    "returnType": "2", "realTimePositionQty": 2, "todayPositionUsableQty": 1, "ydOffsFrozPositionQty": 0,
    "todayContractAmt": 34000.0, "ydContractAmt": 34000.0, "marginUsedAmt": 6800.0, "realtimePNL": -1.5,
    "realtimeAmt": 10_000_000.0, "usableAmt": 9_000_000, "commision": 3.5, "f_productId": "rb", "stkName": "螺纹钢2701",
    "contractTimes": 10, "orderPriceUnit": 1, "deliveryYear": "2027", "deliveryMonth": "01", "lastTrdDate": "20270115",
}  # fmt: skip
_REPLY = {
    "head": {"msgType": 16011, "sessionId": "700001", "requestId": 10000001},
    "respond": {"successFlg": 0, "errorCode": "", "errorMsg": "", "lastFlag": True},
    "data": {"orderInfo": [_ROW]},
}
_LINE = json.dumps(_REPLY).encode() + b"\n"

PLAYS = {
    "cts_lines": Play(cts_lines, [_LINE, _LINE * 2, b"[]\n{}\n", b"\xff\n"], any_bytes),
    "cts_rows": Play(cts_rows, [json.dumps(_ROW).encode()], json_text),
}
"""by target"""
