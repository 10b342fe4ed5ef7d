"""Why the relay, or the counter behind it, cannot serve at the moment."""

from __future__ import annotations

from ctpabi.facts.errors import SETUP_FAULT
from relay.refusals.reason import Ends, Retry, Rows

reason = Rows(Ends.STREAM)

_LATER = ("请稍后重试", "try again later")
_TELL_FIRM = ("请稍后重试；持续出现请联系期货公司", "try again later; if it stays, tell your futures firm")


@reason(
    ("台账暂不可写，登录与下单暂停", "the ledger cannot be written: nothing is sent until it can"),
    advice=_TELL_FIRM,
    ends=Ends.CALL | Ends.STREAM,
    retry=10,
)
def ledger_unavailable() -> None:
    """Nothing may be done that the ledger cannot announce."""


@reason(
    ("报单映射文件暂不可写，报单暂停", "the relay's order map cannot be written: no order is sent until it can"),
    advice=_TELL_FIRM,
    ends=Ends.CALL | Ends.STREAM,
    retry=10,
)
def order_map_unavailable() -> None:
    """An order whose owner could not be kept must not be sent; everything else goes on."""


@reason(
    (
        "中继进程共享的报单记录暂不可读，带幂等键的报单与登录暂停",
        "what the firm's relay processes share cannot be read: logins and orders with a client_order_key wait for it",
    ),
    advice=(
        "请稍后以原键重试；不带幂等键的报单不受影响",
        "repeat it with the same key later; orders without a key go on",
    ),
    ends=Ends.CALL | Ends.STREAM,
    retry=10,
)
def shared_orders_unavailable() -> None:
    """The database of the firm's relay processes cannot be asked, and what only it can say is not guessed."""


@reason(
    ("终端与投资者目录暂不可读", "the directory of terminals and investors cannot be read"),
    advice=_TELL_FIRM,
    retry=10,
)
def directory_unavailable() -> None:
    """Terminals and investors cannot be looked up."""


@reason(("采集信息校验暂不可用", "system info cannot be verified at the moment"), advice=_TELL_FIRM, retry=10)
def verifier_unavailable() -> None:
    """The process that verifies system info does not answer."""


@reason(
    ("柜台暂不可用 {why}", "the counter cannot be reached {why}"),
    advice=_LATER,
    ends=Ends.CALL | Ends.STREAM | Ends.SESSION,
    retry=5,
)
def counter_unavailable(*, why: str = "") -> None:
    """No front answers, or the session at the counter is down."""


@reason(
    (
        "本柜台不接受投资者会话",
        "the counter behind this relay takes no investor's session",
    ),
    advice=("请连接期货公司的其他中继", "use another relay of your futures firm"),
    retry=Retry.NO,
)
def no_investor_sessions() -> None:
    """The counter's interface has no place for a terminal's report, so no terminal is taken: it is described alone."""


@reason(
    ("中继配置有误（{why}）", "the relay is not set up for this: {why}"),
    advice=(
        "请勿重试，请联系期货公司",
        "do not retry, tell your futures firm",
    ),
    ends=Ends.STREAM | Ends.SESSION,
    retry=Retry.NO,
)
def relay_misconfigured(*, why: str) -> None:
    """A fault of the relay's own setup that no try of a terminal mends; `why` is in English."""


@reason(
    ("中继操作员未能登录柜台 [{number}]", "the counter refuses the relay's operator [{number}]: {text}"),
    advice=_LATER,
    ends=Ends.STREAM | Ends.SESSION,
    retry=60,
)
def operator_refused(*, number: int, text: str) -> None:
    """Many-to-one: the counter refuses the operator for a while, which is not the terminal's doing.

    CTP's number is in the text and not in `code`: a program would take 3 for its investor's wrong password.
    """


@reason(
    ("中继操作员未能登录柜台 [{number}]", "the counter refuses the relay's operator [{number}]: {text}"),
    advice=SETUP_FAULT,
    ends=Ends.STREAM | Ends.SESSION,
    retry=60,
    word="operator_refused",
)
def operator_stopped(*, number: int, text: str) -> None:
    """Many-to-one: the counter refuses the operator until a person changes something."""


@reason(("中继无响应 {why}", "the relay does not go on: {why}"), advice=_TELL_FIRM, ends=Ends(0))
def relay_stuck(*, why: str) -> None:
    """The relay's own loop does not go on; only its supervisor is told."""


@reason(("中继正在停机维护", "the relay is about to stop"), advice=("请重新连接", "connect again"), retry=5)
def relay_draining() -> None:
    """The relay takes no new sessions because it stops."""


@reason(
    ("期货公司已暂停新登录 {why}", "the futures firm has paused new logins {why}"),
    advice=("请稍后重试；已登录的终端不受影响", "try again later; terminals that are logged in go on"),
    retry=30,
)
def logins_paused(*, why: str = "") -> None:
    """An operator of the relay paused new logins; `why` is what that person wants terminals to read."""


@reason(("中继会话已满", "the relay has no room for another session"), advice=_LATER, retry=30)
def relay_full() -> None:
    """The process has as many sessions as it may have."""


@reason(
    ("柜台的登录只接受 IPv4 地址", "the counter's login takes an IPv4 address alone"),
    advice=(
        "请用 IPv4 连接中继，或联系期货公司",
        "connect to the relay over IPv4, or ask your futures firm",
    ),
)
def address_not_offered_by_counter() -> None:
    """UFX has an ip_address of IPv4 and no other field for the terminal's public address."""


@reason(
    ("柜台中没有该账户，或其不能交易期货", "the counter has no such account, or it may not trade futures"),
    advice=(
        "请期货公司核对该投资者在柜台的账户与权限",
        "have your futures firm check the investor's account and rights at the counter",
    ),
)
def account_not_at_counter() -> None:
    """The operator sees no account of the investor's name."""
