"""Why the relay itself cannot serve at the moment."""

from __future__ import annotations

from relay.domain.reasons.wording import relay_refuses
from relay.errors import Refusal

_LATER = ("请稍后重试", "try again later")
_TELL_FIRM = ("请稍后重试; 持续出现请联系期货公司", "try again later; if it stays, tell your futures firm")


def ledger_unavailable() -> Refusal:
    """Nothing may be done that the ledger cannot announce."""
    message = ("审计记录暂不可写, 登录与下单暂停", "the ledger cannot be written: nothing is sent until it can")
    return relay_refuses("ledger_unavailable", message, _TELL_FIRM, retry_after=10)


def order_map_unavailable() -> Refusal:
    """An order whose owner could not be kept must not be sent; everything else goes on."""
    message = (
        "报单映射文件暂不可写, 报单暂停",
        "the relay's order map cannot be written: no order is sent until it can",
    )
    return relay_refuses("order_map_unavailable", message, _TELL_FIRM, retry_after=10)


def shared_orders_unavailable() -> Refusal:
    """The database of the firm's relay processes cannot be asked, and what only it can say is not guessed."""
    message = (
        "中继进程共享的报单记录暂不可读, 带幂等键的报单与登录暂停",
        "what the firm's relay processes share cannot be read: logins and orders with a client_order_key wait for it",
    )
    advice = (
        "请稍后以原键重试; 不带幂等键的报单不受影响",
        "repeat it with the same key later; orders without a key go on",
    )
    return relay_refuses("shared_orders_unavailable", message, advice, retry_after=10)


def directory_unavailable() -> Refusal:
    """Terminals and investors cannot be looked up."""
    message = ("终端与投资者目录暂不可读", "the directory of terminals and investors cannot be read")
    return relay_refuses("directory_unavailable", message, _TELL_FIRM, retry_after=10)


def verifier_unavailable() -> Refusal:
    """Nobody can say whether the system info is genuine."""
    message = ("采集信息校验暂不可用", "system info cannot be verified at the moment")
    return relay_refuses("verifier_unavailable", message, _TELL_FIRM, retry_after=10)


def counter_unavailable(why: str = "") -> Refusal:
    """No front answers, or the session at the counter is down."""
    message = (f"柜台暂不可用 {why}".rstrip(), f"the counter cannot be reached {why}".rstrip())
    return relay_refuses("counter_unavailable", message, _LATER, retry_after=5)


def relay_misconfigured(why: str) -> Refusal:
    """A fault of the relay's own setup that no try of a terminal mends; `why` is in English."""
    message = (f"中继配置有误 ({why})", f"the relay is not set up for this: {why}")
    advice = (
        "请勿重试, 请联系期货公司; 中继侧已告警",
        "do not retry, tell your futures firm; its operations are alarmed",
    )
    return relay_refuses("relay_misconfigured", message, advice)


def relay_stuck(why: str) -> Refusal:
    """The relay's own loop does not go on; only its supervisor hears of it."""
    return relay_refuses("relay_stuck", (f"中继无响应 {why}", f"the relay does not go on: {why}"), _TELL_FIRM)


def relay_draining() -> Refusal:
    """The relay takes no new sessions because it stops."""
    message = ("中继正在停机维护", "the relay is about to stop")
    return relay_refuses("relay_draining", message, ("请重新连接", "connect again"), retry_after=5)


def relay_full() -> Refusal:
    """The process has as many sessions as it may have."""
    return relay_refuses(
        "relay_full", ("中继会话已满", "the relay has no room for another session"), _LATER, retry_after=30
    )


def too_many_streams() -> Refusal:
    """The address, or all together, have as many streams without a session as there may be."""
    message = ("该地址未登录的连接过多", "too many streams of this address are open without a login")
    return relay_refuses("too_many_streams", message, _LATER, retry_after=5)
