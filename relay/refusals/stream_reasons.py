"""What a terminal said that the conversation does not allow."""

from __future__ import annotations

from relay.refusals.reason import Ends, Rows

reason = Rows(Ends.STREAM)

_ANY_TIME = Ends.STREAM | Ends.SESSION


@reason(
    ("该地址未登录的连接过多", "too many streams of this address are open without a login"),
    advice=("请稍后重试", "try again later"),
    retry=5,
)
def too_many_streams() -> None:
    """The address, or all together, have as many streams without a session as there may be."""


@reason(
    ("不支持的协议版本 {given}", "protocol version {given} is not supported"),
    advice=("请升级终端，使用版本 1", "use version 1; update the terminal"),
)
def protocol_unsupported(*, given: int) -> None:
    """Hello names a version this relay does not speak."""


@reason(
    ("消息 {size} 字节，超过上限 {most}", "the message has {size} bytes, {most} at most"),
    advice=("请缩小消息", "send a smaller message"),
    ends=_ANY_TIME,
)
def message_too_large(*, size: int, most: int) -> None:
    """Both in bytes."""


@reason(
    ("请求有误：{why}", "the request is malformed: {why}"),
    advice=("请修正请求", "correct it"),
    ends=Ends.CALL | _ANY_TIME,
)
def request_malformed(*, why: str) -> None:
    """A message cannot be parsed, or a field of a login or call does not fit; `why` names the field, never its value."""


@reason(
    ("此时不应收到 {what} ({while_doing})", "{what} cannot come while {while_doing}"),
    advice=("请按协议顺序发送", "keep to the order of the conversation"),
    ends=_ANY_TIME,
)
def unexpected_message(*, what: str, while_doing: str) -> None:
    """A message the conversation does not expect at this point."""


@reason(("尚未登录", "no login yet on this stream"), advice=("请先登录", "log in first"))
def not_logged_in() -> None:
    """A call before the login."""


@reason(
    ("会话不存在或已结束", "there is no such session any more"),
    advice=("请重新登录", "log in again"),
    ends=Ends.CALL | Ends.STREAM,
)
def session_gone() -> None:
    """The resume token names no session that may be resumed, or the session ended before the call was sent."""


@reason(
    ("恢复会话时终端 {app_id!r} 未通过认证", "app id {app_id!r} was not proved when it resumed"),
    advice=("请升级终端，并核对授权码", "update the terminal, and check its auth code"),
    instead=session_gone,
)
def resume_not_proved(*, app_id: str) -> None:
    """A resume whose answer to the challenge is missing or wrong, or whose app id is not registered."""
