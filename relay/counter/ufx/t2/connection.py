"""One T2 connection: registered, calling, subscribed, closed.

Theory of operation
-------------------
The library has two threads of its own for a connection, which run `callbacks` and nothing else; a third thread, `T2Worker`'s, calls
what may block: Connect, SendBizMsg, SubscribeTopic, Close. Everything else happens on the loop.

* A call is given to the worker at once, so calls are sent in the order in which they were made. SendBizMsg returns the
  handle by which the answer is known. The answer may be in the inbox before the handle is: it is kept in `_early` until then,
  and only while a call without a handle could be its own.
* An answer belongs to the call whose handle it names, once. What comes after the call's deadline is dropped, because its
  future is done and its handle forgotten.
* When the connection is gone, every call without an answer fails with CallLost: whether it was carried out is not known.
* The objects that the library may still call are kept for as long as the connection object lives, and those of the latest
  connections longer (`T2Library.kept`): a thread may be a moment late.
* A burst is taken in slices, between which others have their turn; `_untaken` has the rest, in order. What is there when the
  connection is over is dropped: its calls have failed, and after its pushes the day is read.
* A connection is used once. After `closed` the owner makes a new one; the library's own reconnecting is not relied on,
  because it brings back the connection and not the tokens and topics on it.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from ctpabi.api.inbox import Inbox
from relay.counter.ufx.t2.callbacks import (
    ConnectionClosed,
    Registered,
    T2Answer,
    T2Item,
    TopicKicked,
    TopicPush,
    connection_callback,
    topic_callback,
)
from relay.counter.ufx.t2.library import T2Library
from relay.counter.ufx.t2.packs import PackRow, packed
from relay.counter.ufx.t2.vtable import INT, LETTER, POINTER, TEXT, UNSIGNED, Held, NoObject
from relay.counter.ufx.t2.worker import T2Worker

_SET_TEXT, _SET_NUMBER = 4, 5
_CONNECT, _CLOSE, _ERROR_MESSAGE, _NEW_SUBSCRIBER, _TOPIC_ERROR, _CREATE, _SEND = 1, 2, 12, 24, 27, 28, 29
_SET_FUNCTION, _SET_PACKET_TYPE, _SET_CONTENT = 0, 2, 24
_SUBSCRIBE, _CANCEL = 0, 1
_TOPIC_NAME, _FILTER, _FROM_NOW, _REPLACE = 0, 2, 4, 5
"""slots of config, connection, message, subscriber and parameter"""
_REQUEST, _ASYNCHRONOUS = 0, 1
MAX_WAITING = 100_000
"""items in the inbox; beyond, the connection is given up"""
_MAX_EARLY = 4096
SLICE = 500
"""items that are taken in one iteration of the loop"""
_PATIENCE = 800
"""milliseconds of each second given: the library says that its time is over before ours is"""
_SUBSCRIBER_QUEUE, _SUBSCRIBER_STEP = 10_000, 100


class T2Failed(Exception):
    """The library or the counter refused something, in its own words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}" if text else str(code))
        self.code, self.text = code, text


class CallLost(Exception):
    """A call was sent, and the connection went before its answer came."""


@dataclass(frozen=True, slots=True)
class T2Options:
    """How to connect."""

    servers: Sequence[str]
    """HOST:PORT; of several the library takes one, in a process always the same"""
    client_name: str
    """by which the message center knows this connection"""
    folder: Path
    """where the library keeps what it writes for the message center; it exists"""
    heartbeat_seconds: int = 5
    license_file: Path | None = None
    safe: Mapping[str, str] = field(default_factory=dict, repr=False)
    """section `safe`: safe_level and what it needs; some of it secret"""


class T2Owner(Protocol):
    """Who a connection reports to."""

    def connection_up(self) -> None:
        """It is registered."""

    def connection_lost(self) -> None:
        """It was registered, and is gone for good; every call without an answer has failed."""

    def pushed(self, content: bytes) -> None:
        """A push of a topic."""

    def kicked(self, number: int, text: str) -> None:
        """The counter ended this subscription."""


class T2Connection:
    """Made in the loop; what it has to say goes to `owner`, on the loop."""

    def __init__(
        self,
        library: T2Library,
        options: T2Options,
        owner: T2Owner,
    ) -> None:
        self._library = library
        self._options = options
        self._owner = owner
        self._inbox: Inbox[T2Item] = Inbox(asyncio.get_running_loop(), self._take, MAX_WAITING)
        self._untaken: deque[T2Item] = deque()
        self._worker = T2Worker("t2")
        self._callback = connection_callback(self._inbox.put)
        self._topic_callback = topic_callback(self._inbox.put)
        library.kept.extend((self._callback, self._topic_callback))
        self._connection: Held | None = None
        self._subscriber: Held | None = None
        self._registered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[T2Answer]] = {}
        self._early: dict[int, T2Answer] = {}
        self._sending = 0
        """calls that are given to the worker and have no handle yet"""
        self.is_up = False
        self.is_over = False
        """gone for good: closed, broken, or overflowed"""

    # Opening --------------------------------------------------------------------------------------------------

    async def open(self, seconds: float) -> None:
        """Connected and registered. Raises T2Failed, TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._worker.submit(partial(self._connect, int(seconds * _PATIENCE)))
            await asyncio.shield(self._registered)

    def _connect(self, milliseconds: int) -> None:
        exports, at = self._library.exports, self._options
        config = Held(exports.new_config(), "config")
        try:
            self._set(config, "t2sdk", {"servers": ";".join(at.servers)})
            self._set(config, "t2sdk", {"mc_logdir": f"{at.folder}/"})
            self._set(config, "mc", {"client_name": at.client_name})
            self._set(config, "safe", at.safe)
            if at.license_file is not None:
                self._set(config, "t2sdk", {"license_file": str(at.license_file)})
            config.call(_SET_NUMBER, INT, (TEXT, b"t2sdk"), (TEXT, b"heartbeat_time"), (INT, at.heartbeat_seconds))
            self._connection = Held(exports.new_connection(config.pointer), "connection")
        finally:
            config.release()
        self._check(self._connection.call(_CREATE, INT, (POINTER, self._callback.pointer)))
        self._check(self._connection.call(_CONNECT, INT, (INT, milliseconds)))

    @staticmethod
    def _set(config: Held, section: str, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            config.call(_SET_TEXT, INT, (TEXT, section.encode()), (TEXT, key.encode()), (TEXT, value.encode("gb18030")))

    def _check(self, code: int) -> None:
        if code != 0:
            raise T2Failed(code, self._words(code))

    def _words(self, code: int) -> str:
        """The library's own for this code."""
        connection = self._connection
        text: bytes | None = connection.call(_ERROR_MESSAGE, TEXT, (INT, code)) if connection is not None else None
        return (text or b"").decode("gb18030", "replace")

    def _held(self) -> Held:
        if self._connection is None or self.is_over:
            raise T2Failed(0, "not connected")
        return self._connection

    # Calling --------------------------------------------------------------------------------------------------

    def call(self, function: int, content: bytes) -> asyncio.Future[T2Answer]:
        """The answer; T2Failed where it was not sent, CallLost where its answer cannot come any more.

        Cancelled, its answer is not waited for.
        """
        result: asyncio.Future[T2Answer] = asyncio.get_running_loop().create_future()
        if self.is_over or not self.is_up:
            result.set_exception(T2Failed(0, "not connected"))
            return result
        self._sending += 1
        self._worker.submit(partial(self._send, function, content)).add_done_callback(partial(self._sent, result))
        return result

    def _send(self, function: int, content: bytes) -> int:
        message = Held(self._library.exports.new_message(), "message")
        try:
            message.call(_SET_FUNCTION, None, (INT, function))
            message.call(_SET_PACKET_TYPE, None, (INT, _REQUEST))
            buffer = ctypes.create_string_buffer(content, len(content))
            message.call(_SET_CONTENT, None, (POINTER, ctypes.addressof(buffer)), (INT, len(content)))
            handle: int = self._held().call(_SEND, INT, (POINTER, message.pointer), (INT, _ASYNCHRONOUS))
        finally:
            message.release()
        if handle <= 0:
            raise T2Failed(handle, self._words(handle))
        return handle

    def _sent(self, result: asyncio.Future[T2Answer], sent: asyncio.Future[int]) -> None:
        self._sending -= 1
        error = sent.exception()
        self._known(result, error, sent.result() if error is None else 0)
        if not self._sending:
            self._early.clear()  # of calls that nothing waits for any more

    def _known(self, result: asyncio.Future[T2Answer], error: BaseException | None, handle: int) -> None:
        """The call's handle, or why it has none."""
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
            return
        early = self._early.pop(handle, None)
        if early is not None:
            result.set_result(early)
        elif self.is_over:
            result.set_exception(CallLost())
        else:
            self._waiting[handle] = result
            result.add_done_callback(lambda _: self._waiting.pop(handle, None))

    # Topics ---------------------------------------------------------------------------------------------------

    async def subscribe(self, topic: str, filters: Mapping[str, str], check: PackRow, seconds: float) -> int:
        """The subscription's number; `check` is the business check, which has secrets. Raises T2Failed, TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self._worker.submit(partial(self._subscribe, topic, filters, check, int(seconds * _PATIENCE)))

    def _subscribe(self, topic: str, filters: Mapping[str, str], check: PackRow, milliseconds: int) -> int:
        if self._subscriber is None:
            self._subscriber = self._new_subscriber(milliseconds)
        parameter = Held(self._library.exports.new_parameter(), "parameter")
        unpacker = ctypes.c_void_p()
        try:
            parameter.call(_TOPIC_NAME, None, (TEXT, topic.encode("ascii")))
            for name, value in filters.items():
                parameter.call(_FILTER, None, (TEXT, name.encode("ascii")), (TEXT, value.encode("gb18030")))
            parameter.call(_FROM_NOW, None, (LETTER, b"\1"))
            parameter.call(_REPLACE, None, (LETTER, b"\0"))
            with packed(self._library.exports, [[check]]) as packer:
                number: int = self._subscriber.call(
                    _SUBSCRIBE, INT, (POINTER, parameter.pointer), (UNSIGNED, milliseconds),
                    (POINTER, ctypes.addressof(unpacker)), (POINTER, packer.pointer),
                )  # fmt: skip
        finally:
            parameter.release()
        if number <= 0:
            raise T2Failed(number, self._topic_words())
        return number

    def _topic_words(self) -> str:
        """The message center's latest."""
        text: bytes | None = self._held().call(_TOPIC_ERROR, TEXT)
        return (text or b"").decode("gb18030", "replace")

    def _new_subscriber(self, milliseconds: int) -> Held:
        pointer = self._held().call(
            _NEW_SUBSCRIBER, POINTER, (POINTER, self._topic_callback.pointer),
            (TEXT, self._options.client_name.encode("ascii")), (INT, milliseconds),
            (INT, _SUBSCRIBER_QUEUE), (INT, _SUBSCRIBER_STEP),
        )  # fmt: skip
        try:
            return Held(pointer, "subscriber")
        except NoObject as error:
            raise T2Failed(0, self._topic_words()) from error

    async def unsubscribe(self, number: int, seconds: float) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._worker.submit(partial(self._unsubscribe, number))

    def _unsubscribe(self, number: int) -> None:
        if self._subscriber is not None and not self.is_over:
            self._subscriber.call(_CANCEL, INT, (INT, number))

    # The inbox ------------------------------------------------------------------------------------------------

    def _take(self, items: list[T2Item]) -> None:
        is_begun = bool(self._untaken)
        self._untaken.extend(items)
        if self._inbox.overflowed or len(self._untaken) > MAX_WAITING:
            self._lose()
        if not is_begun:
            asyncio.get_running_loop().call_soon(self._take_slice)

    def _take_slice(self) -> None:
        try:
            for _ in range(min(SLICE, len(self._untaken))):
                if self.is_over:
                    self._untaken.clear()
                    return
                self._take_one(self._untaken.popleft())
        finally:
            if self._untaken:
                asyncio.get_running_loop().call_soon(self._take_slice)

    def _take_one(self, item: T2Item) -> None:
        match item:
            case Registered():
                self._register()
            case ConnectionClosed():
                self._lose()
            case T2Answer():
                self._answer(item)
            case TopicPush():
                self._owner.pushed(item.content)
            case TopicKicked():
                self._owner.kicked(item.number, item.text)

    def _register(self) -> None:
        if self.is_over or self.is_up:
            return
        self.is_up = True
        if not self._registered.done():
            self._registered.set_result(None)
        self._owner.connection_up()

    def _answer(self, answer: T2Answer) -> None:
        if answer.handle <= 0:
            return
        waiting = self._waiting.pop(answer.handle, None)
        if waiting is None:
            if self._sending and len(self._early) < _MAX_EARLY:
                self._early[answer.handle] = answer
        elif not waiting.done():
            waiting.set_result(answer)

    def _lose(self) -> None:
        if self.is_over:
            return
        was_up, self.is_up, self.is_over = self.is_up, False, True
        waiting, self._waiting = self._waiting, {}
        for result in waiting.values():
            if not result.done():
                result.set_exception(CallLost())
        if was_up:
            self._owner.connection_lost()

    # Closing --------------------------------------------------------------------------------------------------

    async def close(self, seconds: float) -> None:
        """Idempotent; gives up after `seconds`, and then leaves the library's objects as they are."""
        self._lose()
        closed = self._worker.submit(self._close)
        self._worker.stop()
        async with asyncio.timeout(seconds):
            await closed

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            subscriber.release()
        if connection is not None:
            connection.call(_CLOSE, INT)
            connection.release()
