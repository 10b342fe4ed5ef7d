"""What an operator asks of a running relay and does to it, through its control socket; both modes where it matters."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import stat
import subprocess
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.admin_client import AdminClient, AskFailed, AskTrouble, RelayDoor
from relay.counter.port import Mode
from simcounter import demo_accounts
from terminal_client import LoginRejected
from tests.e2e.conftest import StartRelay
from tests.e2e.site import (
    INVESTORS,
    TERMINAL,
    Site,
    collect_now,
    counter_state,
    eventually,
    log_in,
    login_message,
    many_to_many_only,
    resume_message,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
ME = pwd.getpwuid(os.getuid()).pw_name
DRILL = "演练 drill"
WHY = pb.Asking(reason=DRILL)


@asynccontextmanager
async def operator_of(site: Site) -> AsyncIterator[AdminClient]:
    client = AdminClient(RelayDoor(site.relay.state_dir / "control.sock"), deadline_seconds=60.0)
    try:
        yield client
    finally:
        await client.close()


async def typed(site: Site, *arguments: str, exit_code: int = 0) -> Any:
    """What the command writes, as it is typed where its output is no terminal."""
    done: subprocess.CompletedProcess[str] = await asyncio.to_thread(site.relay.command, *arguments)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return json.loads(done.stdout)


async def trouble_of(asked: Awaitable[object]) -> AskTrouble:
    with pytest.raises(AskFailed) as failed:
        await asked
    return failed.value.trouble


async def reason_of_refused_login(site: Site, investor_id: str) -> LoginRejected:
    with pytest.raises(LoginRejected) as refused:
        async with site.terminal() as terminal:
            await log_in(terminal, investor_id)
    return refused.value


def entries(site: Site, kind: str) -> list[dict[str, Any]]:
    """Of this kind; each of them by the person who runs the tests."""
    found = [entry.data for entry in site.relay.ledger() if entry.kind == kind]
    assert all((one["by"], one["through"], one["role"]) == (ME, "control socket", "admin") for one in found)
    return found


async def test_a_relay_says_how_it_is_and_who_is_there(site: Site) -> None:
    """With the address, the port and the report as the counter has them; looking twice is one entry."""
    before = len(entries(site, "admin_read"))
    collected = await collect_now()
    async with site.logged_in(INVESTORS[0], collected) as terminal, operator_of(site) as operator:
        await trade(terminal)
        status = await operator.get_status(pb.GetStatusRequest())
        everybody = pb.ListSessionsRequest()
        await operator.list_sessions(everybody)
        listed = await operator.list_sessions(pb.ListSessionsRequest(contains=INVESTORS[0]))
        shown = await operator.get_session(pb.GetSessionRequest(session=listed.sessions[0].session))
        watched = [one async for one in first_two(operator)]

    reported = [entry.data for entry in site.relay.ledger() if entry.kind == "terminal_admitted"][-1]
    assert (status.mode, status.readiness.ready) == (site.mode.value, True)
    assert status.counter.state == ("live" if site.mode is Mode.MANY_TO_ONE else "open")
    assert status.trading_day == status.trading_day.strip() != ""
    assert status.sessions.total == status.sessions.live >= 1
    assert status.certificate.days_left > 1
    assert {figure.name for figure in status.figures} >= {"sessions", "counter_ready", "ledger_entries_committed"}
    assert (shown.app_id, shown.investor_id, shown.orders_today) == (TERMINAL, INVESTORS[0], 1)
    assert (shown.public_ip, shown.port) == ("127.0.0.1", reported["port"])
    assert (shown.report_return_code, shown.collector_code) == (0, collected.code)
    assert shown.state == pb.TerminalSession.STATE_LIVE
    assert watched[0].process.pid == watched[1].process.pid == site.relay.pid
    assert len(entries(site, "admin_read")) == before + (1 if before == 0 else 0)
    assert stat.S_IMODE((site.relay.state_dir / "control.sock").stat().st_mode) == 0o600


async def first_two(operator: AdminClient) -> AsyncIterator[pb.RelayStatus]:
    async with aclosing(operator.watch_status(pb.WatchStatusRequest(every_seconds=0.2))) as statuses:
        yield await anext(statuses)
        yield await anext(statuses)


async def test_a_kicked_terminal_reads_why_and_cannot_resume(site: Site) -> None:
    """It may log in again: a kick is no ban. Others trade on."""
    async with site.logged_in(INVESTORS[1]) as other, operator_of(site) as operator:
        async with site.raw() as stream:
            login = login_message(await stream.hello(TERMINAL), INVESTORS[0], await collect_now())
            logged_in = await stream.log_in(login)
            kick = pb.KickSessionRequest(investor_id=INVESTORS[0], tell_terminal=True, asking=WHY)
            (ended,) = (await operator.kick_session(kick)).sessions
            goodbye = await stream.receive_until("goodbye")
        async with site.raw() as stream:
            await stream.send(resume_message(await stream.hello(TERMINAL), logged_in.resume_token))
            refusal = await stream.rejection()
        await trade(other)
        async with site.logged_in(INVESTORS[0]):
            pass
        troubles = [
            await trouble_of(operator.kick_session(request))
            for request in (
                pb.KickSessionRequest(session=ended, asking=WHY),
                pb.KickSessionRequest(investor_id=INVESTORS[1]),
            )
        ]

    assert goodbye.kind == terminal_pb2.Goodbye.KIND_KICKED
    assert DRILL in goodbye.reason
    assert refusal.reason == "session_gone"
    assert troubles == [AskTrouble.NOT_FOUND, AskTrouble.MALFORMED]
    kicked = entries(site, "admin_session_kick")[0]
    assert kicked["sessions"] == [ended]
    assert DRILL in kicked.values()
    assert entries(site, "admin_session_kick_failed")[-1]["why"] == "ReasonMissing"


async def test_paused_logins_are_refused_and_sessions_go_on(site: Site) -> None:
    """With what the operator wants terminals to read. A session that exists trades on and is resumed."""
    async with site.logged_in(INVESTORS[0]) as terminal, operator_of(site) as operator:
        async with site.raw() as stream:
            login = login_message(await stream.hello(TERMINAL), INVESTORS[1], await collect_now())
            logged_in = await stream.log_in(login)
        await operator.pause_logins(pb.PauseLoginsRequest(public_reason="柜台维护", asking=WHY))
        refused = await reason_of_refused_login(site, INVESTORS[2])
        await trade(terminal)
        async with site.raw() as stream:
            await stream.send(resume_message(await stream.hello(TERMINAL), logged_in.resume_token))
            resumed = await stream.receive_until("logged_in")
            await stream.send(terminal_pb2.TerminalMessage(logout=terminal_pb2.Logout()))
        paused = await operator.get_status(pb.GetStatusRequest())
        await operator.resume_logins(pb.ResumeLoginsRequest(asking=WHY))
        async with site.logged_in(INVESTORS[2]):
            open_again = await operator.get_status(pb.GetStatusRequest())

    assert (refused.reason, "柜台维护" in refused.message) == ("logins_paused", True)
    assert resumed.resumed
    assert (paused.paused.reason, paused.readiness.ready) == (DRILL, False)
    assert "logins_paused" in {fault.kind for fault in paused.faults}
    assert open_again.readiness.ready
    assert "柜台维护" in entries(site, "admin_logins_pause")[-1].values()
    assert entries(site, "admin_logins_resume")


async def test_sessions_at_the_counter_are_replaced_while_terminals_stay(site: Site) -> None:
    """Each comes back by itself and trades on."""
    async with site.logged_in(INVESTORS[0]) as terminal, operator_of(site) as operator:
        statuses, before = terminal.statuses(), site.called("ReqUserLogin")
        done = await operator.reconnect_counter(pb.ReconnectCounterRequest(asking=WHY))
        await counter_state(statuses, "recovering")
        await counter_state(statuses, "live")
        await trade(terminal)

    assert done.sessions >= 1
    assert site.called("ReqUserLogin") > before
    assert entries(site, "admin_counter_reconnect")


@many_to_many_only
async def test_what_is_typed_is_done_and_answered_as_json(site: Site) -> None:
    """Where the output is no terminal; settings in force hide their secrets."""
    level = await typed(site, "log", "level", "debug", "--reason", "drill")
    running = {row["key"]: row for row in await typed(site, "settings", "running")}
    async with operator_of(site) as operator:
        await operator.set_log_level(pb.SetLogLevelRequest(level="info", asking=WHY))

    assert level == {"before": "info", "now": "debug"}
    assert running["relay.mode"] == {
        "key": "relay.mode",
        "value": "many_to_many",
        "needs_restart": False,
        "reloadable": False,
    }
    assert running["log.level"]["reloadable"]
    assert [one["now"] for one in entries(site, "admin_log_level")] == ["debug", "info"]


async def test_the_operators_new_password_is_read_when_it_reconnects(start_site: StartRelay) -> None:
    """A live operator leaves and logs in with what the file has now; terminals stay and trade on."""
    site = await start_site(Mode.MANY_TO_ONE)
    operator_id = demo_accounts.OPERATOR_ID
    async with site.logged_in(INVESTORS[0]) as terminal, operator_of(site) as operator:
        statuses = terminal.statuses()
        site.counter.accounts.users[operator_id].change_password("replaced-password")
        (site.relay.directory / "operator.secret").write_text("replaced-password", encoding="utf-8")
        await operator.reconnect_operator(pb.ReconnectOperatorRequest(asking=WHY))
        await counter_state(statuses, "live")
        await trade(terminal)
        status = await operator.get_status(pb.GetStatusRequest())

    assert status.counter.state == "live"
    assert status.counter.user_id == operator_id
    assert site.called("ReqUserLogin") == 2
    assert entries(site, "admin_operator_reconnect")


async def test_a_reload_says_what_it_took_and_never_ends_the_process(start_site: StartRelay) -> None:
    """Limits and the relay's auth code at once, the rest at a restart; a file that cannot be used changes nothing."""
    site = await start_site(Mode.MANY_TO_MANY)
    config, code = site.relay.config, site.relay.directory / "relay_auth_code.secret"
    before, right = config.read_text(encoding="utf-8"), code.read_text(encoding="utf-8")
    changed = before.replace("login_failures_per_investor = 1000", "login_failures_per_investor = 7")
    config.write_text(changed.replace("inits_per_second = 1000.0", "inits_per_second = 99.0"), encoding="utf-8")
    code.write_text("WRONG00000000001", encoding="utf-8")
    taken = await typed(site, "reload", "--reason", "drill")
    refused = await reason_of_refused_login(site, INVESTORS[0])
    code.write_text(right, encoding="utf-8")
    config.write_text("nonsense", encoding="utf-8")
    async with operator_of(site) as operator:
        nonsense = await operator.reload(pb.ReloadRequest(asking=WHY))
        config.write_text(before, encoding="utf-8")
        back = await operator.reload(pb.ReloadRequest(asking=WHY))
        await operator.lift_locks(pb.LiftLocksRequest(all_logins=True, asking=WHY))
    async with site.logged_in(INVESTORS[0]) as terminal:
        await trade(terminal)

    took = ["limits.login_failures_per_investor"]
    assert (taken["applied"], taken["needs_restart"]) == (took, ["counter.inits_per_second"])
    assert "counter.relay_auth_code_file" in taken["read_again"]
    assert refused.code == 63
    assert (bool(nonsense.problems[0].why), list(nonsense.applied)) == (True, [])
    assert list(back.applied) == took
    assert len(entries(site, "admin_reload")) == 3


async def test_a_relay_that_is_drained_by_command_ends_as_by_a_signal(start_site: StartRelay) -> None:
    """Its terminals are shown out, and the exit status is that of an orderly end."""
    site = await start_site(Mode.MANY_TO_MANY, relay__drain_seconds=0.2)
    async with site.raw() as stream:
        await stream.log_in(login_message(await stream.hello(TERMINAL), INVESTORS[0], await collect_now()))
        async with operator_of(site) as operator:
            drained = await operator.drain(pb.DrainRequest(asking=WHY))
        goodbye = await stream.receive_until("goodbye")
    await eventually("the process has ended", lambda: site.relay.status() is not None)

    assert (drained.sessions, site.relay.status()) == (1, 0)
    assert goodbye.kind == terminal_pb2.Goodbye.KIND_RELAY_STOPPING
    assert DRILL in entries(site, "admin_drain")[0].values()
