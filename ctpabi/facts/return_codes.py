"""What the vendor's calls return: requests, and the two calls that report a terminal's system info.

Every code but 0 of a request means that the library did not send it (CTP fact 69); those of a report are CTP fact 36. What the collector returns, a
mask of missing items, is in `ctpabi.facts.collector`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ctpabi.facts.words import ASK_FIRM, NOTHING, TRY_LATER, Concern, Words


@dataclass(frozen=True, slots=True)
class ReturnCode:
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

REQUEST_CODES: dict[int, ReturnCode] = {
    row.code: row
    for row in (
        ReturnCode(0, "sent", Words("已发送", "sent"), NOTHING, Concern.COUNTER),
        ReturnCode(
            NO_CONNECTION, "no_connection", Words("与柜台无连接", "no connection to the counter"), TRY_LATER,
            Concern.COUNTER,
        ),
        ReturnCode(
            TOO_MANY_UNANSWERED, "too_many_unanswered", Words("未处理请求超过许可数", "too many unanswered requests"),
            TRY_LATER, Concern.TERMINAL,
        ),
        ReturnCode(
            TOO_MANY_A_SECOND, "too_many_a_second", Words("每秒请求数超过许可数", "too many requests per second"),
            TRY_LATER, Concern.TERMINAL,
        ),
    )
}  # fmt: skip
"""Of Req…: 0 is sent, and promises no answer; with any other the request was not sent."""

_UNCHANGED = Words("请重新采集并按字节原样发送", "collect again and send the bytes unchanged")

REPORT_CODES: dict[int, ReturnCode] = {
    row.code: row
    for row in (
        ReturnCode(0, "reported", Words("已上报", "reported"), NOTHING, Concern.TERMINAL),
        ReturnCode(
            -1, "report_length", Words("采集信息长度错误", "the system info has the wrong length"), _UNCHANGED,
            Concern.TERMINAL,
        ),
        ReturnCode(
            -2, "report_not_by_collector",
            Words("采集信息不是由 CTP 采集库生成", "the system info is not the CTP collector's"),
            Words("请使用官方采集库", "use the official collector"), Concern.TERMINAL,
        ),
        ReturnCode(
            -3, "report_not_permitted",
            Words("中继 AppID 不是多对多中继, 或连接中断失去认证",
                  "the relay's app id is no many-to-many relay, or the connection broke"),
            Words("请重试; 持续出现请联系期货公司",
                  "try again; if it stays, tell your futures firm: the relay's app id or mode is wrong"),
            Concern.RELAY,
        ),
        ReturnCode(
            -4, "report_not_permitted",
            Words("当前用户不是一对多操作员, 或连接中断", "the relay's user is no operator, or the connection broke"),
            Words("请重试; 持续出现请联系期货公司",
                  "try again; if it stays, tell your futures firm: the operator or the mode is wrong"),
            Concern.RELAY,
        ),
        ReturnCode(
            -5, "report_illegal_field",
            Words("上报字段含非法字符或超长", "a reported field has an illegal character or is too long"),
            Words("请检查 AppID、登录备注与 MAC", "check app id, login remark and MAC address"), Concern.TERMINAL,
        ),
        ReturnCode(
            -6, "report_damaged", Words("采集信息字段错误", "the system info is damaged"), _UNCHANGED, Concern.TERMINAL
        ),
        ReturnCode(
            -7, "report_other_edition",
            Words("采集库版本与柜台不符 (生产/评测)", "the collector is of the other edition"),
            Words("请更换采集库", "change the collector"), Concern.TERMINAL,
        ),
    )
}  # fmt: skip
"""Of RegisterUserSystemInfo and SubmitUserSystemInfo; 0 is taken by the library, and no answer follows."""

NOT_PERMITTED = frozenset({-3, -4})
"""nothing is wrong with the report, but whoever sends it may not; an API without a connection says so of every report"""


def report_code(code: int) -> ReturnCode:
    """The row of `code`; for one that nobody documented a row that names the code."""
    words = Words(f"上报失败 {code}", f"the report was refused with {code}")
    return REPORT_CODES.get(code, ReturnCode(code, "report_refused", words, ASK_FIRM, Concern.RELAY))
