"""The web console in Chromium, over a running relay and the simulated counter: what operations people do, and what it does."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

from relay.console.second_factor import code_at
from relay.counter.port import Mode
from simcounter import demo_accounts
from terminal_client import LoginRejected, RelayTerminal, Tls
from tests.e2e.conftest import StartRelay
from tests.e2e.console_process import PASSWORD, ConsoleProcess, chromium, confirm, console_beside, sign_in
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, Site, collect_now, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONSOLE = {"console__address": "127.0.0.1:0", "console__poll_seconds": 0.2}
ANA, BOB = INVESTORS[:2]


def acted(site: Site, kind: str) -> dict[str, Any]:
    """What the ledger has of an action."""
    return [entry.data for entry in site.relay.ledger() if entry.kind == f"admin_{kind}"][-1]


async def log_in(site: Site, app_id: str, auth_code: str, investor_id: str = ANA, password: str | None = None) -> None:
    """In and out again; raises LoginRejected."""
    terminal = RelayTerminal(
        f"127.0.0.1:{site.relay.port}", app_id=app_id, auth_code=auth_code, tls=Tls(ca_file=site.tls.authority)
    )
    async with terminal:
        given = demo_accounts.password_of(investor_id) if password is None else password
        await terminal.login(BROKER, investor_id, given, await collect_now(), confirm_settlement=True)


async def new_code(page: Page) -> str:
    return (await page.locator("#auth-code").inner_text()).strip()


async def test_an_operator_ends_a_session_and_lifts_a_lock(start_site: StartRelay) -> None:
    """Both with a reason, in the ledger under the account; what only an admin may do is refused."""
    site = await start_site(Mode.MANY_TO_ONE, limits__login_failures_per_investor=2, **CONSOLE)
    async with site.logged_in(ANA), console_beside(site.relay) as console, chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, console, "operator")
        await expect(page.locator("body")).to_contain_text("operator")
        session = await _kick(page, console, site)
        await eventually("the session has ended", lambda: _ended(site, session))
        kicked = acted(site, "session_kick")
        for _ in range(2):
            with pytest.raises(LoginRejected):
                await log_in(site, TERMINAL, AUTH_CODE, BOB, "wrong password")
        with pytest.raises(LoginRejected):
            await log_in(site, TERMINAL, AUTH_CODE, BOB)
        await page.goto(f"{console.address}/locks")
        await page.click("a[href*='/locks/lift?']")
        await confirm(page)
        await expect(page.locator("main")).to_contain_text("已解除")
        await log_in(site, TERMINAL, AUTH_CODE, BOB)
        refused = await page.goto(f"{console.address}/app-ids/add")

        assert all(known in json.dumps(kicked, ensure_ascii=False) for known in (session, "客户来电"))
        assert (kicked["account"], kicked["role"]) == ("operator", "operator")
        assert acted(site, "locks_lift")["account"] == "operator"
        assert refused is not None
        assert refused.status == 403


def _ended(site: Site, session: str) -> bool:
    return any(entry.session == session and entry.kind == "terminal_logout" for entry in site.relay.ledger())


async def _kick(page: Page, console: ConsoleProcess, site: Site) -> str:
    await page.goto(f"{console.address}/terminals")
    await page.click(f"tbody th a:has-text('{ANA}')")
    await page.click("a[href*='/terminals/kick?']")
    session = await page.locator("input[name=session]").get_attribute("value")
    await confirm(page)
    await expect(page.locator("main")).to_contain_text("已结束")
    return str(session)


async def test_an_admin_admits_terminals(start_site: StartRelay) -> None:
    """A new app id logs in with the code that was shown; both codes do during an overlap, the old one not after it."""
    site = await start_site(Mode.MANY_TO_ONE, **CONSOLE)
    async with console_beside(site.relay) as console, chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, console, "admin")
        await page.goto(f"{console.address}/app-ids/add")
        await page.fill("#app_id", "desk_2.0")
        await confirm(page)
        first = await new_code(page)
        await log_in(site, "desk_2.0", first)
        await page.goto(f"{console.address}/app-ids/rotate?app_id=desk_2.0")
        await page.fill("#old_code_until", "2099-01-05")
        await confirm(page)
        second = await new_code(page)
        await log_in(site, "desk_2.0", second)
        await log_in(site, "desk_2.0", first)
        await page.goto(f"{console.address}/app-ids/end-overlap?app_id=desk_2.0")
        await confirm(page)
        await _until_rejected(site, first)

        assert acted(site, "terminal_rotate")["old_code_until"].startswith("2099-01-05T23:59:59")
        assert any(entry.data.get("by_previous_code") for entry in site.relay.ledger())
        assert_hidden(site, console, first, second)


async def test_an_admin_imports_investors(start_site: StartRelay) -> None:
    """A bad line is named and nothing is changed; a right file is registered as a whole, and its investors log in."""
    site = await start_site(Mode.MANY_TO_ONE, **CONSOLE)
    async with console_beside(site.relay) as console, chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, console, "admin")
        await _import(page, console, b"investor_id,password\n700001,pass-one\n700001,again\n")
        await expect(page.locator("main")).to_contain_text("第 3 行")
        await _import(page, console, b"investor_id,password\n700001,pass-one\n")
        await confirm(page)
        await expect(page.locator("main")).to_contain_text("已登记 1 个投资者")
        await log_in(site, TERMINAL, AUTH_CODE, "700001", "pass-one")

        assert acted(site, "investor_import")["investor_ids"] == ["700001"]
        assert_hidden(site, console, "pass-one")


def assert_hidden(site: Site, console: ConsoleProcess, *secrets: str) -> None:
    """Neither ledger nor log has them."""
    written = json.dumps([entry.data for entry in site.relay.ledger()]) + console.output + site.relay.output
    assert [secret for secret in secrets if secret in written] == []


async def _until_rejected(site: Site, code: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await log_in(site, "desk_2.0", code)
            except LoginRejected:
                return
            await asyncio.sleep(0.2)


async def _import(page: Page, console: ConsoleProcess, content: bytes) -> None:
    await page.goto(f"{console.address}/investors/import")
    await page.set_input_files("#file", {"name": "investors.csv", "mimeType": "text/csv", "buffer": content})
    await page.click("form.form button")


async def test_a_person_sets_up_a_second_factor_and_signs_in_with_it(start_site: StartRelay) -> None:
    """The password alone opens nothing; the page runs without a complaint of its content policy."""
    site = await start_site(Mode.MANY_TO_ONE, **CONSOLE)
    async with console_beside(site.relay) as console, chromium() as browser:
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await sign_in(page, console, "viewer")
        await page.goto(f"{console.address}/me/second-factor")
        await expect(page.locator(".qr svg")).to_be_visible()
        secret = re.sub(r"\s", "", await page.locator("#factor-key").inner_text())
        codes = await _set_up(page, secret)
        await browser.clear_cookies()
        await sign_in(page, console, "viewer")
        await page.goto(f"{console.address}/me")
        locked_out = page.url
        await page.goto(f"{console.address}/sign-in/code")
        await page.fill("#code", codes[0])
        await page.click("button.primary")
        await expect(page.locator("body")).to_contain_text("viewer")

        assert "/sign-in" in locked_out
        (cookie,) = [one for one in await browser.cookies() if one["name"] == "__Host-ctp-relay-0"]
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert complaints == []
        assert secret not in console.output


async def _set_up(page: Page, secret: str) -> list[str]:
    """Enter the first code; returns the recovery codes."""
    await page.fill("#code", code_at(secret, time.time()))
    await page.fill("#password", PASSWORD)
    await page.click("form.form button")
    await expect(page.locator("body")).to_contain_text("恢复码")
    return list(await page.locator(".codes code").all_inner_texts())
