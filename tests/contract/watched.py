"""A terminal and the counter behind its relay, watched from both ends: what a request sends there and brings back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from google.protobuf.message import Message

from ctpabi.catalog import Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.shim.wire import Frame
from ctprelay.ctp.v1 import events_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.session import Session
from terminal_client import CallRefused, CounterRejected, RelayTerminal
from terminal_client.errors import NativeWords
from tests.e2e.binding_under_test import CHOSEN
from tests.e2e.site import Site, eventually

CATALOG = load_catalog(distribution=CHOSEN)
MAC_ADDRESS = "0a1b2c3d4e5f"
_CALLBACKS = {item.proto_name: item.name for item in CATALOG.callbacks.values() if item.proto_name}
_FENCE = "qry_trading_code"


@dataclass(slots=True)
class Exchange:
    """One request, from its sending until the counter was done with it."""

    refusal: str = ""
    """the relay's reason"""
    error_id: int = 0
    events: list[events_pb2.Event] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    """the request as the counter got it, by CTP's field names; empty where it did not"""

    @property
    def callbacks(self) -> list[str]:
        """What the terminal got, by CTP's names."""
        return [callback_of(event) for event in self.events]


class Watched:
    """One logged-in terminal."""

    def __init__(self, site: Site, terminal: RelayTerminal, investor: str) -> None:
        self.site = site
        self.terminal = terminal
        self.investor = investor
        self._events: list[events_pb2.Event] = []
        self._heard: list[tuple[str, dict[str, Any]]] = []

    @classmethod
    @contextmanager
    def over(cls, site: Site, terminal: RelayTerminal, investor: str) -> Iterator[Self]:
        """Watch until the context ends."""
        watched = cls(site, terminal, investor)
        with pytest.MonkeyPatch.context() as patch:
            watched._listen(patch)
            yield watched

    def _listen(self, patch: pytest.MonkeyPatch) -> None:
        dispatch, front = self.terminal._dispatch, self.site.counter.front
        deliver, call = dispatch.event, front._call

        def event(item: events_pb2.Event, native: NativeWords | None) -> None:
            self._events.append(item)
            deliver(item, native)

        def hear(session: Session, method: str, frame: Frame) -> None:
            struct = CATALOG.structs[CATALOG.methods[method].struct]
            self._heard.append((method, layout.unpack(struct, frame.body)))
            call(session, method, frame)

        patch.setattr(dispatch, "event", event)
        patch.setattr(front, "_call", hear)

    @property
    def user(self) -> str:
        """Who is logged in at the counter for this terminal."""
        return self.investor if self.site.mode is Mode.MANY_TO_MANY else demo_accounts.OPERATOR_ID

    async def exchange(self, method: Method, body: Message, *, fresh: bool = False) -> Exchange:
        """Send the request and see everything that it brings; `fresh` wants it sent to the counter in any case.

        The counter does one thing after another: with the answer to the query sent behind it, all has come.
        """
        self._events.clear()
        self._heard.clear()
        done = Exchange()
        try:
            await self.terminal.request(method.proto_name, body, fresh=fresh)
        except CallRefused as refused:
            done.refusal = refused.refusal.reason
        except CounterRejected as rejected:
            done.error_id = rejected.error_id
        done.events = await self.until_now()
        done.heard = [values for name, values in self._heard if name == method.name]
        if method.proto_name == _FENCE:
            done.heard.pop()
        return done

    async def until_now(self) -> list[events_pb2.Event]:
        """Everything that came since the last exchange began, and is under way now."""
        fence = await self.terminal.request(_FENCE, ctp.QryTradingCode())
        return [event for event in self._events if event.request_id != fence.outcome.request_id]

    async def have_come(self, body: str, count: int) -> None:
        """Wait until so many events of one kind have come."""

        def come() -> bool:
            return bool(sum(event.WhichOneof("body") == body for event in self._events) >= count)

        await eventually(f"{count} {body} came", come)
        self.forget()

    def forget(self) -> None:
        """What came so far is of no interest."""
        self._events.clear()


def callback_of(event: events_pb2.Event) -> str:
    """CTP's name of the callback."""
    return _CALLBACKS[event.WhichOneof("body") or ""]


def body_of(event: events_pb2.Event) -> Any:
    """The event's struct."""
    return getattr(event, event.WhichOneof("body") or "")
