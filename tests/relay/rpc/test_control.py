"""The control socket: what an operator asks of the running process, through the file only the relay's user may open."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pwd
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import admin_pb2_grpc
from relay.admin.changes import Changes
from relay.admin.person import person_here
from relay.admission.login_guard import LoginGuard
from relay.cli.app import app
from relay.cli.reader import Reader
from relay.cli.status import picture
from relay.cli.workplace import Workplace, now
from relay.refusals import counter_reasons
from relay.refusals.refusal import LedgerUnavailable
from relay.rpc import control
from relay.rpc.admin_answers import AdminParts
from relay.rpc.callers import MOST_CALLERS, Callers
from relay.settings.limits_section import Limits
from relay.settings.text import example
from tests.relay.admin.played_relay import PlayedRelay
from tests.relay.admission.test_login_guard import WRONG_PASSWORD, PlayedPlaces, Trying, check, fail, try_at_counter

Run = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands are typed."""
    (tmp_path / "relay.toml").write_text(example().replace("# control_socket = …", 'control_socket = "c.sock"'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CTP_RELAY_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def guard() -> LoginGuard:
    return LoginGuard(Limits(), PlayedPlaces(), lambda: 0.0, counter_knows_passwords=False)


@pytest.fixture
def changes(place: Path) -> Iterator[Changes]:
    """On the ledger that the commands read."""
    engine = Workplace(place / "relay.toml").ledger
    yield Changes(engine, "relay", now)
    engine.dispose()


@pytest.fixture
async def parts(changes: Changes, guard: LoginGuard) -> AdminParts:
    return PlayedRelay(changes, guard).parts


@pytest.fixture
async def served(place: Path, guard: LoginGuard, changes: Changes) -> AsyncIterator[LoginGuard]:
    server = await control.listen(place / "c.sock", PlayedRelay(changes, guard).parts)
    assert server is not None
    with capture_logs():  # a command's output is all that is on standard output then
        yield guard
    await server.stop()
    assert sockets(place) == {}


def sockets(place: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in place.glob("c.sock*")}


async def typed(*arguments: str, exit_code: int = 0) -> Result:
    """A command in a process of its own would see the same; the relay's loop goes on meanwhile."""
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


async def ledger() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await typed("ledger", "tail", "--json")).stdout.splitlines()]


async def test_an_operator_lists_and_lifts_a_lock(served: LoginGuard, place: Path) -> None:
    """The running process hears of it at once, and the ledger says who did it."""
    fail(served, WRONG_PASSWORD, 3)
    listed = json.loads((await typed("locks", "list", "--json")).stdout)
    assert await check(served, Trying()) is not None

    lifted = json.loads((await typed("locks", "lift", "100001", "--json", "--reason", "he called")).stdout)

    assert listed == [{"subject": "investor_at_address", "name": "100001 198.51.100.7", "seconds_left": 900}]
    assert {"subject": "investor_at_address", "name": "100001 198.51.100.7"} in lifted
    assert await check(served, Trying()) is None
    assert "locks: none" in (await typed("locks", "list")).stdout
    (entry,) = await ledger()
    assert (entry["kind"], entry["data"]["name"]) == ("admin_locks_lift", "100001")
    assert entry["data"]["by"] == pwd.getpwuid(os.getuid()).pw_name
    assert entry["data"]["through"] == "control socket"


async def test_an_operator_lets_all_logins_be_tried_again(served: LoginGuard) -> None:
    """After the cause of a 63 is mended, nobody waits for the pause."""
    await try_at_counter(served, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))
    (lock,) = json.loads((await typed("locks", "list", "--json")).stdout)

    await typed("locks", "lift", "--all-logins", "--reason", "mended")

    assert (lock["subject"], lock["name"]) == ("all_logins", "CTP 63")
    assert await check(served, Trying()) is None


async def test_what_is_to_be_lifted_is_named(served: LoginGuard) -> None:
    """Nothing is lifted by mistake."""
    for arguments in (("locks", "lift"), ("locks", "lift", "100001", "--all-logins")):
        assert "name an investor" in (await typed(*arguments, exit_code=1)).stderr


async def test_without_a_running_relay_the_command_says_so(place: Path) -> None:
    """With the socket's path. Nothing was changed, and the ledger has no entry."""
    refused = await typed("locks", "list", exit_code=1)
    await typed("locks", "lift", "100001", "--reason", "he called", exit_code=1)

    assert f"no relay answers on {place / 'c.sock'}" in refused.stderr
    assert await ledger() == []


async def test_a_lift_that_cannot_be_recorded_does_not_happen(
    served: LoginGuard, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said as the ledger's trouble."""
    fail(served, WRONG_PASSWORD, 3)
    monkeypatch.setattr(Changes, "record", no_ledger)

    refused = await typed("locks", "lift", "100001", "--reason", "he called", exit_code=4)

    assert "nothing was changed: the disk is full" in refused.stderr
    assert await check(served, Trying()) is not None


def no_ledger(*_: object) -> None:
    raise LedgerUnavailable("the disk is full")


TYPED = {
    "session_kick": ("sessions", "kick", "--investor", "100001"),
    "logins_pause": ("logins", "pause", "--public", "维护 maintenance"),
    "logins_resume": ("logins", "resume"),
    "operator_reconnect": ("operator", "reconnect"),
    "counter_reconnect": ("counter", "reconnect"),
    "locks_lift": ("locks", "lift", "100001"),
    "log_level": ("log", "level", "warning"),
    "drain": ("drain",),
}
ANSWERS: dict[str, Any] = {
    "session_kick": {"ended": []},
    "logins_resume": {"paused": False, "were_paused": True},
    "operator_reconnect": {"reconnecting": 1},
    "counter_reconnect": {"reconnecting": 2},
    "drain": {"sessions": 0, "seconds": 30.0},
}


async def test_each_action_is_a_command_with_a_reason(served: LoginGuard) -> None:
    """It answers in JSON where its output is no terminal; without a reason nothing is asked of the relay."""
    for arguments in TYPED.values():
        assert "--reason" in (await typed(*arguments, exit_code=1)).stderr
    answers = {what: await typed(*arguments, "--reason", "as agreed", "--json") for what, arguments in TYPED.items()}

    assert {what: json.loads(answers[what].stdout) for what in ANSWERS} == ANSWERS
    found = await ledger()
    assert [entry["kind"] for entry in found] == [f"admin_{what}" for what in TYPED]
    assert {entry["data"]["reason"] for entry in found} == {"as agreed"}


@pytest.mark.parametrize("name", ["x" * 129, "x" * 60_000])
async def test_a_name_that_can_be_none_fills_no_ledger(served: LoginGuard, place: Path, name: str) -> None:
    """What is asked for stands in the ledger: longer than any name it is refused, and larger than any request not read."""
    async with grpc.aio.insecure_channel(f"unix:{place / 'c.sock'}") as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        asking = pb.Asking(reason="drill")
        for question in (
            stub.LiftLocks(pb.LiftLocksRequest(name=name, asking=asking)),
            stub.KickSession(pb.KickSessionRequest(session=name, asking=asking)),
            stub.ListSessions(pb.ListSessionsRequest(contains=name)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await question
            assert refused.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}

    assert await ledger() == []


async def test_a_reload_that_could_not_take_all_says_so(served: LoginGuard) -> None:
    """With exit code 1, what was taken, and what waits for a restart."""
    answer = await typed("reload", "--reason", "as agreed", exit_code=1)

    assert json.loads(answer.stdout)["needs_restart"] == ["relay.mode"]
    assert "limits.lock_out_seconds: too short" in answer.stderr


async def test_status_is_a_table_for_people_and_json_for_programs(served: LoginGuard) -> None:
    """Both say the same; figures are an object."""
    status = json.loads((await typed("status")).stdout)
    running = json.loads((await typed("settings", "running")).stdout)
    screen = Console(width=120, file=io.StringIO())
    fault = pb.Fault(title=pb.Words(zh="柜台前置中断", en="no front"), why="网络不通 / no network")
    library = pb.CounterLibrary(
        binding="openctp-tts", binding_version="6.7.2.3", file="/x/t.so", version="V6_7_2", sha256="5f" * 32
    )
    counter = pb.CounterState(state="open", library=library)
    for chinese in (True, False):
        now = pb.RelayStatus(faults=[fault], counter=counter, trading_day="20261123")
        screen.print(picture(now, Reader(chinese)))
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]

    assert (status["counter"]["state"], status["figures"], status["locks"]) == ("live", {"sessions": 0.0}, 0)
    assert running == [{"key": "log.level", "value": "info", "needs_restart": True, "reloadable": True}]
    halves = drawn.split("relay  ", 1)
    assert all(word in halves[0] for word in ("柜台前置中断", "20261123", "就绪", "可登录", "网络不通", "柜台库"))
    assert all(drawn.count(word) == 2 for word in ("openctp-tts 6.7.2.3", "V6_7_2", "/x/t.so", "5f" * 32))
    assert "no " not in halves[0]
    assert all(word in halves[1] for word in ("no front", "20261123", "ready", "open", "no network"))
    assert halves[1].isascii() or not re.search(r"[\u4e00-\u9fff]", halves[1])


async def test_a_session_that_is_not_there_is_said(served: LoginGuard) -> None:
    """In the reader's language, and whatever its name holds is harmless."""
    said = await typed("sessions", "show", "x\x1b[31m", exit_code=1)

    assert "没有会话" not in said.stderr
    assert "there is no session" in said.stderr
    assert "\x1b" not in said.stderr
    assert json.loads((await typed("sessions", "list")).stdout) == []


async def test_grpcs_own_socket_lifts_nothing(served: LoginGuard, place: Path) -> None:
    """A program of the relay's user that goes past the control socket has no person, so it changes nothing."""
    fail(served, WRONG_PASSWORD, 3)
    async with grpc.aio.insecure_channel(f"unix:{place / 'c.sock.grpc'}") as channel:
        lift: Any = channel.unary_unary("/ctprelay.v1.AdminService/LiftLocks")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await lift(pb.LiftLocksRequest(name="100001").SerializeToString())

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert await check(served, Trying()) is not None
    assert await ledger() == []


async def test_only_the_relays_user_may_open_the_sockets(served: LoginGuard, place: Path) -> None:
    """There is no other protection."""
    assert sockets(place) == {"c.sock": 0o600, "c.sock.grpc": 0o600}


async def test_more_callers_than_there_is_room_for_are_closed(served: LoginGuard, place: Path) -> None:
    """Those who go make room."""
    idle = [await asyncio.open_unix_connection(str(place / "c.sock")) for _ in range(MOST_CALLERS)]
    reader, writer = await asyncio.open_unix_connection(str(place / "c.sock"))
    assert await reader.read(1) == b""
    writer.close()

    for _, caller in idle:
        caller.close()
        await caller.wait_closed()

    assert "locks: none" in (await typed("locks", "list")).stdout


async def test_a_caller_who_says_nothing_is_cut(place: Path) -> None:
    """Its place is free for the next one, and a command asks for seconds only."""
    callers = Callers(lambda _pid, _uid: person_here(), longest_silence_seconds=0.2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    inner = await asyncio.start_unix_server(answer, str(place / "inner"))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place / "outer"))
    await callers.start(listening, place / "inner")

    reader, writer = await asyncio.open_unix_connection(str(place / "outer"))
    async with asyncio.timeout(30):
        assert await reader.read(1) == b""
    assert callers._open == 0
    writer.close()
    await callers.stop()
    inner.close()


async def test_no_socket_is_made_where_every_user_can_put_one(place: Path, parts: AdminParts) -> None:
    """Another user's program would be taken for the relay; what to do is in the log."""
    folder = place / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with capture_logs() as log:
        assert await control.listen(folder / "c.sock", parts) is None

    (line,) = [line for line in log if line["event"] == "control_socket_not_served"]
    assert f"run: chmod o-w {folder}" in line["why"]


async def test_a_socket_left_behind_is_replaced(place: Path, parts: AdminParts) -> None:
    """By a process that was killed."""
    for name in ("c.sock", "c.sock.grpc"):
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(place / name))
        left.close()

    server = await control.listen(place / "c.sock", parts)

    assert server is not None
    assert "locks: none" in (await typed("locks", "list")).stdout
    await server.stop()


async def test_what_is_no_socket_left_behind_stays(
    served: LoginGuard, place: Path, parts: AdminParts, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path mistyped in the settings costs nobody a file, and a second relay does not take the first one's socket."""
    (place / "notes.txt").write_text("mine")

    assert await control.listen(place / "notes.txt", parts) is None
    assert await control.listen(place / "c.sock", parts) is None

    assert (place / "notes.txt").read_text() == "mine"
    assert "locks: none" in (await typed("locks", "list")).stdout


async def test_a_request_that_cannot_be_read_is_refused(
    served: LoginGuard, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a traceback in the log."""
    async with grpc.aio.insecure_channel(f"unix:{place / 'c.sock'}") as channel:
        lift: Any = channel.unary_unary("/ctprelay.v1.AdminService/LiftLocks")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await lift(b"\xff\xff")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caplog.text == ""


async def test_a_path_no_socket_can_have_does_not_keep_the_relay_from_trading(
    place: Path, parts: AdminParts, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log names the setting."""
    assert await control.listen(place / ("x" * 120), parts) is None
    assert await control.listen(place / "none" / "c.sock", parts) is None

    assert "relay.control_socket" in capsys.readouterr().out


async def test_a_command_that_disables_lets_the_running_relay_look(
    place: Path, changes: Changes, guard: LoginGuard
) -> None:
    """After its commit, and once for each change; an enabled one has no sessions to end, and is known again as fast."""
    looked: list[bool] = []

    async def look() -> int:
        looked.append(_is_enabled(place))
        return 1

    server = await control.listen(place / "c.sock", PlayedRelay(changes, guard, look).parts)
    assert server is not None
    with capture_logs():
        await typed("terminal", "add", "terminal_1.0", "--show-once")
        await typed("terminal", "disable", "terminal_1.0")
        await typed("terminal", "enable", "terminal_1.0")
    await server.stop()

    assert looked == [False, True]


async def test_a_relay_that_does_not_answer_is_said_and_no_error(place: Path) -> None:
    """The change is made; what waits is said. A socket that a killed process left is one without an answer."""
    await typed("terminal", "add", "terminal_1.0", "--show-once")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place / "c.sock"))

    result = await typed("terminal", "disable", "terminal_1.0")

    assert "directory.look_seconds" in result.stderr
    assert not _is_enabled(place)


def _is_enabled(place: Path) -> bool:
    (terminal,) = Workplace(place / "relay.toml").terminals.all()[0]
    return terminal.enabled
