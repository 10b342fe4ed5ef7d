"""A small T2 client of our own: enough to cover the simulated UFX where the vendor's library cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import password_of
from simcounter.ufx.connection import Outgoing
from simcounter.ufx.frames import T2Reader, encode_frame
from simcounter.ufx.pack import decode_pack, encode_pack, table_of
from simcounter.ufx.tags import Tag, Tags, bytes_of, decode_tags, encode_tags, number_of
from simcounter.ufx.topics import BEAT, PUSH, SESSION, SUBSCRIBE

SECONDS = 10.0
Rows = list[dict[str, str]]


class UfxRefusal(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class T2Client:
    """One connection; answers are matched by packet id, pushes are kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = T2Reader()
        self._packet_id = 0
        self._waiting: list[Tags] = []
        self.pushes: Rows = []
        self.token = ""

    def write(self, tags: Outgoing) -> None:
        self.write_raw(encode_frame(encode_tags(tags)))

    def write_raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def read(self) -> Tags:
        """The next message; ConnectionResetError at the end."""
        while not self._waiting:
            data = await asyncio.wait_for(self._reader.read(65536), SECONDS)
            if not data:
                raise ConnectionResetError
            self._waiting += [decode_tags(body) for body in self._frames.feed(data)]
        return self._waiting.pop(0)

    async def register(self) -> int:
        self.write({Tag.PACKET_TYPE: 2, Tag.FUNCTION: 32, Tag.REGISTRATION: [b"1.0.0.187", b"test"]})
        return number_of(await self.read(), Tag.ERROR_NUMBER)

    async def answer(self, function: int, extra: Outgoing) -> Tags:
        """Sends a request, keeps the pushes that come, and returns what answers it."""
        self._packet_id += 1
        self.write({Tag.PACKET_TYPE: 0, Tag.FUNCTION: function, Tag.PACKET_ID: self._packet_id, **extra})
        while True:
            tags = await self.read()
            if number_of(tags, Tag.PACKET_ID) == self._packet_id:
                return tags
            self._keep(tags)

    def _keep(self, tags: Tags) -> None:
        if number_of(tags, Tag.FUNCTION) == PUSH:
            self.pushes += decode_pack(bytes_of(tags, Tag.CONTENT))[0].texts()

    async def push(self, count: int) -> list[str]:
        """Waits until so many pushes came: their msgtypes."""
        while len(self.pushes) < count:
            self._keep(await self.read())
        return [row["msgtype"] for row in self.pushes]

    async def beat(self) -> Tags:
        """The message center's next heartbeat."""
        while True:
            tags = await self.read()
            if number_of(tags, Tag.FUNCTION) == BEAT:
                return tags

    async def call(self, function: int, *tables: Sequence[Mapping[str, object]]) -> Rows:
        """The rows of table 1; a UfxRefusal where table 0 has an ErrorCode."""
        content = encode_pack([table_of(rows) for rows in tables])
        answer = await self.answer(function, {Tag.CONTENT: content})
        found = decode_pack(bytes_of(answer, Tag.CONTENT))
        head = found[0].texts()[0]
        if head["ErrorCode"] != "0":
            raise UfxRefusal(int(head["ErrorCode"]), head["ErrorMsg"])
        return found[1].texts() if len(found) > 1 else []

    async def log_in(
        self, operator_no: str, counters: Sequence[Mapping[str, object]] = (), **changed: object
    ) -> dict[str, str]:
        fields = {"operator_no": operator_no, "password": password_of(operator_no), "ip_address": "192.0.2.9"}
        row = {**fields, "port_id": "40000", "app_id": "demo_terminal_1.0", **changed}
        (answer,) = await self.call(10001, [row], *([counters] if counters else []))
        self.token = answer["user_token"]
        return answer

    async def ask(self, function: int, **fields: object) -> Rows:
        """With the token of the latest login."""
        return await self.call(function, [{"user_token": self.token, **fields}])

    async def subscribe(self, operator_no: str, password: str = "") -> int:
        """A session of the message center and a subscription on it; the error number."""
        second = await self.answer(SESSION, {Tag.STEP: 1, Tag.SESSION_NUMBERS: [b"16777216", b"0", b"0", b"0"]})
        numbers = second[Tag.SESSION_NUMBERS]
        self.write({Tag.PACKET_TYPE: 1, Tag.FUNCTION: SESSION, Tag.STEP: 3, Tag.SESSION_NUMBERS: numbers[:2]})
        check = {"login_operator_no": operator_no, "password": password or password_of(operator_no)}
        extra: Outgoing = {
            Tag.SESSION_NUMBERS: numbers[:2],
            Tag.TOPIC_NAME: "ufx_topic",
            Tag.FILTER_VALUE: operator_no,
            Tag.SUBSCRIPTION_KEY: [b"1", b"", b""],
            Tag.CONTENT: encode_pack([table_of([check])]),
        }
        return number_of(await self.answer(SUBSCRIBE, extra), Tag.ERROR_NUMBER)


def order(**changed: object) -> dict[str, object]:
    """Fields of 91004: two lots of rb2701 that rest."""
    fields: dict[str, object] = {
        "account_code": "100001", "market_no": "3", "stock_code": "rb2701", "entrust_direction": "1",
        "futures_direction": "1", "price_type": "0", "entrust_price": "3400", "entrust_amount": "2",
        "extsystem_id": "7", "third_reff": "s1:1",
    }  # fmt: skip
    return {**fields, **changed}


@asynccontextmanager
async def client(counter: SimulatedCounter, port: int = 0) -> AsyncIterator[T2Client]:
    """Connected and registered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port or counter.port)
    try:
        connected = T2Client(reader, writer)
        await connected.register()
        yield connected
    finally:
        writer.close()
