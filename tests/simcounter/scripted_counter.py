"""A counter that does only what a test tells it to, frame by frame: the other end of the shim."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from types import TracebackType
from typing import Any, Self

from ctpabi.catalog import Catalog
from ctpabi.shim.wire import Frame, FrameReader, FrameType, event_frame, json_body, json_frame

DEADLINE_SECONDS = 20.0


class Connection:
    """One shim's connection, read in the background, written by the test."""

    def __init__(self, peer: socket.socket, catalog: Catalog) -> None:
        self._peer = peer
        self._catalog = catalog
        self._frames: queue.Queue[Frame | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        reader = FrameReader()
        with contextlib.suppress(OSError):
            while data := self._peer.recv(1 << 16):
                for frame in reader.feed(data):
                    self._frames.put(frame)
        self._frames.put(None)

    def receive(self, kind: FrameType) -> Frame:
        frame = self._frames.get(timeout=DEADLINE_SECONDS)
        assert frame is not None, "the shim closed the connection"
        assert frame.type is kind
        return frame

    def receive_call(self, method: str) -> Frame:
        frame = self.receive(FrameType.CALL)
        assert frame.slot == self._catalog.methods[method].slot
        return frame

    def is_closed(self) -> bool:
        """Waits for the end of the connection; False when a frame came instead."""
        return self._frames.get(timeout=DEADLINE_SECONDS) is None

    def greet(self, **state: Any) -> dict[str, Any]:
        """Accept the shim's hello; returns it."""
        hello = json_body(self.receive(FrameType.HELLO))
        self.send(json_frame(FrameType.HELLO, {"ok": True, **state}))
        return hello

    def state(self, **changes: Any) -> None:
        self.send(json_frame(FrameType.STATE, changes))

    def event(
        self,
        callback: str,
        body: bytes | None = None,
        rsp_info: bytes | None = None,
        request_id: int = 0,
        *,
        is_last: bool = True,
    ) -> None:
        self.send(event_frame(self._catalog.callbacks[callback].slot, body, rsp_info, request_id, is_last=is_last))

    def send(self, frame: Frame) -> None:
        self.send_bytes(frame.encode())

    def send_bytes(self, data: bytes) -> None:
        # A program that has ended already shows in what it left behind, not here.
        with contextlib.suppress(OSError):
            self._peer.sendall(data)

    def close(self) -> None:
        # Without this the background recv keeps the connection alive.
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()
        self._reader.join(DEADLINE_SECONDS)


class ScriptedCounter:
    """Listens on a loopback port; `accept` hands out one shim's connection after the other."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(DEADLINE_SECONDS)
        self._connections: list[Connection] = []

    @property
    def front(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> Connection:
        peer, _ = self._listener.accept()
        peer.settimeout(None)
        self._connections.append(Connection(peer, self._catalog))
        return self._connections[-1]

    def accept_and_greet(self, **state: Any) -> Connection:
        connection = self.accept()
        connection.greet(**state)
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        self._listener.close()
