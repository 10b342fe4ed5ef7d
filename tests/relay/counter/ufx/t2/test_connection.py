"""The vendor's own library against the simulated UFX: registered, calling, subscribed, broken, closed."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from relay.counter.ufx.t2.callbacks import T2Answer, TopicPush
from relay.counter.ufx.t2.connection import SLICE, CallLost, T2Connection, T2Failed, T2Options
from relay.counter.ufx.t2.library import T2Library
from relay.counter.ufx.t2.packs import PackRow, read_pack, write_pack
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import password_of
from simcounter.ufx.pack import PackColumn, PackTable, encode_pack
from tests.relay.counter.ufx.t2.conftest import Connect, Heard

OPERATOR = "100001"
SECONDS = 10.0
HEARTBEAT, LOGIN, PUSH = 10000, 10001, 620706
LOGIN_ROW = {"operator_no": OPERATOR, "password": password_of(OPERATOR), "ip_address": "192.0.2.9"}


def command_of(counter: SimulatedCounter) -> Callable[..., Any]:
    return lambda name, **arguments: counter.control.commands()[name](**arguments)


async def ask(connection: T2Connection, function: int, row: PackRow) -> list[list[dict[str, str]]]:
    answer = await asyncio.wait_for(connection.call(function, write_pack([[row]])), SECONDS)
    return read_pack(answer.content)


async def token_of(connection: T2Connection) -> str:
    return (await ask(connection, LOGIN, LOGIN_ROW))[1][0]["user_token"]


async def subscribed(connection: T2Connection, operator: str = OPERATOR) -> int:
    check = {"login_operator_no": OPERATOR, "password": password_of(OPERATOR)}
    return await connection.subscribe("ufx_topic", {"operator_no": operator}, check, SECONDS)


async def until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + 2 * SECONDS
    while not fact():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


async def test_it_registers_calls_and_gets_pushes(connect: Connect, counter: SimulatedCounter) -> None:
    """A login, a subscription, many calls at once that are answered each by its own, pushes in order."""
    heard = Heard()
    async with connect(heard) as connection:
        token = await token_of(connection)
        assert await subscribed(connection) == 1
        rows = [{"user_token": token if number % 2 else "wrong"} for number in range(200)]
        answers = await asyncio.gather(*[ask(connection, HEARTBEAT, row) for row in rows])
        for number in range(50):
            command_of(counter)("ufx_push", operator_no=OPERATOR, row={"msgtype": str(number)})
        await until(lambda: len(heard.pushes) == 50)

        assert [tables[0][0]["ErrorCode"] for tables in answers] == ["1901", "0"] * 100
        assert [row["msgtype"] for row in heard.pushes] == [str(number) for number in range(50)]
        assert (heard.ups, heard.losses, connection.is_up) == (1, 0, True)
    assert heard.losses == 1


async def test_a_large_answer_and_bytes_with_nuls_arrive(connect: Connect, counter: SimulatedCounter) -> None:
    """300 kB; and a column of bytes is passed over."""
    rows: list[list[str | bytes]] = [["x" * 1000, b"\0\1\0"] for _ in range(300)]
    content = encode_pack([PackTable((PackColumn("text"), PackColumn("raw", "R")), rows)])
    async with connect(Heard()) as connection:
        command_of(counter)("ufx_content", function=HEARTBEAT, content=content.hex())
        (table,) = await ask(connection, HEARTBEAT, {"user_token": "x"})

    assert table == [{"text": "x" * 1000}] * 300


async def test_long_contents_arrive_whole(connect: Connect, counter: SimulatedCounter) -> None:
    """The library packs them on the way; 1024 characters of a row, random and repeated."""
    texts = ["".join(random.Random(number).choices("ABCDEFGH+/=", k=1024)) for number in range(3)]
    texts += ["A" * 1024, "ab" * 512]
    async with connect(Heard()) as connection:
        for text in texts:
            content = write_pack([[LOGIN_ROW], [{"counter_id": "2", "terminal_no": text, "data_scale": text[:128]}]])
            await connection.call(LOGIN, content)

    found = [login["counters"][0]["terminal_no"] for login in command_of(counter)("ufx_logins")]
    assert found == texts


async def test_a_level_one_error_is_in_the_message(connect: Connect, counter: SimulatedCounter) -> None:
    """Number, text in GBK, return code, and no content."""
    async with connect(Heard()) as connection:
        command_of(counter)("ufx_level_one", function=HEARTBEAT, code=-9, text="系统忙")
        answer = await connection.call(HEARTBEAT, write_pack([[{"user_token": "x"}]]))

    assert (answer.error_number, answer.error_text, answer.return_code, answer.content) == (-9, "系统忙", -9, b"")


async def test_a_subscription_is_refused_kicked_and_taken_again(connect: Connect, counter: SimulatedCounter) -> None:
    """Another operator's filter is refused; a kick is reported with the subscription's number."""
    heard = Heard()
    async with connect(heard) as connection:
        with pytest.raises(T2Failed):
            await subscribed(connection, operator="100002")
        number = await subscribed(connection)
        command_of(counter)("ufx_kick", operator_no=OPERATOR)
        await until(lambda: heard.kicks)
        await subscribed(connection)
        command_of(counter)("ufx_push", operator_no=OPERATOR, row={"msgtype": "a"})
        await until(lambda: heard.pushes)

    assert heard.kicks == [number]


async def test_a_subscription_outlives_the_message_centers_heartbeats(
    connect: Connect, counter: SimulatedCounter
) -> None:
    """The library answers them, so that its session is not begun anew."""
    heard = Heard()
    async with connect(heard) as connection:
        await subscribed(connection)
        before = [session.server for session in counter.other.topics.sessions]  # type: ignore[union-attr]
        await asyncio.sleep(7.0)
        command_of(counter)("ufx_push", operator_no=OPERATOR, row={"msgtype": "a"})
        await until(lambda: heard.pushes)

        assert [session.server for session in counter.other.topics.sessions] == before  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["ufx_cut", "ufx_wrong_xor", "drop"])
async def test_a_broken_connection_ends_what_waits(connect: Connect, counter: SimulatedCounter, how: str) -> None:
    """Cut, spoiled or dropped: CallLost for the calls without an answer, and nothing can be sent any more."""
    heard = Heard()
    command = command_of(counter)
    async with connect(heard) as connection:
        command("ufx_ignore", function=LOGIN)
        waiting = connection.call(LOGIN, write_pack([[LOGIN_ROW]]))
        if how == "drop":
            await ask(connection, HEARTBEAT, {"user_token": "x"})
            command("drop")
        else:
            command(how, function=HEARTBEAT)
            connection.call(HEARTBEAT, write_pack([[{"user_token": "x"}]])).add_done_callback(lambda f: f.exception())
        with pytest.raises(CallLost):
            await asyncio.wait_for(waiting, 2 * SECONDS)

        assert (connection.is_over, heard.losses) == (True, 1)
        with pytest.raises(T2Failed, match="not connected"):
            await connection.call(HEARTBEAT, b"")


async def test_answers_out_of_order_twice_and_late_find_their_calls(
    connect: Connect, counter: SimulatedCounter
) -> None:
    """Matched by handle; a second answer, and one for a call that waits no more, are dropped."""
    command = command_of(counter)
    async with connect(Heard()) as connection:
        command("ufx_hold", function=30001)
        command("ufx_duplicate", function=HEARTBEAT)
        command("ufx_delay", function=31003, seconds=0.3)
        late = connection.call(31003, write_pack([[{"user_token": "x"}]]))
        late.cancel()
        first, second = await asyncio.gather(
            *[connection.call(number, write_pack([[{"user_token": "x"}]])) for number in (30001, HEARTBEAT)]
        )
        await asyncio.sleep(0.5)
        third = await connection.call(HEARTBEAT, write_pack([[{"user_token": "x"}]]))

    assert [answer.function for answer in (first, second, third)] == [30001, HEARTBEAT, HEARTBEAT]


async def test_an_answer_may_be_there_before_its_handle(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept until the call knows by which handle it was sent."""
    async with connect(Heard()) as connection:
        send = getattr(connection, "_send")  # noqa: B009 - the thread's function, made slow

        def slow(function: int, content: bytes) -> int:
            handle: int = send(function, content)
            time.sleep(0.5)
            return handle

        monkeypatch.setattr(connection, "_send", slow)
        answer = await asyncio.wait_for(connection.call(HEARTBEAT, write_pack([[{"user_token": "x"}]])), SECONDS)

    assert answer.function == HEARTBEAT


async def test_answers_that_nothing_waits_for_are_not_kept(connect: Connect, counter: SimulatedCounter) -> None:
    """Else they would fill the place of those that are there before their handle."""
    async with connect(Heard()) as connection:
        command_of(counter)("ufx_delay", function=31003, seconds=0.2, times=0)
        for _ in range(20):
            connection.call(31003, write_pack([[{"user_token": "x"}]])).cancel()
        await asyncio.sleep(0.5)
        await connection.call(HEARTBEAT, write_pack([[{"user_token": "x"}]]))

        assert getattr(connection, "_early") == {}  # noqa: B009 - what would grow


async def test_what_cannot_connect_says_why(connect: Connect, counter: SimulatedCounter) -> None:
    """A port where nothing listens, and a registration that the counter refuses."""
    with pytest.raises(T2Failed) as refused:
        async with connect(Heard(), "127.0.0.1:9"):
            pass
    command_of(counter)("ufx_refuse_registration", error=-20)
    with pytest.raises((T2Failed, TimeoutError)):
        async with connect(Heard(), seconds=3.0):
            pass

    assert refused.value.code < 0
    assert refused.value.text


async def test_the_loop_goes_on_while_the_library_connects(connect: Connect, counter: SimulatedCounter) -> None:
    """A counter that takes connections and says nothing blocks a thread of ours, not the loop."""
    command_of(counter)("ufx_silent")
    longest, last = 0.0, time.monotonic()

    async def connecting() -> None:
        with pytest.raises((T2Failed, TimeoutError)):
            async with connect(Heard(), seconds=2.0):
                pass

    async with asyncio.TaskGroup() as group:
        task = group.create_task(connecting())
        while not task.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    assert longest < 1.0


async def test_connections_leave_nothing_behind(
    library: T2Library, connect: Connect, counter: SimulatedCounter
) -> None:
    """Threads and descriptors after six more connections are those after the first ones; what is kept is bounded."""

    async def once() -> tuple[int, int]:
        async with connect(Heard()) as connection:
            await token_of(connection)
        gc.collect()
        return threads_and_descriptors()

    await once()
    before = await once()
    for _ in range(5):
        await once()
    after = await once()
    await until(lambda: not [t for t in threading.enumerate() if t.name == "t2"])

    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 2
    assert len(library.kept) <= 64


def threads_and_descriptors() -> tuple[int, int]:
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


def test_no_secret_is_in_a_repr() -> None:
    """Neither of the options nor of an answer or a push."""
    options = T2Options(["127.0.0.1:9"], "relay", Path("folder"), safe={"comm_pwd": "SECRET"})
    shown = f"{options} {T2Answer(1, 2, 0, '', 0, b'SECRET')} {TopicPush(b'SECRET')}"

    assert "SECRET" not in shown


async def test_a_burst_is_taken_in_slices(library: T2Library, tmp_path: Path) -> None:
    """In order, at most so many an iteration; what is untaken when the connection is over is dropped."""
    heard = Heard()
    connection = T2Connection(library, T2Options(("127.0.0.1:1",), "relay-1", tmp_path), heard)
    connection.is_up = True
    pushes = [TopicPush(write_pack([[{"n": str(number)}]])) for number in range(2 * SLICE + 1)]
    inbox = getattr(connection, "_inbox")  # noqa: B009 - where the library's threads put them
    for push in pushes[:-1]:
        inbox.put(push)
    counts = [0]
    while counts[-1] < 2 * SLICE + 5:
        if len(counts) <= 5:
            inbox.put(pushes[-1])
        await asyncio.sleep(0)
        counts.append(len(heard.pushes))
    in_order = [int(row["n"]) for row in heard.pushes[: 2 * SLICE]]
    for push in pushes:
        inbox.put(push)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await connection.close(SECONDS)
    after = len(heard.pushes)
    await asyncio.sleep(0.05)

    assert max(later - earlier for earlier, later in pairwise(counts)) == SLICE
    assert in_order == list(range(2 * SLICE))
    assert len(heard.pushes) == after == counts[-1] + SLICE
