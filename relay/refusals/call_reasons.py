"""Why one call is not sent; the session goes on."""

from __future__ import annotations

from relay.refusals.reason import Ends, Retry, Rows

reason = Rows(Ends.CALL)

# Who may call what ----------------------------------------------------------------------------------------------


@reason(
    ("中继未登记请求 {name}", "{name} is not in the relay's table of requests"),
    advice=("请升级中继", "update the relay"),
    retry=Retry.NO,
)
def unknown_method(*, name: str) -> None:
    """A request newer than the relay's table: nobody decided yet who may call it."""


@reason(
    ("本柜台不支持请求 {name}", "the counter behind this relay does not offer {name}"),
    advice=("请参看登录应答中的柜台说明", "see the counter's description in LoggedIn"),
    retry=Retry.NO,
)
def not_offered_by_counter(*, name: str) -> None:
    """The counter has no such request; it does not reach the adapter."""


@reason(
    ("本柜台的接口没有字段 {name}", "the interface of the counter behind this relay has no field {name}"),
    advice=("请将该字段留空；参看登录应答中的柜台说明", "leave it empty; see the counter's description in LoggedIn"),
    retry=Retry.NO,
)
def field_not_offered_by_counter(*, name: str) -> None:
    """The binding's struct lacks the field: what the terminal asks with it would be lost on the way."""


@reason(
    ("本柜台不支持 {field} 为 {value}", "the counter behind this relay has no word for {field} {value}"),
    advice=("请改用本柜台支持的取值；参看该柜台的说明页", "use another value; see the page on this counter"),
    retry=Retry.NO,
)
def value_not_offered_by_counter(*, field: str, value: str) -> None:
    """The counter is not CTP's, and what the request says cannot be said to it: it is refused, never half-translated."""


@reason(
    ("{name} 由中继自行完成", "{name} is done by the relay itself"),
    advice=("请使用会话的 Login 与 Logout", "use the stream's Login and Logout"),
    retry=Retry.NO,
)
def session_method(*, name: str) -> None:
    """Authenticating, logging in and out at the counter are the relay's own."""


@reason(
    ("多对一模式下不可 {name}", "{name} would change the operator's password, not yours"),
    advice=("请向期货公司申请修改密码", "ask the futures firm: your password is kept in the relay's directory"),
    retry=Retry.NO,
)
def password_is_with_the_relay(*, name: str) -> None:
    """Many-to-one: the investor's password is the relay's, CTP knows only the operator's."""


@reason(
    ("多对一模式下不可 {name}", "{name} reaches beyond one investor and is closed in many-to-one"),
    advice=("请改用按投资者的请求", "use a request that names one investor"),
    retry=Retry.NO,
)
def not_in_this_mode(*, name: str) -> None:
    """Many-to-one: the answer or the effect would go beyond the calling investor."""


@reason(
    ("{name} 结构长度 {received}，应为 {expected}", "{name} takes a struct of {expected} bytes, not {received}"),
    advice=("请核对 API 版本", "check which API version the terminal was built for"),
)
def wrong_struct_size(*, name: str, received: int, expected: int) -> None:
    """The body is not the method's struct."""


@reason(
    ("{name} 的 {field} 不是有限数值", "{field} of {name} is NaN or infinite"),
    advice=("请填写数值；无值请填 0 或 DBL_MAX", "send a number; where there is none, 0 or DBL_MAX"),
    code=15,
)
def number_not_finite(*, name: str, field: str) -> None:
    """CTP's 15 BAD_FIELD: NaN and infinity are no price and no amount."""


@reason(
    ("请求中的投资者代码不是本会话的", "the request names an investor that is not this session's"),
    advice=("请留空或填本会话的投资者代码", "leave InvestorID empty, or send this session's"),
)
def not_your_investor() -> None:
    """The request names somebody else. Sending it in the caller's own name could trade on the wrong account."""


@reason(
    ("请求中的资金账号不属于本投资者", "the request names an account that is not this investor's"),
    advice=("请核对资金账号", "check AccountID"),
)
def not_your_account() -> None:
    """The request names an AccountID that is not known to be this investor's."""


@reason(
    ("请求中的 {field} 不属于本投资者", "{field} of the request is not this investor's"),
    advice=(
        "请留空，或按交易编码与投资单元的查询结果填写",
        "leave it empty, or fill it in as the counter's answer to its query says",
    ),
)
def not_your_trading_code(*, field: str) -> None:
    """Many-to-one: the counter names this investor's trading codes and units, and this is none of them."""


@reason(
    ("中继尚不知道本投资者的 {field}", "the relay does not know this investor's {field} yet"),
    advice=("请留空，或一分钟后重试", "leave it empty, or try again in a minute"),
    retry=60,
)
def trading_codes_unknown(*, field: str) -> None:
    """Many-to-one: the counter was asked whose ClientID or InvestUnitID it is, and has not answered."""


@reason(
    ("中继尚不知道本投资者的资金账号", "the relay does not know this investor's account yet"),
    advice=("请先查询资金账户，或填写资金账号", "query the trading account first, or fill in AccountID"),
)
def account_unknown() -> None:
    """AccountID alone would say whose data it is, and neither the terminal nor the relay knows one."""


# References -----------------------------------------------------------------------------------------------------


@reason(
    (
        "报单错误：不允许重复报单（{field} {given}，应大于 {last}）",
        "{field} {given} was used or is not greater than {last}",
    ),
    advice=(
        "请使用递增的引用，或留空由中继分配",
        "use increasing references, or leave it empty for the relay to choose",
    ),
    code=22,
)
def reference_not_increasing(*, field: str, given: str, last: int) -> None:
    """CTP's 22 DUPLICATE_ORDER_REF, said before the counter has to."""


@reason(
    ("{field} 应为十进制数字", "{field} takes up to 12 decimal digits"),
    advice=("请使用数字引用，或留空由中继分配", "use digits, or leave it empty for the relay to choose"),
    code=22,
)
def reference_malformed(*, field: str) -> None:
    """The reference is no decimal number."""


@reason(
    ("{field} 已用到上限", "no greater {field} is left this trading day"),
    advice=(
        "请联系期货公司；同一用户的其他程序占用了最大引用",
        "ask your futures firm: the greatest one is in use already",
    ),
    code=22,
    retry=Retry.NO,
)
def references_used_up(*, field: str) -> None:
    """The greatest reference is in use; CTP would refuse every other one with 22."""


@reason(
    ("撤单找不到相应报单", "no order of this investor has that front, session and reference"),
    advice=("请核对报单引用，或用 ExchangeID 与 OrderSysID 撤单", "check the key, or use ExchangeID with OrderSysID"),
    code=25,
)
def order_not_found() -> None:
    """CTP's 25: also said for another investor's order, whose existence is nobody else's business."""


@reason(
    ("本投资者今日没有编号为此的 {field}", "no {field} that this investor was shown today has that number"),
    advice=("请先查询，再按查询结果填写", "query it first, then name it as the answer does"),
    code=25,
)
def number_not_shown(*, field: str) -> None:
    """Many-to-one: the counter has not said today that this number is the investor's; also said of another's."""


@reason(
    ("报单尚未发往柜台即已撤销", "the order was cancelled before it was sent to the counter"),
    advice=("无需处理；引用可再次使用", "nothing to do: it is not at the counter, and its reference is free again"),
    retry=Retry.NO,
)
def cancelled_before_sent() -> None:
    """The order still waited in the relay when its cancel came, so neither was sent."""


@reason(
    ("报单幂等键 {key!r} 已用于另一笔报单", "client_order_key {key!r} already names a different order"),
    advice=("每笔报单请使用新的键", "use a new key for every order"),
)
def order_key_reused(*, key: str) -> None:
    """client_order_key was used for an order with another content."""


@reason(("报单幂等键超过 {most} 字节", "client_order_key is longer than {most} bytes"), advice=("请缩短", "shorten it"))
def order_key_too_long(*, most: int) -> None:
    """client_order_key has more than `most` bytes."""


@reason(
    (
        "报单幂等键 {key!r} 已由另一中继进程占用，是否已报出尚不确定",
        "another relay process took an order with client_order_key {key!r} and has not said whether it was sent",
    ),
    advice=(
        "请数秒后以原键重试；仍如此则先查询报单，确认没有后换新键",
        "repeat it with the same key in some seconds; if it stays, query your orders and use a new key if it is missing",
    ),
)
def order_key_in_doubt(*, key: str) -> None:
    """A relay process claimed the key and stopped, or has the order waiting: nobody knows whether it is sent."""


@reason(
    ("本交易日报单数已达中继上限 {most}", "the relay's limit of {most} orders a trading day is reached"),
    advice=("撤单不受限制；请联系期货公司", "cancels are not limited; ask your futures firm"),
    retry=Retry.NO,
)
def day_limit_reached(*, most: int) -> None:
    """The map of references is bounded; live orders are never evicted to make room."""


@reason(
    (
        "该投资者本交易日报单数已达中继上限 {most}",
        "the relay's limit of {most} orders of one investor a trading day is reached",
    ),
    advice=("撤单不受限制；请联系期货公司", "cancels are not limited; ask your futures firm"),
    retry=Retry.NO,
)
def investor_day_limit_reached(*, most: int) -> None:
    """The investor's own share; other investors go on."""


# Faults ---------------------------------------------------------------------------------------------------------


@reason(
    ("中继内部错误，请求未发送", "the relay failed at this request; it was not sent"),
    advice=("请联系期货公司", "ask your futures firm"),
    retry=Retry.NO,
)
def relay_fault() -> None:
    """A fault of the relay's own, before anything was sent."""


@reason(
    ("中继内部错误，不能确定请求是否已发送", "the relay failed at this request; whether it was sent is not known"),
    advice=("请先查询再决定是否重发", "query before you send it again"),
)
def outcome_unknown() -> None:
    """A fault of the relay's own, at a moment when the request may have been sent."""


# Pacing ---------------------------------------------------------------------------------------------------------


@reason(
    ("{what} 队列已满 ({most})", "{most} requests of this kind ({what}) are waiting already"),
    advice=("请降低请求频率", "send more slowly"),
)
def queue_full(*, what: str, most: int) -> None:
    """`what` is the class of request that has no room."""


@reason(
    ("柜台上次未答复 {name}", "the counter did not answer {name} the last time"),
    advice=("{seconds} 秒后可再次查询", "it may be asked again in {seconds} s"),
    retry="seconds",
)
def query_not_answered(*, name: str, seconds: float) -> None:
    """The counter did not answer this query the last time; asked again at once it would stop everybody's queries."""


@reason(
    ("每秒 {what} 超过 {most} 笔", "more than {most} {what} a second from this terminal"),
    advice=("请降低频率", "send them more slowly"),
)
def too_fast(*, what: str, most: int) -> None:
    """One terminal's own limit; `what` is orders or queries."""


# Waiting in the relay -------------------------------------------------------------------------------------------


@reason(
    ("请求编号 {request_id} 仍在使用", "request id {request_id} is still unanswered"),
    advice=("请换用新的编号", "use a new request id"),
)
def request_id_in_use(*, request_id: int) -> None:
    """An earlier call with this request id is unanswered."""


@reason(
    ("未应答的请求超过 {most}", "more than {most} calls are waiting"),
    advice=("请等待应答后再发送", "wait for answers before sending more"),
    retry=1,
)
def too_many_calls(*, most: int) -> None:
    """The terminal has more calls waiting in the relay than one may have."""


@reason(
    ("请求在中继内超时，未发送", "the request waited too long in the relay and was not sent"),
    advice=("如仍需要请重新发送", "send it again if it is still wanted"),
)
def deadline_passed() -> None:
    """The call waited longer than it was valid; it was not sent and will not be."""
