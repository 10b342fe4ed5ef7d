"""The words of CTS for exchanges, sides, offsets and kinds of price, beside CTP's.

INE's and GFEX's letters are no fact of CTS: the public client names none for them. `E` and `G` are what this counter uses.
"""

from __future__ import annotations

from simcounter.errors_text import text_of

EXCHANGES = {"SHFE": "S", "DCE": "D", "CZCE": "Z", "CFFEX": "F", "INE": "E", "GFEX": "G"}
EXCHANGES_BACK = {code: name for name, code in EXCHANGES.items()}
SIDES = {"0": "B", "1": "S"}
SIDES_BACK = {word: code for code, word in SIDES.items()}
OFFSETS = {"0": "OPEN", "1": "CLOSE", "2": "FCLOSE", "3": "CLOSETD", "4": "CLOSEYD"}
OFFSETS_BACK = {word: code for code, word in OFFSETS.items()}
HEDGES = {"1": "SPEC", "3": "HEDGE"}
HEDGES_BACK = {"": "1", "SPEC": "1", "HEDGE": "3"}
PRICES = {"1": "ANY", "2": "LIMIT"}
PRICES_BACK = {word: code for code, word in PRICES.items()}

YUAN = "00"
"""currencyId"""
COLLECT_FIRST = "E2000000"
"""the errorCode that asks for the terminal's information; the only one that the public client knows"""


def error_code(error_id: int) -> str:
    """This counter's errorCode for one of CTP's ErrorIDs; CTS's own numbers are not known."""
    return f"E1{error_id:06}"


NO_TERMINAL_ID = "E2000001"
NOT_CONNECTED = "E1900001"
NO_SESSION = "E1900002"
NOT_LOGGED_IN = "E1900003"
BAD_REQUEST = "E1900004"
NO_SUCH_FUNCTION = "E1900005"
NO_ORDER = "E1900006"
ENDED = "E1900007"
"""errorCodes of this counter's own"""

TEXTS = {
    COLLECT_FIRST: "请采集终端信息后重新登录",
    NO_TERMINAL_ID: "没有期货终端信息采集ID",
    NOT_CONNECTED: "没有建立会话",
    NO_SESSION: "会话不存在",
    NOT_LOGGED_IN: "账户没有登录",
    BAD_REQUEST: "请求字段有误",
    NO_SUCH_FUNCTION: "无此功能",
    NO_ORDER: "找不到委托",
    ENDED: "委托已经结束",
}


def plain(text: str) -> str:
    """One of the counter's sentences without CTP's name before it."""
    return text.removeprefix("CTP:")


def text_of_error(error_id: int) -> str:
    return plain(text_of(error_id))
