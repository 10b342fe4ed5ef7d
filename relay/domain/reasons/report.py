"""What the return codes of the vendor's Register and Submit calls mean for the terminal (CTP guide, same table for all)."""

from __future__ import annotations

from typing import Final

from relay.refusals.refusal import Refusal, Source

WELL_FORMED: Final = frozenset({-3, -4})
"""what an unconnected API returns for genuine bytes: all checks passed but the permission"""

_TOLD: dict[int, tuple[str, str, str]] = {
    -1: (
        "report_length",
        "采集信息长度错误 / the system info has the wrong length",
        "请重新采集并按字节原样发送 / collect again and send the bytes unchanged",
    ),
    -2: (
        "report_not_by_collector",
        "采集信息不是由 CTP 采集库生成 / the system info is not the CTP collector's",
        "请使用官方采集库 / use the official collector",
    ),
    -3: (
        "report_not_permitted",
        "中继 AppID 不是多对多中继, 或连接中断失去认证 / the relay's app id is no many-to-many relay, or the connection broke",
        "请重试; 持续出现请联系期货公司 / try again; if it stays, tell your futures firm: the relay's app id or mode is wrong",
    ),
    -4: (
        "report_not_permitted",
        "当前用户不是一对多操作员, 或连接中断 / the relay's user is no operator, or the connection broke",
        "请重试; 持续出现请联系期货公司 / try again; if it stays, tell your futures firm: the operator or the mode is wrong",
    ),
    -5: (
        "report_illegal_field",
        "上报字段含非法字符或超长 / a reported field has an illegal character or is too long",
        "请检查 AppID、登录备注与 MAC / check app id, login remark and MAC address",
    ),
    -6: (
        "report_damaged",
        "采集信息字段错误 / the system info is damaged",
        "请重新采集并按字节原样发送 / collect again and send the bytes unchanged",
    ),
    -7: (
        "report_other_edition",
        "采集库版本与柜台不符 (生产/评测) / the collector is of the other edition",
        "请更换采集库 / change the collector",
    ),
}
_RELAY_FAULTS = frozenset({-3, -4})


def report_refused(return_code: int) -> Refusal:
    """The refusal for a non-zero return code; the terminal's login ends with it."""
    reason, message, advice = _TOLD.get(
        return_code,
        (
            "report_refused",
            f"上报失败 {return_code} / the report was refused with {return_code}",
            "请联系期货公司 / tell your firm",
        ),
    )
    source = Source.COUNTER if return_code in _RELAY_FAULTS or return_code not in _TOLD else Source.COLLECTOR
    return Refusal(source, reason, message, advice, code=return_code)
