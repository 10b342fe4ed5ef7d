"""What a terminal did that the conversation does not allow."""

from __future__ import annotations

from relay.domain.reasons.wording import relay_refuses
from relay.errors import Refusal


def message_too_large(size: int, most: int) -> Refusal:
    """Both in bytes."""
    message = (f"消息 {size} 字节, 超过上限 {most}", f"the message has {size} bytes, {most} at most")
    return relay_refuses("message_too_large", message, ("请缩小消息", "send a smaller message"))


def not_logged_in() -> Refusal:
    """A call before the login."""
    return relay_refuses("not_logged_in", ("尚未登录", "no login yet on this stream"), ("请先登录", "log in first"))


def unexpected_message(what: str, while_doing: str) -> Refusal:
    """A message the conversation does not expect at this point."""
    message = (f"此时不应收到 {what} ({while_doing})", f"{what} cannot come while {while_doing}")
    return relay_refuses("unexpected_message", message, ("请按协议顺序发送", "keep to the order of the conversation"))


def protocol_unsupported(given: int) -> Refusal:
    """Hello names a version this relay does not speak."""
    message = (f"不支持的协议版本 {given}", f"protocol version {given} is not supported")
    return relay_refuses(
        "protocol_unsupported", message, ("请升级终端, 使用版本 1", "use version 1; update the terminal")
    )


def request_malformed(why: str) -> Refusal:
    """The call cannot be turned into a request of the API."""
    return relay_refuses(
        "request_malformed", (f"请求有误: {why}", f"the request is malformed: {why}"), ("请修正请求", "correct it")
    )


def request_id_in_use(request_id: int) -> Refusal:
    """An earlier call with this request id is unanswered."""
    message = (f"请求编号 {request_id} 仍在使用", f"request id {request_id} is still unanswered")
    return relay_refuses("request_id_in_use", message, ("请换用新的编号", "use a new request id"))


def too_many_calls(most: int) -> Refusal:
    """The terminal has more calls waiting in the relay than one may have."""
    message = (f"未应答的请求超过 {most}", f"more than {most} calls are waiting")
    return relay_refuses(
        "too_many_calls", message, ("请等待应答后再发送", "wait for answers before sending more"), retry_after=1
    )


def deadline_passed() -> Refusal:
    """The call waited longer than it was valid; it was not sent and will not be."""
    message = ("请求在中继内超时, 未发送", "the request waited too long in the relay and was not sent")
    return relay_refuses("deadline_passed", message, ("如仍需要请重新发送", "send it again if it is still wanted"))


def session_gone() -> Refusal:
    """The resume token names no session that still lingers."""
    message = ("会话不存在或已结束", "there is no such session any more")
    return relay_refuses("session_gone", message, ("请重新登录", "log in again"))
