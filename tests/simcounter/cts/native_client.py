"""A client of CTS for tests: lines out, messages in, as the public Python client of CTS writes and reads them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simcounter import demo_accounts
from simcounter.counter import SimulatedCounter
from simcounter.cts.passwords import hide

DEADLINE_SECONDS = 30.0
INFO = "LIN^collected^lines"


class Refusal(Exception):
    """successFlg 1."""

    def __init__(self, code: str, data: dict[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


class NativeClient:
    """One connection. Answers are matched by requestId; everything unasked is in `pushes`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.session_id = "-1"
        self.passkey = ""
        self.pushes: list[dict[str, Any]] = []
        self._numbers = itertools.count(10_000_001)

    def send(self, msg_type: int, request: dict[str, Any]) -> int:
        number = next(self._numbers)
        head = {"msgType": msg_type, "sessionId": self.session_id, "requestId": number}
        self.writer.write(json.dumps({"head": head, "request": request}).encode() + b"\n")
        return number

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            line = await self.reader.readline()
        if not line:
            raise EOFError
        message: dict[str, Any] = json.loads(line)
        return message

    async def answers(self, number: int) -> list[dict[str, Any]]:
        """All messages of one answer, to its lastFlag."""
        found: list[dict[str, Any]] = []
        while not found or not found[-1]["respond"]["lastFlag"]:
            message = await self.read()
            if message["head"]["requestId"] == number:
                found.append(message)
            else:
                self.pushes.append(message)
        return found

    async def ask(self, msg_type: int, request: dict[str, Any]) -> dict[str, Any]:
        """The data of a one-message answer; Refusal."""
        (message,) = await self.answers(self.send(msg_type, request))
        if message["respond"]["successFlg"]:
            raise Refusal(message["respond"]["errorCode"], message["data"])
        data: dict[str, Any] = message["data"]
        if msg_type == 10000:
            self.session_id, self.passkey = message["head"]["sessionId"], data["passkey"]
        return data

    async def connect(self, resume: str = "") -> dict[str, Any]:
        request = {"APIType": "PyAPI", "APIVersion": "1", "TerminalInfo": "one line"}
        return await self.ask(10000, request | ({"sessionId": resume} if resume else {}))

    async def log_in(self, acct_id: str, info: str = INFO, password: str = "") -> dict[str, Any]:
        """10011, with the terminal's information where there is some."""
        hidden = hide(password or demo_accounts.password_of(acct_id), self.passkey)
        extra = (
            {"F_TerminalOut": info, "AppId": "demo_terminal_1.0", "operationMAC": "00:11:22:33:44:55"} if info else {}
        )
        data = await self.ask(10011, {"acctId": acct_id, "password": hidden, **extra})
        account: dict[str, Any] = data["acctInfo"]
        return account

    async def subscribe(self, acct_id: str) -> None:
        hidden = hide(demo_accounts.password_of(acct_id), self.passkey)
        await self.ask(10012, {"acctId": acct_id, "password": hidden, "subType": "0", "clientId": "ALL"})

    async def push(self) -> dict[str, Any]:
        """The next unasked message."""
        return self.pushes.pop(0) if self.pushes else await self.read()


def order(acct_id: str, price: float = 3501.0, qty: int = 1, **changes: Any) -> dict[str, Any]:
    """Buys rb2701 to open."""
    return {
        "acctId": acct_id, "currencyId": "00", "exchId": "S", "stkId": "rb2701", "orderPrice": price, "orderQty": qty,
        "f_offSetFlag": "OPEN", "bsFlag": "B", "f_orderPriceType": "LIMIT", "f_hedgeFlag": "SPEC",
        "clientId": "R1", "batchNum": "1", **changes,
    }  # fmt: skip


@asynccontextmanager
async def client(counter: SimulatedCounter) -> AsyncIterator[NativeClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.port, limit=1 << 21)
    try:
        yield NativeClient(reader, writer)
    finally:
        writer.close()
