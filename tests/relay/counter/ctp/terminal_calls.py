"""A terminal's call, made of the struct it stands for."""

from __future__ import annotations

from typing import Any

from ctpabi.codec.messages import message_from_struct
from ctprelay.ctp.v1.requests_pb2 import Request
from relay.counter.port import TerminalCall
from tests.relay.counter.ctp.ctp_bodies import CATALOG, method


def terminal_call(name: str, body: bytes | bytearray, request_id: int, valid_for: float, **more: Any) -> TerminalCall:
    """The call of the request called `name`; `body` are its struct's bytes."""
    described = method(name)
    message = message_from_struct(CATALOG.structs[described.struct], bytes(body))
    asked = Request()
    getattr(asked, described.proto_name).CopyFrom(message)
    return TerminalCall(asked, request_id, valid_for, **more)
