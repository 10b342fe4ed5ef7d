"""One terminal as a process of its own: a command per line on standard input, an answer per line as JSON.

orders N MS  N resting orders one after another, each after MS milliseconds without a notice (3 unless given, 0 for none); the time from
             each call to its first OnRtnOrder, in microseconds
paced S R    R resting orders a second for S seconds, whether or not those before were answered; the same times, and those
             that were not answered as null
events N     waits for N order notices; the seconds from the first to the last
logins N M   N logins with system info collected beforehand, M at a time; the seconds they took
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.floor import Road
from ctpabi.api import binding
from ctpabi.api.spi import Put
from ctprelay.ctp.v1 import enums_pb2, structs_pb2
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected, collect
from terminal_client.direct import link
from terminal_client.direct.terminal import DirectTerminal
from terminal_client.errors import TerminalError

INSTRUMENT, EXCHANGE = "rb2701", "SHFE"
_PATIENCE_SECONDS = 5.0
"""how long a paced order may take"""
Terminal = RelayTerminal | DirectTerminal


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=["direct", "floor", "relay"])
    parser.add_argument("--address", required=True, help="the front, or HOST:PORT of the relay")
    parser.add_argument("--investor", required=True)
    parser.add_argument("--app-id", required=True)
    parser.add_argument("--auth-code-file", type=Path, required=True)
    parser.add_argument("--ca", type=Path, default=None)
    return parser.parse_args()


def resting_order(price: float) -> structs_pb2.InputOrder:
    """Bought at the day's lowest price: it is accepted and never traded."""
    return structs_pb2.InputOrder(
        instrument_id=INSTRUMENT,
        exchange_id=EXCHANGE,
        direction=enums_pb2.DIRECTION_BUY,
        comb_offset_flag="0",
        comb_hedge_flag="1",
        limit_price=price,
        volume_total_original=1,
        order_price_type=enums_pb2.ORDER_PRICE_TYPE_LIMIT_PRICE,
        time_condition=enums_pb2.TIME_CONDITION_GFD,
        volume_condition=enums_pb2.VOLUME_CONDITION_AV,
        contingent_condition=enums_pb2.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums_pb2.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


async def lowest_price(terminal: Terminal) -> float:
    """The day's, of the instrument that is traded."""
    asked = structs_pb2.QryDepthMarketData(instrument_id=INSTRUMENT, exchange_id=EXCHANGE)
    reply = await terminal.requests.qry_depth_market_data(asked)
    return float(reply.rows[0].lower_limit_price)


class Caller:
    """What one process does with its terminal."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._auth_code = given.auth_code_file.read_text().strip()
        self._lowest = 0.0
        self._last_ref = 0

    @asynccontextmanager
    async def terminal(self, collected: Collected | None = None) -> AsyncIterator[Terminal]:
        """A terminal that is logged in."""
        given = self._given
        who = (demo_accounts.BROKER_ID, given.investor, demo_accounts.password_of(given.investor))
        if given.variant != "relay":
            with tempfile.TemporaryDirectory() as flow, self._road():
                direct = DirectTerminal(
                    [given.address], app_id=given.app_id, auth_code=self._auth_code, flow_folder=Path(flow)
                )
                async with direct:
                    await direct.login(*who, confirm_settlement=True, live_only=True)
                    yield direct
            return
        relay = RelayTerminal(given.address, app_id=given.app_id, auth_code=self._auth_code, tls=Tls(ca_file=given.ca))
        async with relay:
            fresh = collected is None
            info = await asyncio.to_thread(collect) if collected is None else collected
            await relay.login(*who, info, confirm_settlement=fresh, live_only=True)
            yield relay

    @contextmanager
    def _road(self) -> Iterator[None]:
        """For the floor the vendor's API is on the other side of a bare relay."""
        if self._given.variant == "direct":
            yield
            return

        def road(_binding: object, _flow: object, put: Put) -> Road:
            return Road(self._given.address, self._given.ca, put)

        with mock.patch.object(link, "TraderApi", road):
            yield

    async def orders(self, terminal: Terminal, count: int, pause_seconds: float) -> list[float]:
        """Microseconds from each call to its first OnRtnOrder."""
        await self._ask_lowest(terminal)
        times = []
        assert terminal.info is not None
        self._last_ref = self._last_ref or terminal.info.max_order_ref
        async with terminal.orders(capacity=100_000) as notices:
            for _ in range(count):
                self._last_ref += 1
                order = resting_order(self._lowest)
                order.order_ref = str(self._last_ref)
                started = time.perf_counter()
                sent = asyncio.ensure_future(terminal.request("order_insert", order))
                while (await anext(notices)).order_ref.strip() != order.order_ref:
                    pass  # a later state of the order before
                times.append((time.perf_counter() - started) * 1e6)
                await sent
                if pause_seconds:
                    await self._quiet(notices, pause_seconds)
        return times

    async def paced(self, terminal: Terminal, seconds: float, rate: float) -> list[float | None]:
        """Microseconds from each call to its first OnRtnOrder; None where it did not come in time."""
        await self._ask_lowest(terminal)
        async with terminal.orders(capacity=100_000) as notices:
            paced = Paced(terminal, resting_order(self._lowest))
            watching, orders = asyncio.ensure_future(paced.watch(notices)), []
            began = time.perf_counter()
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                orders.append(asyncio.ensure_future(paced.one()))
            times = await asyncio.gather(*orders)
            watching.cancel()
            await asyncio.wait({watching})
        return times

    async def _ask_lowest(self, terminal: Terminal) -> None:
        """The day's lowest price, once."""
        self._lowest = self._lowest or await lowest_price(terminal)

    async def _quiet(self, notices: object, seconds: float) -> None:
        """Passes the order's later states, until there was none for so long."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await anext(notices)  # type: ignore[call-overload]
            except TimeoutError:
                return

    async def events(self, terminal: Terminal, count: int) -> float:
        """Seconds from the first to the last of `count` order notices."""
        async with terminal.orders(capacity=2 * count) as notices:
            print(json.dumps("listening"), flush=True)
            await anext(notices)
            started = time.perf_counter()
            for _ in range(count - 1):
                await anext(notices)
            return time.perf_counter() - started

    async def logins(self, count: int, at_a_time: int) -> float:
        """Seconds for `count` logins and logouts."""
        collected = await asyncio.to_thread(collect_many, count)
        limit = asyncio.Semaphore(at_a_time)

        async def log_in(info: Collected) -> None:
            async with limit, self.terminal(info):
                pass

        started = time.perf_counter()
        await asyncio.gather(*(log_in(info) for info in collected))
        return time.perf_counter() - started


class Paced:
    """Orders that overlap: each is matched with its notice by its reference."""

    def __init__(self, terminal: Terminal, order: structs_pb2.InputOrder) -> None:
        self._terminal, self._order = terminal, order
        self._seen: dict[str, asyncio.Future[float]] = {}

    async def watch(self, notices: AsyncIterator[structs_pb2.Order]) -> None:
        async for notice in notices:
            if not (first := self._notice(notice.order_ref)).done():
                first.set_result(time.perf_counter())

    async def one(self) -> float | None:
        """Microseconds."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                reply = await self._terminal.request("order_insert", self._order)
                return (await self._notice(reply.order_ref) - started) * 1e6
        except (TerminalError, TimeoutError):
            return None

    def _notice(self, order_ref: str) -> asyncio.Future[float]:
        return self._seen.setdefault(order_ref.strip(), asyncio.get_running_loop().create_future())


def collect_many(count: int) -> list[Collected]:
    """Fresh system info for each login, without a process for each; this process has nothing of the vendor's loaded."""
    first = collect()
    function = ctypes.CDLL(str(binding.vendor_library()))._Z17CTP_GetSystemInfoPcRi  # noqa: SLF001 — C++ as the compiler spells it
    many = []
    for _ in range(count):
        buffer, length = ctypes.create_string_buffer(344), ctypes.c_int(0)
        function(buffer, ctypes.byref(length))
        many.append(dataclasses.replace(first, system_info=buffer.raw[: length.value], length=length.value))
    return many


async def main() -> None:
    caller = Caller(options())
    loop = asyncio.get_running_loop()
    async with caller.terminal() as terminal:
        print(json.dumps("ready"), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            match line.split():
                case ["orders", count, *pause]:
                    answer: object = await caller.orders(terminal, int(count), float(pause[0] if pause else 3) / 1000)
                case ["paced", seconds, rate]:
                    answer = await caller.paced(terminal, float(seconds), float(rate))
                case ["events", count]:
                    answer = await caller.events(terminal, int(count))
                case ["logins", count, at_a_time]:
                    answer = await caller.logins(int(count), int(at_a_time))
                case _:
                    return
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
