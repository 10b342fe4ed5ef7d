"""One API instance of the program: its frames in, its callbacks and states out.

The order: a hello, answered first; then every call goes to the front in the order in which the program made it, and every
callback to the program in the order in which the front gave it. The connection's end releases the front.

Threads: `run` reads on one of its own. Callbacks come on the front's thread, which writes them itself: a program that
does not read stops that thread, and the front's bound on waiting callbacks ends the session.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog, Interface, Method, Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, text
from ctpabi.facts.requests import known_requests
from ctpabi.shim.abi_headers import abi_hash
from ctpabi.shim.wire import Frame, FrameReader, FrameType, WireError, event_frame, json_body, json_frame
from terminal_client.errors import Refusal
from terminal_client.trader_front.answers import ProgramCall, refused

HELLO_SECONDS = 5.0
_READ_AT_ONCE = 1 << 16
_NOT_TAKEN = {
    -1: ("counter_unavailable", "与中继或柜台的连接暂时中断，请稍后再试"),
    -2: ("too_many_calls", "未应答的请求过多"),
    -3: ("too_fast", "请求过快"),
}


class ProgramRefused(Exception):
    """This instance can have no front; the message is shown by the program's process."""


class CarriedFront(Protocol):
    """What is behind one instance."""

    @property
    def trading_day(self) -> str: ...

    def call(self, method: Method, body: bytes, request_id: int) -> int: ...

    def front_info(self) -> tuple[str, int, int]: ...

    def subscribe(self, method: Method, names: list[str]) -> int: ...

    def release(self) -> None: ...


OpenFront = Callable[[Interface, Mapping[str, Any], Callable[[RawEvent], None]], CarriedFront]
"""the front of an instance that said this in its hello; ProgramRefused where there is none"""


class Instance:
    """The carrier's end of one connection."""

    def __init__(self, peer: socket.socket, open_front: OpenFront) -> None:
        self._peer = peer
        self._open_front = open_front
        self._front: CarriedFront | None = None
        self._reader = FrameReader()
        self._methods: dict[int, Method] = {}
        self._slots: dict[str, int] = {}
        """of the callbacks, by name: the two interfaces have callbacks of one name at different places"""
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ctp-instance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Break the connection, and wait until its front is released."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._thread.join(seconds)

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    # What the program does

    def _run(self) -> None:
        try:
            self._peer.settimeout(HELLO_SECONDS)
            with contextlib.suppress(OSError, WireError, layout.LayoutError):
                while data := self._peer.recv(_READ_AT_ONCE):
                    for frame in self._reader.feed(data):
                        self._take(frame)
        finally:
            if self._front is not None:
                self._front.release()
            self._peer.close()

    def _take(self, frame: Frame) -> None:
        if self._front is None:
            self._greet(frame)
            return
        method = self._methods.get(frame.slot)
        if frame.type is not FrameType.CALL or method is None:
            raise WireError("not a call")
        if method.shape is Shape.SUBSCRIPTION:
            self._front.subscribe(method, [text.decode(name) for name in frame.body.split(b"\0") if name])
            return
        code = self._front.call(method, frame.body, frame.request_id)
        if code:
            self._answer_not_taken(ProgramCall(method, frame.body, frame.request_id), code)

    def _answer_not_taken(self, call: ProgramCall, code: int) -> None:
        """The program's own call returned 0 long ago: what the front's code says comes as an answer."""
        reason, words = _NOT_TAKEN.get(code, _NOT_TAKEN[-1])
        if code == -1 and known_requests()[call.method.name].is_query:
            reason = "query_not_answered"
        for item in refused(call, Refusal("relay", reason, words)):
            self._call_back(item)

    def _greet(self, frame: Frame) -> None:
        if frame.type is not FrameType.HELLO:
            raise WireError("the first frame must be a hello")
        hello = json_body(frame)
        interface = Interface.MARKET_DATA if hello.get("interface") == Interface.MARKET_DATA else Interface.TRADER
        catalog = load_catalog(interface)
        try:
            front = self._front_for(interface, catalog, hello)
        except ProgramRefused as refusal:
            self._send(json_frame(FrameType.HELLO, {"ok": False, "why": str(refusal)}))
            raise WireError("refused") from refusal
        self._methods = {method.slot: method for method in catalog.methods.values()}
        self._front = front
        self._peer.settimeout(None)

    def _front_for(self, interface: Interface, catalog: Catalog, hello: Mapping[str, Any]) -> CarriedFront:
        if hello.get("abi_hash") != abi_hash(catalog):
            raise ProgramRefused("its libraries and ctp-terminal are of different versions: install both anew")
        greeted = threading.Event()
        self._slots = {callback.name: callback.slot for callback in catalog.callbacks.values()}

        def put(item: RawEvent) -> None:
            greeted.wait()  # the hello's answer is the first thing that is sent
            self._call_back(item)

        front = self._open_front(interface, hello, put)
        self._send(json_frame(FrameType.HELLO, {"ok": True, "front_is_told": True}))
        greeted.set()
        return front

    # What the program hears

    def _call_back(self, item: RawEvent) -> None:
        """Write one callback, and before it what the library's synchronous calls answer from then on."""
        callback, slot = item.callback, self._slots[item.callback.name]
        if callback.shape is Shape.CONNECTION:
            self._send(Frame(FrameType.EVENT, slot, aux=item.reason))
            return
        if callback.name == "OnRspUserLogin" and item.error[0] == 0:
            self._send(json_frame(FrameType.STATE, self._state_of_a_login()))
        self._send(event_frame(slot, item.body, item.rsp_info, item.request_id, is_last=item.is_last))

    def _state_of_a_login(self) -> dict[str, Any]:
        if self._front is None:
            return {"logged_in": True}
        address, queries, packets = self._front.front_info()
        info = {"FrontAddr": address, "QryFreq": queries, "FTDPkgFreq": packets}
        return {"logged_in": True, "trading_day": self._front.trading_day, "front_info": info}

    def _send(self, frame: Frame) -> None:
        # A program that is gone shows where it is read from.
        with self._writing, contextlib.suppress(OSError):
            self._peer.sendall(frame.encode())
