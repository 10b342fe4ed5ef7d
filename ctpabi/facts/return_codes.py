"""What the vendor's calls return: requests, and the two calls that report a terminal's system info.

Every code but 0 of a request means that the library did not send it (CTP fact 69); those of a report are CTP fact 36.
What the collector returns, a mask of missing items, is in `ctpabi.facts.collector`.
"""

from __future__ import annotations

from typing import NamedTuple

from ctpabi.facts.words import ASK_FIRM, NOTHING, TRY_LATER, Concern, Words


class ReturnCode(NamedTuple):
    """One value a call may return."""

    code: int
    reason: str
    """stable word for programs"""
    words: Words
    advice: Words
    concern: Concern


NO_CONNECTION = -1
TOO_MANY_UNANSWERED = -2
TOO_MANY_A_SECOND = -3

_UNCHANGED = Words("请重新采集并按字节原样发送", "collect again and send the bytes unchanged")
_OFFICIAL = Words("请使用官方采集库", "use the official collector")
_APP_ID = Words(
    "请重试；持续出现请联系期货公司",
    "try again; if it stays, tell your futures firm: the relay's app id or mode is wrong",
)
_OPERATOR = Words(
    "请重试；持续出现请联系期货公司",
    "try again; if it stays, tell your futures firm: the operator or the mode is wrong",
)
_FIELDS = Words("请检查 AppID、登录备注与 MAC", "check app id, login remark and MAC address")
_CHANGE = Words("请更换采集库", "change the collector")


# fmt: off
def _table(concern: Concern, *rows: tuple[int, str, str, str, Words]) -> dict[int, ReturnCode]:
    return {code: ReturnCode(code, reason, Words(zh, en), advice, concern) for code, reason, zh, en, advice in rows}


REQUEST_CODES = _table(
    Concern.COUNTER,
    (0, "sent", "已发送", "sent", NOTHING),
    (NO_CONNECTION, "no_connection", "与柜台无连接", "no connection to the counter", TRY_LATER),
) | _table(
    Concern.TERMINAL,
    (TOO_MANY_UNANSWERED, "too_many_unanswered", "未处理请求超过许可数", "too many unanswered requests", TRY_LATER),
    (TOO_MANY_A_SECOND, "too_many_a_second", "每秒请求数超过许可数", "too many requests per second", TRY_LATER),
)
"""Of Req…: 0 is sent, and promises no answer; with any other the request was not sent."""

REPORT_CODES = _table(
    Concern.TERMINAL,
    (0, "reported", "已上报", "reported", NOTHING),
    (-1, "report_length", "采集信息长度错误", "the system info has the wrong length", _UNCHANGED),
    (-2, "report_not_by_collector", "采集信息不是由 CTP 采集库生成", "the system info is not the CTP collector's", _OFFICIAL),
) | _table(
    Concern.RELAY,
    (-3, "report_not_permitted", "中继 AppID 不是多对多中继，或连接中断失去认证",
     "the relay's app id is no many-to-many relay, or the connection broke", _APP_ID),
    (-4, "report_not_permitted", "当前用户不是一对多操作员，或连接中断",
     "the relay's user is no operator, or the connection broke", _OPERATOR),
) | _table(
    Concern.TERMINAL,
    (-5, "report_illegal_field", "上报字段含非法字符或超长", "a reported field has an illegal character or is too long",
     _FIELDS),
    (-6, "report_damaged", "采集信息字段错误", "the system info is damaged", _UNCHANGED),
    (-7, "report_other_edition", "采集库版本与柜台不符 (生产/评测)", "the collector is of the other edition", _CHANGE),
)
"""Of RegisterUserSystemInfo and SubmitUserSystemInfo; 0 is taken by the library, and no answer follows."""
# fmt: on

NOT_PERMITTED = frozenset({-3, -4})
"""nothing is wrong with the report, but whoever sends it may not; an API without a connection says so of every report"""


def report_code(code: int) -> ReturnCode:
    """The row of `code`; for one that is not documented a row that names the code."""
    words = Words(f"上报失败 {code}", f"the report was refused with {code}")
    return REPORT_CODES.get(code, ReturnCode(code, "report_refused", words, ASK_FIRM, Concern.RELAY))
