"""Chromium on the console: signs in, opens pages, says what is wrong with them, takes pictures."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from relay.console.words import load_sentences
from tests.console_pictures.office import ACCOUNT, PASSWORD

CHROMIUM = "/usr/bin/chromium"
HEIGHTS = {390: 844, 1440: 900, 2560: 1440}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
_WORDS = "() => document.body.innerText.replace(document.querySelector('pre')?.innerText ?? '', '')"
"""of the page, without an entry's stored text, which has both languages"""
_WRONG_BY_ITSELF = Path(__file__).with_name("wrong_by_itself.js").read_text(encoding="utf-8")
"""asks the page; see there"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    width: int = 1440
    language: str = "zh"
    theme: str = "light"

    def __str__(self) -> str:
        return f"{self.language}-{self.theme}-{self.width}"


@dataclass(slots=True)
class ConsolePage:
    """One tab; what its browser complains about is kept."""

    page: Page
    address: str
    look: Look
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str, *, live: bool = True) -> None:
        """Go there, and wait until news of the relay have come in where the page shows some."""
        await self.page.goto(self.address + path, wait_until="load")
        if live and await self.page.locator("[data-live-note]").count():
            await self.page.locator("[data-live-note][data-live-state=live]").wait_for(timeout=20_000)

    async def sign_in(self) -> None:
        """As the office's account."""
        await self.page.goto(f"{self.address}/sign-in")
        await self.page.fill("#name", ACCOUNT)
        await self.page.fill("#password", PASSWORD)
        await self.page.click("button.primary")
        await self.page.wait_for_url(f"{self.address}/")

    async def wrong(self) -> list[str]:
        """What is wrong with the page that is open; empty where nothing is."""
        found: list[str] = await self.page.evaluate(_WRONG_BY_ITSELF)
        words: str = await self.page.evaluate(_WORDS)
        shown = [
            key
            for key in sorted(load_sentences().keys())
            if re.search(rf"(?<![\w./-]){re.escape(key)}(?![\w./-])", words)
        ]
        found += [f"a key of the catalog shows: {key}" for key in shown]
        if self.look.language == "en" and (left := re.findall(r"[\u4e00-\u9fff]{2,}", _without_names(words))):
            found.append(f"Chinese on an English page: {left[:5]}")
        complaints, self.complaints = self.complaints, []
        return found + complaints

    async def picture(self, file: Path, *, whole: bool = True) -> None:
        """Write what the page looks like; of a long one the whole."""
        await self.page.screenshot(path=file, full_page=whole, animations="disabled")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--lang=zh-CN"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def console_page(browser: Browser, address: str, look: Look, state: Any = None) -> AsyncIterator[ConsolePage]:
    """A tab with a language, a theme and a width; `state` is of a context that has signed in."""
    size = {"width": look.width, "height": HEIGHTS.get(look.width, 900)}
    context: BrowserContext = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale=LOCALES[look.language],
        timezone_id="Asia/Shanghai",
        ignore_https_errors=True,
        reduced_motion="reduce",
        storage_state=state,
    )
    try:
        tab = ConsolePage(await context.new_page(), address, look)
        tab.page.on(
            "console", lambda said: tab.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        yield tab
    finally:
        await context.close()


def _without_names(words: str) -> str:
    """The switch of languages names Chinese in Chinese, settings' texts put Chinese terms in brackets; what the counter wrote stays as it wrote it."""
    return re.sub(r"\([^)]*[\u4e00-\u9fff][^)]*\)|中文|CTP:\S+|演示\S*|查询 / look-up", "", words)
