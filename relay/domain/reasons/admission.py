"""Why a terminal or an investor is not admitted.

The refusals are precise, as the ledger and the log need them. What the terminal may be told is
`told_to_terminal`: whoever guesses must not learn which app ids and investors exist.
"""

from __future__ import annotations

from relay.domain.reasons.wording import relay_refuses
from relay.errors import Refusal, Source

_CHECK_APP_ID = (
    "请向期货公司核对终端 AppID 与授权码",
    "check the terminal's app id and auth code with your futures firm",
)


def terminal_not_accepted() -> Refusal:
    """What is told for an unknown app id and for a wrong proof alike."""
    return relay_refuses(
        "terminal_not_accepted", ("终端 AppID 或授权码未通过认证", "app id or auth code not accepted"), _CHECK_APP_ID
    )


def unknown_terminal(app_id: str) -> Refusal:
    """The app id is not in the directory."""
    return relay_refuses(
        "unknown_terminal", (f"未登记的终端 {app_id!r}", f"app id {app_id!r} is not registered"), _CHECK_APP_ID
    )


def wrong_proof(app_id: str) -> Refusal:
    """The challenge's answer was not made with the terminal's auth code."""
    return relay_refuses(
        "wrong_proof", (f"终端 {app_id!r} 的授权码不符", f"wrong auth code for app id {app_id!r}"), _CHECK_APP_ID
    )


def challenge_expired() -> Refusal:
    """The login came later than the challenge is valid."""
    return relay_refuses(
        "challenge_expired",
        ("认证超时", "the challenge was answered too late"),
        ("请重新连接后登录", "connect again and log in at once"),
    )


def challenge_replayed() -> Refusal:
    """A second login on one challenge."""
    return relay_refuses(
        "challenge_replayed",
        ("认证应答只能使用一次", "this challenge was answered before"),
        ("请重新连接后登录", "connect again: each connection has one challenge"),
    )


def terminal_disabled(app_id: str) -> Refusal:
    """The terminal proved itself, but the firm has disabled it."""
    return relay_refuses(
        "terminal_disabled",
        (f"终端 {app_id!r} 已停用", f"app id {app_id!r} is disabled"),
        ("请联系期货公司", "ask your futures firm"),
    )


def mode_not_allowed(app_id: str, mode: str) -> Refusal:
    """The terminal is registered for the other mode only."""
    return relay_refuses(
        "mode_not_allowed",
        (f"终端 {app_id!r} 不可用于 {mode} 模式", f"app id {app_id!r} is not admitted in mode {mode}"),
        ("请联系期货公司", "ask your futures firm"),
    )


_CHECK_INVESTOR = ("请核对投资者代码与密码", "check the investor id and the password")


def investor_not_accepted() -> Refusal:
    """What is told for an unknown investor and for a wrong password alike; CTP's number for both is 3."""
    return relay_refuses(
        "investor_not_accepted", ("不合法的登录", "investor id or password not accepted"), _CHECK_INVESTOR, code=3
    )


def investor_unknown(investor_id: str) -> Refusal:
    """The investor is not in the relay's directory (many-to-one)."""
    message = (f"投资者 {investor_id!r} 未登记", f"investor {investor_id!r} is not registered")
    return relay_refuses("investor_unknown", message, _CHECK_INVESTOR)


def wrong_investor_password(investor_id: str) -> Refusal:
    """The password is not the one of the relay's directory (many-to-one)."""
    message = (f"投资者 {investor_id!r} 密码错误", f"wrong password for investor {investor_id!r}")
    return relay_refuses("wrong_investor_password", message, _CHECK_INVESTOR)


def investor_disabled(investor_id: str) -> Refusal:
    """The password was right, but the firm has disabled the investor."""
    return relay_refuses(
        "investor_disabled",
        (f"投资者 {investor_id!r} 已停用", f"investor {investor_id!r} is disabled"),
        ("请联系期货公司", "ask your futures firm"),
    )


def wrong_broker(broker_id: str) -> Refusal:
    """The login names another broker than the relay's."""
    return relay_refuses(
        "wrong_broker",
        (f"本中继不服务经纪公司 {broker_id!r}", f"this relay does not serve broker {broker_id!r}"),
        ("请核对经纪公司代码", "check the broker id"),
    )


def locked_out(what: str, seconds: float) -> Refusal:
    """`what` is one of the subjects of `domain.login_attempts`."""
    return relay_refuses(
        "locked_out",
        (f"登录失败次数过多, {what} 暂被锁定", f"too many failed logins: the {what} is locked for a while"),
        (
            "请先核对密码再试, 或请期货公司解锁",
            "check the password and wait, or ask your futures firm to lift the lock",
        ),
        retry_after=seconds,
    )


def too_many_sessions(most: int, seconds: float = 0.0) -> Refusal:
    """The investor has as many sessions as one may have; `seconds` until one without a stream ends, 0 for none."""
    return relay_refuses(
        "too_many_sessions",
        (f"会话数已达上限 {most}", f"there are {most} sessions already, the most allowed"),
        ("请先退出其他终端", "log out elsewhere first"),
        retry_after=seconds,
    )


_TOLD_INSTEAD = {
    "unknown_terminal": terminal_not_accepted,
    "wrong_proof": terminal_not_accepted,
    "investor_unknown": investor_not_accepted,
    "wrong_investor_password": investor_not_accepted,
}


def told_to_terminal(refusal: Refusal) -> Refusal:
    """The refusal as the terminal may know it; the precise one stays in the ledger and the log."""
    instead = _TOLD_INSTEAD.get(refusal.reason) if refusal.source is Source.RELAY else None
    return instead() if instead else refusal
