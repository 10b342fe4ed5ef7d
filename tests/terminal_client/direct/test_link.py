"""What direct mode does with the library's callbacks, without the library: too many at once end the session."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctprelay.ctp.v1 import structs_pb2
from terminal_client import NoAnswer, SessionEnded
from terminal_client.direct import link as module
from terminal_client.direct.terminal import DirectTerminal
from terminal_client.session import Deadlines, State

CATALOG = load_catalog()
LIMIT = 20
ANSWERS = {"ReqAuthenticate": "OnRspAuthenticate", "ReqUserLogin": "OnRspUserLogin"}


class Library:
    """The TraderApi as direct mode uses it; it answers the login, and nothing else."""

    def __init__(self, _binding: object, _flow: Path, put: Callable[[RawEvent], None]) -> None:
        self.put = put
        self.released = threading.Event()
        self.topics: tuple[int, ...] = ()

    def connect(self, _fronts: Sequence[str], *topics: int) -> None:
        self.topics = topics
        self.put(RawEvent(CATALOG.callbacks["OnFrontConnected"], None, None))

    def call(self, method: Method, _body: bytes, request_id: int) -> int:
        if name := ANSWERS.get(method.name):
            callback = CATALOG.callbacks[name]
            self.put(RawEvent(callback, bytes(CATALOG.structs[callback.struct].size), None, request_id))
        return 0

    def notices(self, count: int) -> None:
        callback, struct = CATALOG.callbacks["OnRtnOrder"], CATALOG.structs["Order"]
        for number in range(count):
            self.put(RawEvent(callback, bytes(layout.pack(struct, {"OrderSysID": str(number)})), None))

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> list[Library]:
    made: list[Library] = []

    def make(*arguments: Any) -> Library:
        made.append(Library(*arguments))
        return made[-1]

    monkeypatch.setattr(module, "TraderApi", make)
    monkeypatch.setattr(module, "binding", SimpleNamespace(load=lambda: None))
    return made


async def live(tmp_path: Path) -> DirectTerminal:
    terminal = DirectTerminal(
        ["tcp://127.0.0.1:1"],
        app_id="demo_direct_1.0",
        auth_code="DEMODIRECT000001",
        flow_folder=tmp_path,
        deadlines=Deadlines(login_seconds=5, answer_seconds=5, callback_capacity=LIMIT),
    )
    await terminal.login("9999", "100001", "secret")
    return terminal


async def test_a_burst_within_the_limit_arrives_whole(libraries: list[Library], tmp_path: Path) -> None:
    """The bound is for what waits at the same time, not for a session's callbacks."""
    terminal = await live(tmp_path)
    orders = terminal.orders()

    for _ in range(3):
        libraries[0].notices(LIMIT)
        await asyncio.sleep(0.01)

    assert len(orders) == 3 * LIMIT
    assert terminal.state is State.LIVE
    await terminal.close()


async def test_more_callbacks_than_may_wait_end_the_session_and_say_why(
    libraries: list[Library], tmp_path: Path
) -> None:
    """What came in order is delivered; then readers, the unanswered request and every later one are told."""
    terminal = await live(tmp_path)
    orders, statuses = terminal.orders(), terminal.statuses()
    asked = asyncio.ensure_future(terminal.requests.qry_investor(structs_pb2.QryInvestor()))
    await asyncio.sleep(0)

    libraries[0].notices(LIMIT + 1)

    assert [(await anext(orders)).order_sys_id for _ in range(LIMIT)] == [str(n) for n in range(LIMIT)]
    with pytest.raises(SessionEnded, match=f"more than {LIMIT} .* lost"):
        await anext(orders)
    assert (await anext(statuses)).state == State.ENDED
    with pytest.raises(NoAnswer, match="lost"):
        await asked
    with pytest.raises(SessionEnded, match="lost"):
        await terminal.requests.qry_investor(structs_pb2.QryInvestor())
    assert await asyncio.to_thread(libraries[0].released.wait, 5)
    await terminal.close()


async def test_nothing_is_delivered_behind_a_gap(libraries: list[Library], tmp_path: Path) -> None:
    """What comes while the API is being released is not taken for the continuation."""
    terminal = await live(tmp_path)
    orders = terminal.orders()
    libraries[0].notices(LIMIT + 1)
    await asyncio.sleep(0.01)

    libraries[0].notices(1)
    await asyncio.sleep(0.01)

    assert len(orders) == LIMIT
    await terminal.close()
    await terminal.close()


async def test_an_overrun_in_the_middle_of_a_login_fails_it(
    libraries: list[Library], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login's answer and the loss came in one burst: the session is not live, and stays ended."""
    answer = Library.call

    def call(self: Library, method: Method, body: bytes, request_id: int) -> int:
        code = answer(self, method, body, request_id)
        if method.name == "ReqUserLogin":
            self.notices(LIMIT)
        return code

    monkeypatch.setattr(Library, "call", call)

    with pytest.raises(SessionEnded, match="lost"):
        await live(tmp_path)
    assert libraries[0].released.is_set()
