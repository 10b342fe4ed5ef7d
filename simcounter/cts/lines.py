"""The frames of CTS: one JSON object a line, UTF-8, at most 1 MiB."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_LINE = 1 << 20
"""bytes of one line, its end not counted"""

Message = dict[str, Any]
"""head and request, or head, respond and data"""


class LineError(ValueError):
    """The peer does not speak CTS; its connection ends."""


class CtsLines:
    """Bytes in, lines out."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete now. Raises LineError for one that is too long."""
        self._waiting += data
        while (end := self._waiting.find(b"\n")) >= 0:
            if end > MAX_LINE:
                raise LineError("a line is too long")
            line = bytes(self._waiting[:end])
            del self._waiting[: end + 1]
            yield line
        if len(self._waiting) > MAX_LINE:
            raise LineError("a line is too long")


def read_request(line: bytes) -> tuple[int, int, str, Mapping[str, Any]]:
    """msgType, requestId, sessionId and the request's fields. Raises LineError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError("not JSON") from error
    if not isinstance(message, dict):
        raise LineError("not a JSON object")
    head, request = message.get("head"), message.get("request", {})
    if not isinstance(head, dict) or not isinstance(request, dict):
        raise LineError("no head")
    msg_type, request_id = head.get("msgType"), head.get("requestId")
    if type(msg_type) is not int or type(request_id) is not int:
        raise LineError("no msgType or requestId")
    return msg_type, request_id, str(head.get("sessionId", "")), request


def answer_line(msg_type: int, request_id: int, session_id: str, respond: Message, data: Message) -> Message:
    """An answer or a push, to be written by `encode`."""
    head = {"msgType": msg_type, "sessionId": session_id, "requestId": request_id}
    return {"head": head, "respond": respond, "data": data}


def encode(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
