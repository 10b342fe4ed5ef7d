"""The console's pages in a real Chromium, of a relay at work: nothing wrong with any page, and news without a reload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.console_pictures.browser import CHROMIUM, ConsolePage, Look, chromium, console_page
from tests.console_pictures.morning import APP_IDS
from tests.console_pictures.office import INVESTORS, PicturedOffice, pictured_office
from tests.console_pictures.shown import shown_pages, shown_with_a_fault
from tests.e2e.site import collect_now, log_in

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium: apt-get install chromium"),
]
PHONE = Look(390)
_MILLISECONDS = 30_000.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy_office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PicturedOffice]:
    async with pictured_office(tmp_path_factory.mktemp("office"), terminals=3) as office:
        yield office


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phone(busy_office: PicturedOffice) -> AsyncIterator[ConsolePage]:
    """A phone that has signed in."""
    async with chromium() as browser, console_page(browser, busy_office.console, PHONE) as tab:
        await tab.sign_in()
        yield tab


async def test_nothing_is_wrong_with_any_page_on_a_phone(phone: ConsolePage) -> None:
    """No error in the browser, nothing wider than the window, no key for a sentence, labels, headings, contrast."""
    wrong: dict[str, list[str]] = {}
    for shown in await shown_pages(phone):
        if shown.signed_in:
            await shown.open(phone)
            found = [what for what in await phone.wrong() if not (shown.name == "not-found" and "404" in what)]
            wrong |= {shown.name: found} if found else {}

    assert wrong == {}


async def test_the_menu_of_a_phone_opens_by_key_and_closes(phone: ConsolePage) -> None:
    """The first stop of the keyboard leads to the page; the menu says whether it is open."""
    await phone.open("/")
    await phone.page.keyboard.press("Tab")
    assert await phone.page.evaluate("document.activeElement.getAttribute('href')") == "#page"
    button, side = phone.page.locator("[data-menu]"), phone.page.locator("#side")
    await expect(side).to_be_hidden()

    await button.press("Enter")
    await expect(side).to_be_visible()
    assert await button.get_attribute("aria-expanded") == "true"
    await phone.page.keyboard.press("Escape")

    await expect(side).to_be_hidden()


async def test_a_terminal_appears_without_a_reload(busy_office: PicturedOffice, phone: ConsolePage) -> None:
    """And the page a person is reading stays where it is."""
    await phone.open("/terminals")
    await phone.page.evaluate("window.stays = true")
    newcomer = INVESTORS[9]
    assert await phone.page.get_by_role("link", name=newcomer).count() == 0

    async with busy_office.site.terminal(APP_IDS[0]) as terminal:
        await log_in(terminal, newcomer, await collect_now())
        await expect(phone.page.get_by_role("link", name=newcomer)).to_be_visible(timeout=_MILLISECONDS)

    assert await phone.page.evaluate("window.stays") is True


async def test_a_fault_is_shown_while_it_lasts(busy_office: PicturedOffice, phone: ConsolePage) -> None:
    """The front goes and comes: the state follows, with what to do, and no reload."""
    await phone.open("/")
    await phone.page.evaluate("window.stays = true")
    state = phone.page.locator(".state")
    await expect(state).to_have_attribute("data-kind", "ok", timeout=_MILLISECONDS)

    await busy_office.site.counter.control.pause()
    try:
        await expect(state).to_have_attribute("data-kind", "bad", timeout=_MILLISECONDS)
        await expect(state).to_contain_text("柜台前置连接中断")
        assert await phone.page.evaluate("window.stays") is True
        for shown in shown_with_a_fault():
            await shown.open(phone)
            assert await phone.wrong() == [], shown.name
    finally:
        await busy_office.site.counter.control.resume()

    await phone.open("/")
    await expect(state).to_have_attribute("data-kind", "ok", timeout=_MILLISECONDS)
