"""The control socket: what an operator asks of the running process, through the file only the relay's user may open."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from relay.cli.app import app
from relay.domain import reasons
from relay.rpc import control
from relay.services.login_guard import LoginGuard
from relay.settings.settings import Limits
from relay.settings.text import example
from tests.relay.services.test_login_guard import WRONG_PASSWORD, PlayedPlaces, Trying, fail, try_at_counter

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
async def served(place: Path, guard: LoginGuard) -> AsyncIterator[LoginGuard]:
    path = place / "c.sock"
    server = await control.listen(path, control.AdminService(guard))
    assert server is not None
    with capture_logs():  # a command's output is all that is on standard output then
        yield guard
    await control.stop(server, path)
    assert not path.exists()


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
    assert await served.check(Trying()) is not None

    lifted = json.loads((await typed("locks", "lift", "100001", "--json")).stdout)

    assert listed == [{"subject": "investor_at_address", "name": "100001 198.51.100.7", "seconds_left": 900}]
    assert {"subject": "investor_at_address", "name": "100001 198.51.100.7"} in lifted
    assert await served.check(Trying()) is None
    assert "locks: none" in (await typed("locks", "list")).stdout
    (entry,) = await ledger()
    assert (entry["kind"], entry["data"]["name"]) == ("admin_locks_lift", "100001")


async def test_an_operator_lets_all_logins_be_tried_again(served: LoginGuard) -> None:
    """After the cause of a 63 is mended, nobody waits for the pause."""
    await try_at_counter(served, Trying(), reasons.counter_refused(63, "终端认证失败"))
    (lock,) = json.loads((await typed("locks", "list", "--json")).stdout)

    await typed("locks", "lift", "--all-logins")

    assert (lock["subject"], lock["name"]) == ("all_logins", "CTP 63")
    assert await served.check(Trying()) is None


async def test_what_is_to_be_lifted_is_named(served: LoginGuard) -> None:
    """Nothing is lifted by mistake."""
    for arguments in (("locks", "lift"), ("locks", "lift", "100001", "--all-logins")):
        assert "name an investor" in (await typed(*arguments, exit_code=1)).stderr


async def test_without_a_running_relay_the_command_says_so(place: Path) -> None:
    """With the socket's path; a lift is told as failed in the ledger."""
    refused = await typed("locks", "list", exit_code=1)
    await typed("locks", "lift", "100001", exit_code=1)

    assert f"no relay answers on {place / 'c.sock'}" in refused.stderr
    assert [entry["kind"] for entry in await ledger()] == ["admin_locks_lift", "admin_locks_lift_failed"]


async def test_only_the_relays_user_may_open_the_socket(served: LoginGuard, place: Path) -> None:
    """There is no other protection."""
    assert (place / "c.sock").stat().st_mode & 0o777 == 0o600


async def test_a_socket_left_behind_is_replaced(place: Path, guard: LoginGuard) -> None:
    """By a process that was killed."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(place / "c.sock"))
    left.close()

    server = await control.listen(place / "c.sock", control.AdminService(guard))

    assert server is not None
    assert "locks: none" in (await typed("locks", "list")).stdout
    await control.stop(server, place / "c.sock")


async def test_what_is_no_socket_left_behind_stays(
    served: LoginGuard, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path mistyped in the settings costs nobody a file, and a second relay does not take the first one's socket."""
    (place / "notes.txt").write_text("mine")

    assert await control.listen(place / "notes.txt", control.AdminService(served)) is None
    assert await control.listen(place / "c.sock", control.AdminService(served)) is None

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
    place: Path, guard: LoginGuard, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log names the setting."""
    assert await control.listen(place / ("x" * 120), control.AdminService(guard)) is None
    assert await control.listen(place / "none" / "c.sock", control.AdminService(guard)) is None

    assert "relay.control_socket" in capsys.readouterr().out
