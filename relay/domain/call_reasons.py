"""Every refusal of a single call: the stable word, what happened, and what to do, in Chinese and English.

Refusals of a whole login are in `relay.domain.reasons`.
"""

from __future__ import annotations

import math

from relay.errors import Refusal, Source


def _relay(reason: str, message: tuple[str, str], advice: tuple[str, str], *, code: int = 0) -> Refusal:
    return Refusal(Source.RELAY, reason, " / ".join(message), " / ".join(advice), code)


# Who may call what ----------------------------------------------------------------------------------------------


def unknown_method(name: str) -> Refusal:
    """A request newer than the relay's table: nobody decided yet who may call it."""
    return _relay(
        "unknown_method",
        (f"中继未登记请求 {name}", f"{name} is not in the relay's table of requests"),
        ("请升级中继", "update the relay"),
    )


def session_method(name: str) -> Refusal:
    """Authenticating, logging in and out at the counter are the relay's own."""
    return _relay(
        "session_method",
        (f"{name} 由中继自行完成", f"{name} is done by the relay itself"),
        ("请使用会话的 Login 与 Logout", "use the stream's Login and Logout"),
    )


def password_is_with_the_relay(name: str) -> Refusal:
    """Many-to-one: the investor's password is the relay's, CTP knows only the operator's."""
    return _relay(
        "password_is_with_the_relay",
        (f"多对一模式下不可 {name}", f"{name} would change the operator's password, not yours"),
        ("请向期货公司申请修改密码", "ask the futures firm: your password is kept in the relay's directory"),
    )


def not_in_this_mode(name: str) -> Refusal:
    """Many-to-one: the answer or the effect would go beyond the calling investor."""
    return _relay(
        "not_in_this_mode",
        (f"多对一模式下不可 {name}", f"{name} reaches beyond one investor and is closed in many-to-one"),
        ("请改用按投资者的请求", "use a request that names one investor"),
    )


def wrong_struct_size(name: str, received: int, expected: int) -> Refusal:
    """The body is not the method's struct."""
    return _relay(
        "wrong_struct_size",
        (f"{name} 结构长度 {received}, 应为 {expected}", f"{name} takes a struct of {expected} bytes, not {received}"),
        ("请核对 API 版本", "check which API version the terminal was built for"),
    )


def number_not_finite(name: str, field: str) -> Refusal:
    """CTP's 15 BAD_FIELD: NaN and infinity are no price and no amount."""
    return _relay(
        "number_not_finite",
        (f"{name} 的 {field} 不是有限数值", f"{field} of {name} is NaN or infinite"),
        ("请填写数值; 无值请填 0 或 DBL_MAX", "send a number; where there is none, 0 or DBL_MAX"),
        code=15,
    )


def not_your_investor() -> Refusal:
    """The request names somebody else. Sending it in the caller's own name could trade on the wrong account."""
    return _relay(
        "not_your_investor",
        ("请求中的投资者代码不是本会话的", "the request names an investor that is not this session's"),
        ("请留空或填本会话的投资者代码", "leave InvestorID empty, or send this session's"),
    )


def not_your_account() -> Refusal:
    """The request names an AccountID that is not known to be this investor's."""
    return _relay(
        "not_your_account",
        ("请求中的资金账号不属于本投资者", "the request names an account that is not this investor's"),
        ("请核对资金账号", "check AccountID"),
    )


def account_unknown() -> Refusal:
    """AccountID alone would say whose data it is, and neither the terminal nor the relay knows one."""
    return _relay(
        "account_unknown",
        ("中继尚不知道本投资者的资金账号", "the relay does not know this investor's account yet"),
        ("请先查询资金账户, 或填写资金账号", "query the trading account first, or fill in AccountID"),
    )


# References -----------------------------------------------------------------------------------------------------


def reference_not_increasing(field: str, given: str, last: int) -> Refusal:
    """CTP's 22 DUPLICATE_ORDER_REF, said before the counter has to."""
    return _relay(
        "reference_not_increasing",
        (
            f"报单错误：不允许重复报单 ({field} {given}, 应大于 {last})",
            f"{field} {given} was used or is not greater than {last}",
        ),
        ("请使用递增的引用, 或留空由中继分配", "use increasing references, or leave it empty for the relay to choose"),
        code=22,
    )


def reference_malformed(field: str) -> Refusal:
    """The reference is no decimal number."""
    return _relay(
        "reference_malformed",
        (f"{field} 应为十进制数字", f"{field} takes up to 12 decimal digits"),
        ("请使用数字引用, 或留空由中继分配", "use digits, or leave it empty for the relay to choose"),
        code=22,
    )


def references_used_up(field: str) -> Refusal:
    """The greatest reference is in use; CTP would refuse every other one with 22."""
    return _relay(
        "references_used_up",
        (f"{field} 已用到上限", f"no greater {field} is left this trading day"),
        (
            "请联系期货公司; 同一用户的其他程序占用了最大引用",
            "ask your futures firm: the greatest one is in use already",
        ),
        code=22,
    )


def order_not_found() -> Refusal:
    """CTP's 25: also said for another investor's order, whose existence is nobody else's business."""
    return _relay(
        "order_not_found",
        ("撤单找不到相应报单", "no order of this investor has that front, session and reference"),
        ("请核对报单引用, 或用 ExchangeID 与 OrderSysID 撤单", "check the key, or use ExchangeID with OrderSysID"),
        code=25,
    )


def cancelled_before_sent() -> Refusal:
    """The order still waited in the relay when its cancel came, so neither was sent."""
    return _relay(
        "cancelled_before_sent",
        ("报单尚未发往柜台即已撤销", "the order was cancelled before it was sent to the counter"),
        ("无需处理; 引用可再次使用", "nothing to do: it is not at the counter, and its reference is free again"),
    )


def order_key_reused(key: str) -> Refusal:
    """client_order_key was used for an order with another content."""
    return _relay(
        "order_key_reused",
        (f"报单幂等键 {key!r} 已用于另一笔报单", f"client_order_key {key!r} already names a different order"),
        ("每笔报单请使用新的键", "use a new key for every order"),
    )


def order_key_too_long(most: int) -> Refusal:
    """client_order_key has more than `most` bytes."""
    return _relay(
        "order_key_too_long",
        (f"报单幂等键超过 {most} 字节", f"client_order_key is longer than {most} bytes"),
        ("请缩短", "shorten it"),
    )


def order_key_in_doubt(key: str) -> Refusal:
    """A relay process claimed the key and stopped, or has the order waiting: nobody knows whether it is sent."""
    return _relay(
        "order_key_in_doubt",
        (
            f"报单幂等键 {key!r} 已由另一中继进程占用, 是否已报出尚不确定",
            f"another relay process took an order with client_order_key {key!r} and has not said whether it was sent",
        ),
        (
            "请数秒后以原键重试; 仍如此则先查询报单, 确认没有后换新键",
            "repeat it with the same key in some seconds; if it stays, query your orders and use a new key if it is missing",
        ),
    )


def day_limit_reached(most: int) -> Refusal:
    """The map of references is bounded; live orders are never evicted to make room."""
    return _relay(
        "day_limit_reached",
        (f"本交易日报单数已达中继上限 {most}", f"the relay's limit of {most} orders a trading day is reached"),
        ("撤单不受限制; 请联系期货公司", "cancels are not limited; ask your futures firm"),
    )


def investor_day_limit_reached(most: int) -> Refusal:
    """The investor's own share; other investors go on."""
    return _relay(
        "investor_day_limit_reached",
        (
            f"该投资者本交易日报单数已达中继上限 {most}",
            f"the relay's limit of {most} orders of one investor a trading day is reached",
        ),
        ("撤单不受限制; 请联系期货公司", "cancels are not limited; ask your futures firm"),
    )


def not_bound() -> Refusal:
    """There is no counter session whose references could be used."""
    return _relay(
        "counter_unavailable",
        ("柜台尚未登录", "the relay is not logged in at the counter"),
        ("请稍后重试", "try again later"),
    )


# Faults ---------------------------------------------------------------------------------------------------------


def relay_fault() -> Refusal:
    """A fault of the relay's own, before anything was sent."""
    return _relay(
        "relay_fault",
        ("中继内部错误, 请求未发送", "the relay failed at this request; it was not sent"),
        ("请联系期货公司", "ask your futures firm"),
    )


def outcome_unknown() -> Refusal:
    """A fault of the relay's own, at a moment when the request may have been sent."""
    return _relay(
        "outcome_unknown",
        ("中继内部错误, 不能确定请求是否已发送", "the relay failed at this request; whether it was sent is not known"),
        ("请先查询再决定是否重发", "query before you send it again"),
    )


# Pacing ---------------------------------------------------------------------------------------------------------


def queue_full(what: str, most: int) -> Refusal:
    """`what` is the class of request that has no room."""
    return _relay(
        "queue_full",
        (f"{what} 队列已满 ({most})", f"{most} requests of this kind ({what}) are waiting already"),
        ("请降低请求频率", "send more slowly"),
    )


def query_not_answered(name: str, seconds: float) -> Refusal:
    """The counter did not answer this query the last time; asked again at once it would stop everybody's queries."""
    wait = math.ceil(seconds)
    return Refusal(
        Source.RELAY,
        "query_not_answered",
        f"柜台上次未答复 {name} / the counter did not answer {name} the last time",
        f"{wait} 秒后可再次查询 / it may be asked again in {wait} s",
        retry_after_seconds=wait,
    )


def too_fast(what: str, most: int) -> Refusal:
    """One terminal's own limit; `what` is orders or queries."""
    return _relay(
        "too_fast",
        (f"每秒 {what} 超过 {most} 笔", f"more than {most} {what} a second from this terminal"),
        ("请降低频率", "send them more slowly"),
    )
