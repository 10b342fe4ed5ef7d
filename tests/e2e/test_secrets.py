"""No password, auth code or resume token is left anywhere: not in the log, not in the ledger, not on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from simcounter import demo_accounts
from terminal_client import CallFailed, LoginRejected
from tests.e2e.refusals import Attempt
from tests.e2e.secrecy import KNOWN, NEW_PASSWORD, WRONG_AUTH_CODE, WRONG_PASSWORD, leaks, spelled
from tests.e2e.site import AUTH_CODE, INVESTORS, TERMINAL, Site, collect_now, login_message, resume_message, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_secrets_are_nowhere_after_a_day_of_logins(site: Site) -> None:
    """A login, a resume, a wrong password, a wrong auth code, and a password change that fails for its old password."""
    token = await _log_in_and_resume(site)
    for attempt in (Attempt(password=WRONG_PASSWORD), Attempt(auth_code=WRONG_AUTH_CODE)):
        with pytest.raises(LoginRejected):
            await attempt.log_in(site, await collect_now())
    async with site.logged_in(INVESTORS[1]) as terminal:
        change = ctp.UserPasswordUpdate(old_password=WRONG_PASSWORD, new_password=NEW_PASSWORD)
        with pytest.raises(CallFailed):
            await terminal.requests.user_password_update(change)
        await trade(terminal)

    assert leaks(site.relay, spelled(token)) == []
    for form in ("json", "csv", "line"):
        exported = site.relay.command("ledger", "export", "--format", form)
        assert exported.returncode == 0
        assert exported.stdout
        assert [secret for secret in [*KNOWN, *spelled(token)] if secret in exported.stdout.encode()] == []


async def test_the_search_finds_what_is_there(site: Site) -> None:
    """The app id and the investor, which are no secrets, are found in the same places by the same search."""
    async with site.logged_in(INVESTORS[2]):
        pass

    found = {(where, what) for where, what in leaks(site.relay, [TERMINAL.encode(), INVESTORS[2].encode()])}

    assert ("output", INVESTORS[2].encode()) in found
    assert any(where.startswith("relay.sqlite3") and what == TERMINAL.encode() for where, what in found)
    assert AUTH_CODE.encode() in KNOWN
    assert demo_accounts.password_of(INVESTORS[2]).encode() in KNOWN


async def _log_in_and_resume(site: Site) -> bytes:
    """Returns the resume token of a session that was resumed by it and logged out."""
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        welcome = await stream.log_in(login_message(challenge, INVESTORS[0], await collect_now()))
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        await stream.send(resume_message(challenge, welcome.resume_token))
        resumed: pb.LoggedIn = await stream.receive_until("logged_in")
        await stream.send(pb.TerminalMessage(logout=pb.Logout()))
        await stream.receive_until("goodbye")
    assert resumed.resumed
    token: bytes = welcome.resume_token
    return token


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def of_process(pid: int, file: str, name: str) -> str:
    lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").split("\n")
    return next(line.removeprefix(name).strip() for line in lines if line.startswith(name))


async def test_the_memory_of_relay_and_side_process_goes_to_no_file(site: Site) -> None:
    """Both have said so for themselves; and what they create is their user's alone."""
    async with site.logged_in(INVESTORS[0]):
        pids = [site.relay.pid, *children_of(site.relay.pid)]

        assert len(pids) > 1
        assert {of_process(pid, "limits", "Max core file size").split()[:2] == ["0", "0"] for pid in pids} == {True}
        assert {of_process(pid, "status", "Umask:") for pid in pids} == {"0077"}
    files = [path for path in site.relay.state_dir.rglob("*") if path.is_file()]
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
