"""The shim's side of the wire, without the shim: raw frames over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from ctpabi.catalog import Catalog
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.shim.wire import EventFlag, Frame, FrameReader, FrameType, json_body, json_frame
from simcounter import demo_accounts
from simcounter.counter import SimulatedCounter

CATALOG = load_catalog()
SECONDS = 10.0


@dataclass(frozen=True)
class Event:
    """One callback as the program would see it."""

    callback: str
    values: dict[str, Any] | None
    error_id: int | None
    """None: RspInfo was NULL"""
    error_msg: str
    request_id: int
    is_last: bool


class RawShim:
    """Connected and greeted within the context; frames are read on demand."""

    def __init__(self, counter: SimulatedCounter, *, catalog: Catalog = CATALOG, **hello: Any) -> None:
        self._counter = counter
        self._catalog = catalog
        self._hello = {
            "private_topic": 0,
            "public_topic": 3,
            "flow_path": "./flow/",
            "interface": catalog.interface,
            **hello,
        }
        self._frames: list[Frame] = []
        self._parser = FrameReader()
        self.greeting: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.request_id = 0

    async def __aenter__(self) -> Self:
        host, port = self._counter.config.host, self._counter.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self.send(json_frame(FrameType.HELLO, self._hello))
        self.greeting = json_body(await self._frame())
        self.state = self.greeting
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    def send(self, frame: Frame) -> None:
        self._writer.write(frame.encode())

    async def _frame(self) -> Frame:
        async with asyncio.timeout(SECONDS):
            while not self._frames:
                data = await self._reader.read(1 << 16)
                if not data:
                    raise ConnectionError("the counter closed the connection")
                self._frames += self._parser.feed(data)
        return self._frames.pop(0)

    def call(self, method: str, **values: Any) -> int:
        """Sends a request; returns its request id."""
        self.request_id += 1
        entry = self._catalog.methods[method]
        body = layout.pack(self._catalog.structs[entry.struct], values)
        self.send(Frame(FrameType.CALL, entry.slot, request_id=self.request_id, body=body))
        return self.request_id

    def report(self, method: str, **values: Any) -> None:
        entry = CATALOG.methods[method]
        self.send(Frame(FrameType.REPORT, entry.slot, body=layout.pack(CATALOG.structs[entry.struct], values)))

    async def event(self) -> Event:
        """The next callback; states on the way are kept in `state`."""
        while (frame := await self._frame()).type is FrameType.STATE:
            self.state = json_body(frame)
        return decoded(frame, self._catalog)

    async def events_until(self, callback: str) -> list[Event]:
        events = [await self.event()]
        while events[-1].callback != callback:
            events.append(await self.event())
        return events

    async def is_closed(self) -> bool:
        """Waits for the end of the connection."""
        try:
            while True:
                await self._frame()
        except ConnectionError:
            return True

    async def count_events(self, wanted: int) -> int:
        """Reads until `wanted` events have come; their content is not looked at."""
        received = len(self._frames)
        self._frames.clear()
        async with asyncio.timeout(SECONDS * 3):
            while received < wanted and (data := await self._reader.read(1 << 20)):
                received += len(self._parser.feed(data))
        return received

    async def is_silent(self, calls: int) -> bool:
        """Once the counter has taken `calls` requests: whether it has sent nothing."""
        async with asyncio.timeout(SECONDS):
            while self._counter.front.counts.calls < calls:  # noqa: ASYNC110 - the counter under test has no event for it
                await asyncio.sleep(0)
        return not self._frames and not self._parser.feed(b"")

    async def authenticate(self, app_id: str, user_id: str = "100001") -> Event:
        code = demo_accounts.AUTH_CODES[app_id]
        self.call("ReqAuthenticate", BrokerID="9999", UserID=user_id, AppID=app_id, AuthCode=code)
        return await self.event()

    async def log_in(self, user_id: str = "100001", app_id: str = demo_accounts.DIRECT_APP_ID) -> Event:
        await self.authenticate(app_id, user_id)
        self.call("ReqUserLogin", BrokerID="9999", UserID=user_id, Password=demo_accounts.password_of(user_id))
        return await self.event()

    async def confirm(self, user_id: str = "100001") -> Event:
        self.call("ReqSettlementInfoConfirm", BrokerID="9999", InvestorID=user_id)
        return await self.event()


def decoded(frame: Frame, catalog: Catalog = CATALOG) -> Event:
    callback = next(callback for callback in catalog.callbacks.values() if callback.slot == frame.slot)
    flags = EventFlag(frame.flags)
    values = (
        layout.unpack(CATALOG.structs[callback.struct], frame.body[: frame.aux]) if EventFlag.STRUCT in flags else None
    )
    info = layout.unpack(CATALOG.structs["RspInfo"], frame.body[frame.aux :]) if EventFlag.RSP_INFO in flags else {}
    return Event(
        callback.name, values, info.get("ErrorID"), info.get("ErrorMsg", ""), frame.request_id, EventFlag.LAST in flags
    )


def limit_order(investor_id: str = "100001", **changes: Any) -> dict[str, Any]:
    """An InputOrder that buys one rb2701 at the day's reference price."""
    return {
        "BrokerID": "9999",
        "InvestorID": investor_id,
        "UserID": investor_id,
        "InstrumentID": "rb2701",
        "ExchangeID": "SHFE",
        "OrderRef": "1",
        "OrderPriceType": "2",
        "Direction": "0",
        "CombOffsetFlag": "0",
        "CombHedgeFlag": "1",
        "LimitPrice": 3500.0,
        "VolumeTotalOriginal": 1,
        "TimeCondition": "3",
        "VolumeCondition": "1",
        "MinVolume": 1,
        "ContingentCondition": "1",
        "ForceCloseReason": "0",
        **changes,
    }
