"""The console's own forms against a running relay: what each does is seen at a terminal, and is an entry with who and why.

One relay on PostgreSQL for all of it, and one console that has two doors to it: its control socket, and the admin port with
certificates on both sides.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import trustme

from ctprelay.v1 import terminal_pb2
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import LoginRejected
from tests.e2e.console_process import PASSWORD, ConsoleProcess, console_beside
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import NEW_PASSWORD, WRONG_PASSWORD, leaks
from tests.e2e.site import (
    BROKER,
    DEADLINE_SECONDS,
    INVESTORS,
    TERMINAL,
    Site,
    collect_now,
    counter_state,
    eventually,
    login_message,
    register,
    trade,
)
from tests.relay.console.conftest import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANA, BOB, CHI = INVESTORS[:3]
CONSOLE_NAME = "console.firm.example"
SOCKET, NETWORK = "by-socket", "by-network"
"""the same relay, as the console knows it"""
OPERATOR = demo_accounts.OPERATOR_ID


@dataclass(frozen=True)
class Steered:
    """A relay, and a console that steers it."""

    site: Site
    console: ConsoleProcess

    @asynccontextmanager
    async def browser(self, name: str) -> AsyncIterator[Browser]:
        """Signed in with the account of this name."""
        trusted = ssl.create_default_context(cafile=str(self.site.tls.authority))
        async with httpx.AsyncClient(verify=trusted, base_url=self.console.address, timeout=60) as client:
            browser = Browser(client)
            assert (await browser.sign_in(name, PASSWORD)).status_code == 303
            yield browser

    def entry(self, kind: str) -> dict[str, Any]:
        """The last one of this kind."""
        return [one.data for one in self.site.relay.ledger() if one.kind == f"admin_{kind}"][-1]

    def acted(self, kind: str) -> tuple[str, str, str, str]:
        """Who did it last, in which role, through which door of the relay, and why."""
        entry = self.entry(kind)
        return entry["account"], entry["role"], entry["by"], entry["reason"]


@pytest_asyncio.fixture(loop_scope="session")
async def steered(tls: TlsFiles, tmp_path: Path, postgres_url: str, free_port: int) -> AsyncIterator[Steered]:
    """With an operator, few failures before a lock, and the admin port."""
    certificates = tmp_path / "certificates"
    certificates.mkdir(mode=0o700)
    settings = _settings(certificates, tmp_path / "relay" / "state" / "control.sock", free_port)
    async with SimulatedCounter(CounterConfig()) as counter:
        relay = RelayProcess(
            tmp_path / "relay", Mode.MANY_TO_ONE, counter.address, tls, {**settings, "ledger__url": postgres_url}
        )
        (await asyncio.to_thread(relay.command, "database", "upgrade")).check_returncode()
        register(relay)
        await relay.start()
        try:
            async with console_beside(relay) as console:
                yield Steered(Site(counter, relay, tls), console)
        finally:
            await relay.stop()
        assert "Traceback" not in relay.output + console.output
        assert leaks(relay, [PASSWORD.encode()]) == []


def _settings(folder: Path, control_socket: Path, port: int) -> dict[str, object]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    for name, issued in (("relay", "127.0.0.1"), ("console", CONSOLE_NAME)):
        made = authority.issue_cert(issued)
        (folder / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.key").chmod(0o600)
    return {
        "limits__login_failures_per_investor": 2,
        "relay__drain_seconds": 0.5,
        "admin__address": f"127.0.0.1:{port}",
        "admin__certificate": str(folder / "relay.crt"),
        "admin__key": str(folder / "relay.key"),
        "admin__client_authority": str(folder / "authority.pem"),
        "admin__roles": [f"{CONSOLE_NAME}=admin"],
        "admin__consoles": [CONSOLE_NAME],
        "console__address": "127.0.0.1:0",
        "console__poll_seconds": 0.2,
        "console__relays": [f"{SOCKET}=unix:{control_socket}", f"{NETWORK}=127.0.0.1:{port}"],
        "console__relay_authority": str(folder / "authority.pem"),
        "console__relay_certificate": str(folder / "console.crt"),
        "console__relay_key": str(folder / "console.key"),
    }


async def test_what_a_form_does_is_seen_at_a_terminal(steered: Steered) -> None:
    """Pause, resume, kick, lift, reconnect, drain; and the wrong role, token or no reason changes nothing."""
    async with steered.browser("operator") as operator, steered.browser("admin") as admin:
        await _nothing_without_role_token_and_reason(steered, operator)
        await _logins_are_paused_and_resumed(steered, operator)
        await _a_session_is_ended(steered, operator)
        await _a_lock_is_lifted(steered, operator)
        await _the_counter_is_reconnected(steered, operator)
        await _the_operator_is_reconnected(steered, operator)
        await _the_relay_is_drained(steered, admin)


async def _sent(browser: Browser, path: str, relay: str, reason: str, **form: str) -> None:
    """Open the form, fill it in and send it; it is done."""
    answer = await browser.send(path, {"reason": reason, "sure": "yes", **form}, form_at=f"{path}?relay={relay}")
    assert answer.status_code == 303, answer.text


async def _link(browser: Browser, page: str, wanted: str) -> str:
    """The first link on a page to an action."""
    text = (await browser.get(page)).text
    found = re.search(rf'href="({re.escape(wanted)}\?[^"]+)"', text)
    assert found is not None, text
    return unescape(found[1])


async def _nothing_without_role_token_and_reason(steered: Steered, operator: Browser) -> None:
    pause = "/control/pause"
    right = {"relay": SOCKET, "reason": "drill", "sure": "yes", "csrf": await operator.token("/")}
    async with steered.browser("viewer") as viewer:
        too_low = await viewer.client.post(pause, data={**right, "csrf": await viewer.token("/")})
    answers = [
        await operator.client.post(pause, data={**right, "csrf": "0" * 64}),
        await operator.client.post(pause, data={**right, "reason": ""}),
        await operator.client.post("/control/drain", data=right),
    ]
    async with steered.site.logged_in(ANA):
        pass

    assert [too_low.status_code, *(answer.status_code for answer in answers)] == [403, 403, 422, 403]
    assert not [one for one in steered.site.relay.ledger() if one.kind in {"admin_logins_pause", "admin_drain"}]


async def _logins_are_paused_and_resumed(steered: Steered, operator: Browser) -> None:
    """A new login is refused with what the person wrote for terminals; who is in trades on."""
    async with steered.site.logged_in(ANA) as terminal:
        await _sent(operator, "/control/pause", NETWORK, "换交换机", public_reason="柜台维护")
        refused = await _refused(steered.site, BOB)
        await trade(terminal)
    await _sent(operator, "/control/resume", SOCKET, "换好了")
    async with steered.site.logged_in(BOB):
        pass

    assert (refused.reason, "柜台维护" in refused.message) == ("logins_paused", True)
    assert steered.acted("logins_pause") == ("operator", "operator", CONSOLE_NAME, "换交换机")
    assert steered.acted("logins_resume")[:2] == ("operator", "operator")
    said = steered.entry("logins_pause")["public_reason"]
    assert said == "柜台维护"


async def _refused(site: Site, investor_id: str, password: str = "") -> LoginRejected:
    """Why this investor is not let in; with their own password where no other is given."""
    given, collected = password or demo_accounts.password_of(investor_id), await collect_now()
    async with site.terminal() as terminal:
        with pytest.raises(LoginRejected) as refused:
            await terminal.login(BROKER, investor_id, given, collected)
    return refused.value


async def _a_session_is_ended(steered: Steered, operator: Browser) -> None:
    async with steered.site.raw() as stream:
        await stream.log_in(login_message(await stream.hello(TERMINAL), CHI, await collect_now()))
        await _until_shown(operator, "/terminals", CHI)
        terminal = await _row_of(operator, CHI)
        kick = await _link(operator, terminal, "/terminals/kick")
        answer = await operator.send("/terminals/kick", {"reason": "客户来电", "tell_terminal": "tell"}, form_at=kick)
        goodbye = await stream.receive_until("goodbye")

    assert answer.status_code == 303
    assert goodbye.kind == terminal_pb2.Goodbye.KIND_KICKED
    assert "客户来电" in goodbye.reason
    assert steered.acted("session_kick")[::3] == ("operator", "客户来电")


async def _until_shown(browser: Browser, page: str, text: str) -> None:
    """The console asks its relays every now and then."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while text not in (await browser.get(page)).text:
        assert time.monotonic() < deadline, f"{page} never shows {text}"
        await asyncio.sleep(0.1)


async def _row_of(browser: Browser, investor_id: str) -> str:
    """The page of this investor's terminal."""
    text = (await browser.get("/terminals")).text
    found = re.search(rf'<a href="(/terminals/[^"]+)"[^>]*>\s*{investor_id}', text)
    assert found is not None, text
    return unescape(found[1])


async def _a_lock_is_lifted(steered: Steered, operator: Browser) -> None:
    for _ in range(2):
        await _refused(steered.site, BOB, WRONG_PASSWORD)
    locked = await _refused(steered.site, BOB)
    lift = await _link(operator, "/locks", "/locks/lift")
    answer = await operator.send("/locks/lift", {"reason": "本人已核实"}, form_at=lift)
    async with steered.site.logged_in(BOB):
        pass

    assert (locked.reason, answer.status_code) == ("locked_out", 303)
    assert steered.acted("locks_lift")[::3] == ("operator", "本人已核实")


async def _the_counter_is_reconnected(steered: Steered, operator: Browser) -> None:
    before = steered.site.called("ReqUserLogin")
    async with steered.site.logged_in(ANA) as terminal:
        statuses = terminal.statuses()
        await _sent(operator, "/control/reconnect-counter", NETWORK, "切换前置")
        await counter_state(statuses, "recovering")
        await counter_state(statuses, "live")
        await trade(terminal)

    assert steered.site.called("ReqUserLogin") == before + 1
    assert steered.acted("counter_reconnect") == ("operator", "operator", CONSOLE_NAME, "切换前置")


async def _the_operator_is_reconnected(steered: Steered, operator: Browser) -> None:
    """With the password that the file has by now."""
    site, before = steered.site, steered.site.called("ReqUserLogin")
    async with site.logged_in(ANA) as terminal:
        statuses = terminal.statuses()
        site.counter.accounts.users[OPERATOR].change_password(NEW_PASSWORD)
        (site.relay.directory / "operator.secret").write_text(NEW_PASSWORD, encoding="utf-8")
        await _sent(operator, "/control/reconnect-operator", SOCKET, "密码已换")
        await counter_state(statuses, "live")
        await trade(terminal)

    assert site.called("ReqUserLogin") == before + 1
    assert steered.acted("operator_reconnect")[::3] == ("operator", "密码已换")


async def _the_relay_is_drained(steered: Steered, admin: Browser) -> None:
    """The terminal is shown out, the process ends in order, and the console goes on and says that the relay is away."""
    async with steered.site.raw() as stream:
        await stream.log_in(login_message(await stream.hello(TERMINAL), ANA, await collect_now()))
        await _sent(admin, "/control/drain", NETWORK, "收盘停机")
        goodbye = await stream.receive_until("goodbye")
    await eventually("the process has ended", lambda: steered.site.relay.status() is not None)
    late = await admin.send(
        "/control/pause", {"reason": "晚了", "sure": "yes"}, form_at=f"/control/pause?relay={SOCKET}"
    )

    assert (steered.site.relay.status(), goodbye.kind) == (0, terminal_pb2.Goodbye.KIND_RELAY_STOPPING)
    assert (await admin.get("/")).status_code == 200
    assert late.status_code == 422
    assert steered.acted("drain") == ("admin", "admin", CONSOLE_NAME, "收盘停机")
