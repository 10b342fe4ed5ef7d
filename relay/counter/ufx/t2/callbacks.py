"""Objects of ours that the library calls, on its own threads: they copy what they get, put it into the inbox, and return.

Every slot of the table is callable, also the reserved ones, because the library calls one of them at each synchronous answer. An
object must outlive every thread that may call it, so its owner keeps it until the library has closed the connection.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from relay.counter.ufx.t2.vtable import INT, OUT_INT, POINTER, TEXT, call

_FIRST = 3
_ON_REGISTER, _ON_CLOSE, _ON_MESSAGE, _CONNECTION_SLOTS = 2, 3, 14, 15
_ON_TOPIC, _ON_KICKED, _TOPIC_SLOTS = 0, 1, 8
_FUNCTION, _ERROR_NUMBER, _ERROR_TEXT, _RETURN_CODE, _CONTENT = 1, 19, 21, 23, 25
"""slots of a message"""
MAX_CONTENT = 0xFFFFFF
"""bytes; what a frame of the wire can hold"""


@dataclass(frozen=True, slots=True)
class Registered:
    """The counter knows this connection."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The connection is gone."""


@dataclass(frozen=True, slots=True)
class T2Answer:
    """A message from the counter: the answer to `handle`, or with 0 a push of the older kind."""

    handle: int
    function: int
    error_number: int
    error_text: str
    return_code: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TopicPush:
    """A push of a topic."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TopicKicked:
    """The counter ended a subscription."""

    number: int
    text: str


T2Item = Registered | ConnectionClosed | T2Answer | TopicPush | TopicKicked
Put = Callable[[T2Item], None]


class CallbackObject:
    """A table of functions, and the pointer to it that the library takes for an object."""

    def __init__(self, slots: int, own: dict[int, tuple[Any, Callable[..., int]]]) -> None:
        ignore = ctypes.CFUNCTYPE(INT, POINTER)(_ignore)
        functions = [ignore] * (_FIRST + slots)
        for slot, (prototype, function) in own.items():
            functions[_FIRST + slot] = prototype(function)
        self._functions = functions
        self._table = (POINTER * len(functions))(*[ctypes.cast(one, POINTER) for one in functions])
        self._object = (POINTER * 1)(ctypes.cast(self._table, POINTER))

    @property
    def pointer(self) -> int:
        return ctypes.addressof(self._object)


def _ignore(_this: int) -> int:
    return 0


def connection_callback(put: Put) -> CallbackObject:
    """For Create2BizMsg."""

    def on_register(_this: int, _connection: int, status: int, _kind: int) -> int:
        if status >= 0:
            put(Registered())
        return 0

    def on_close(_this: int, _connection: int) -> int:
        put(ConnectionClosed())
        return 0

    def on_message(_this: int, _connection: int, handle: int, message: int | None) -> int:
        if message:
            put(_copied(handle, message))
        return 0

    return CallbackObject(
        _CONNECTION_SLOTS,
        {
            _ON_REGISTER: (ctypes.CFUNCTYPE(INT, POINTER, POINTER, INT, INT), on_register),
            _ON_CLOSE: (ctypes.CFUNCTYPE(INT, POINTER, POINTER), on_close),
            _ON_MESSAGE: (ctypes.CFUNCTYPE(INT, POINTER, POINTER, INT, POINTER), on_message),
        },
    )


def topic_callback(put: Put) -> CallbackObject:
    """For NewSubscriber."""

    def on_topic(_this: int, _subscriber: int, _index: int, data: int | None, length: int) -> int:
        if data and 0 < length <= MAX_CONTENT:
            put(TopicPush(ctypes.string_at(data, length)))
        return 0

    def on_kicked(_this: int, _subscriber: int, number: int, text: bytes | None) -> int:
        put(TopicKicked(number, (text or b"").decode("gb18030", "replace")))
        return 0

    return CallbackObject(
        _TOPIC_SLOTS,
        {
            _ON_TOPIC: (ctypes.CFUNCTYPE(INT, POINTER, POINTER, INT, POINTER, INT), on_topic),
            _ON_KICKED: (ctypes.CFUNCTYPE(INT, POINTER, POINTER, INT, TEXT), on_kicked),
        },
    )


def _copied(handle: int, message: int) -> T2Answer:
    """The message belongs to the library and is gone when the callback returns."""
    length = ctypes.c_int(0)
    content = call(message, _CONTENT, POINTER, (OUT_INT, ctypes.byref(length)))
    text: bytes | None = call(message, _ERROR_TEXT, TEXT)
    readable = bool(content) and 0 < length.value <= MAX_CONTENT
    return T2Answer(
        handle,
        call(message, _FUNCTION, INT),
        call(message, _ERROR_NUMBER, INT),
        (text or b"").decode("gb18030", "replace"),
        call(message, _RETURN_CODE, INT),
        ctypes.string_at(content, length.value) if readable else b"",
    )
