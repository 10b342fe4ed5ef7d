"""Why a terminal's system info is not accepted."""

from __future__ import annotations

from relay.domain.reasons.wording import relay_refuses
from relay.errors import Refusal

_COLLECT_AGAIN = (
    "请用官方采集库 CTP_GetSystemInfo 重新采集, 按字节原样发送",
    "collect again with the official CTP_GetSystemInfo and send its bytes unchanged",
)


def system_info_length(received: int, stated: int) -> Refusal:
    """Bytes were lost or added on the way, or these are not the collector's."""
    return relay_refuses(
        "system_info_length",
        (
            f"采集信息长度错误: 收到 {received} 字节, 声明 {stated} 字节, 应为 264 至 273 字节且两者相等",
            f"system info has {received} bytes and states {stated}; 264 to 273 are right, and both must be equal",
        ),
        (
            "信息含二进制 0, 请勿按字符串处理",
            "it contains NUL bytes: do not handle it as a string, send the returned length",
        ),
    )


def system_info_not_genuine(code: int = -6) -> Refusal:
    """The vendor's library does not know these bytes as its collector's; `code` is its answer."""
    return relay_refuses(
        "system_info_not_genuine",
        ("采集信息不是由 CTP 采集库生成, 或已损坏", "system info was not made by the CTP collector, or was damaged"),
        _COLLECT_AGAIN,
        code=code,
    )


def system_info_other_edition() -> Refusal:
    """The vendor's library answered -7: evaluation instead of production, or the reverse."""
    return relay_refuses(
        "system_info_other_edition",
        ("采集库版本与柜台不符 (生产/评测)", "the collector is of the other edition (production or evaluation)"),
        ("请更换对应版本的采集库", "use the collector of the edition this relay serves"),
        code=-7,
    )


def system_info_replayed() -> Refusal:
    """The same bytes came with an earlier login; the collector never makes the same bytes twice."""
    return relay_refuses(
        "system_info_replayed",
        ("该采集信息已使用过", "this system info was used before"),
        ("每次登录都须重新采集", "collect anew for every login"),
    )


def system_info_stale(age: float, oldest: float) -> Refusal:
    """Collected too long before the login; both in seconds."""
    return relay_refuses(
        "system_info_stale",
        (
            f"采集信息已过期: {age:.0f} 秒前采集, 最多 {oldest:.0f} 秒",
            f"system info was collected {age:.0f} s ago, {oldest:.0f} s at most",
        ),
        (
            "请登录时采集, 并检查终端时钟与时区 (Asia/Shanghai)",
            "collect at login, and check the terminal's clock and time zone (Asia/Shanghai)",
        ),
    )


def system_info_from_the_future(ahead: float, most: float) -> Refusal:
    """Collected later than now by the relay's clock; both in seconds."""
    return relay_refuses(
        "system_info_stale",
        (
            f"采集时间超前 {ahead:.0f} 秒, 最多 {most:.0f} 秒",
            f"system info was collected {ahead:.0f} s in the future, {most:.0f} s at most",
        ),
        ("请校准终端时钟与时区 (Asia/Shanghai)", "set the terminal's clock and time zone (Asia/Shanghai)"),
    )


def system_info_undated() -> Refusal:
    """The unwrapped header's time is no date: the vendor's library let it pass, but its collector did not make it."""
    return relay_refuses(
        "system_info_not_genuine", ("采集信息无有效时间", "system info carries no readable time"), _COLLECT_AGAIN
    )
