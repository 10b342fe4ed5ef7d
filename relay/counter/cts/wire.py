"""What goes over a connection to CTS: one JSON object a line, UTF-8, at most 1 MiB. Pure.

Everything here is from outside. A line that is no answer ends the connection, with a reason that repeats nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.counter.port import NativeError
from relay.counter.translated.hiding import LONGEST_SECRET, without_secrets

MAX_LINE = 1 << 20
MAX_TEXT = 500
"""characters of an error's text that are kept"""
MAX_CODE = 64

CONNECT, DISCONNECT, ACCOUNT_LOGIN, SUBSCRIBE, OPERATOR_LOGIN = 10000, 10001, 10011, 10012, 10021
FUTURES, ORDER, CANCEL, FUTURES_FUNDS = 11003, 15001, 15002, 16002
POSITIONS, ORDERS, TRADES, PUSH = 16006, 16011, 16012, 17002
"""msgType"""
COLLECT_FIRST = "E2000000"
"""the errorCode of a login that must bring the terminal's information"""


class WireFault(Exception):
    """The counter does not speak CTS here; the text is the relay's."""


@dataclass(frozen=True, slots=True)
class CtsReply:
    """One message of the counter's."""

    msg_type: int
    request_id: int
    """of the request it answers; anything in a push"""
    session_id: str
    ok: bool
    code: str = ""
    text: str = ""
    """as it came, which may repeat a secret: `error_of` has what may be shown"""
    is_last: bool = True
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


class LineBuffer:
    """Bytes in, lines out."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now. Raises WireFault for one that is too long."""
        self._waiting += data
        *lines, rest = self._waiting.split(b"\n")
        if len(rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise WireFault("a line is longer than 1 MiB")
        self._waiting = rest
        return [bytes(line) for line in lines]


def read_reply(line: bytes) -> CtsReply:
    """The message on a line. Raises WireFault."""
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise WireFault("a line is no JSON in UTF-8") from None
    head = _object(_object(message, "message").get("head"), "head")
    msg_type, request_id = _number(head, "msgType"), _number(head, "requestId")
    respond = _object(message.get("respond"), "respond")
    data = message.get("data")
    return CtsReply(
        msg_type,
        request_id,
        session_id=text_of(head, "sessionId"),
        ok=_succeeded(respond),
        code=text_of(respond, "errorCode")[:MAX_CODE],
        text=text_of(respond, "errorMsg")[: MAX_TEXT + LONGEST_SECRET],
        is_last=str(respond.get("lastFlag")).lower() in {"true", "1"},
        data=data if isinstance(data, dict) else {},
    )


def error_of(reply: CtsReply, secrets: Collection[str] = ()) -> NativeError:
    """What the counter said of a refusal, without these secrets of the request."""
    return NativeError(without_secrets(reply.code, secrets, MAX_CODE), without_secrets(reply.text, secrets, MAX_TEXT))


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireFault(f"{name} is no object")
    return value


def _number(head: Mapping[str, Any], name: str) -> int:
    value = head.get(name)
    if type(value) is not int:
        raise WireFault(f"head has no {name}")
    return value


def _succeeded(respond: Mapping[str, Any]) -> bool:
    flag = str(respond.get("successFlg", ""))
    if flag not in {"0", "1"}:
        raise WireFault("respond has no successFlg")
    return flag == "0"


def object_in(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object; an empty one where it is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A field as text, whatever the counter put there; empty where it has none."""
    value = values.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def write_request(msg_type: int, request_id: int, session_id: str, request: Mapping[str, Any]) -> bytes:
    """One request, with its line's end; fields without a value are left out, as CTS's own client does."""
    head = {"msgType": msg_type, "sessionId": session_id, "requestId": request_id}
    said = {name: value for name, value in request.items() if value not in {"", None}} if _plain(request) else request
    return json.dumps({"head": head, "request": said}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(request: Mapping[str, Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in request.values())
