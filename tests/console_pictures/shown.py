"""Which pages there are pictures of, and how each is opened.

The pages of the menu are asked of the table of routes, so that a new one has its picture without a line here.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.console.routes import PAGES
from tests.console_pictures.browser import ConsolePage
from tests.console_pictures.office import INVESTORS


@dataclass(frozen=True, slots=True)
class Shown:
    name: str
    """of the picture's file"""
    path: str
    waits_for: str = "main"
    """what is there when the page shows what it is for"""
    signed_in: bool = True
    whole: bool = True

    async def open(self, tab: ConsolePage) -> None:
        """Theme and language go with the browser; then the page."""
        look = tab.look
        await tab.page.goto(f"{tab.address}/choices?language={look.language}&theme={look.theme}&back=/sign-in")
        await tab.open(self.path)
        await tab.page.locator(self.waits_for).first.wait_for(timeout=30_000)


async def shown_pages(tab: ConsolePage) -> list[Shown]:
    """While all is well."""
    of_menu = [Shown(page.name, page.path) for page in PAGES if page.menu]
    await tab.open("/terminals")
    terminal = await tab.page.locator("tbody th a").last.get_attribute("href") or "/terminals"
    await tab.open("/ledger?kind=terminal_refused")
    entry = await tab.page.locator("tbody td:last-child a").first.get_attribute("href") or "/ledger"
    await tab.open("/ledger/verify")
    await tab.page.click("button[value=all]")
    return [
        *of_menu,
        Shown("wall", "/wall", whole=False),
        Shown("terminal", terminal),
        Shown("terminals-none-found", "/terminals?contains=109999"),
        Shown("history-answer", f"/history?who={INVESTORS[2]}", ".state"),
        Shown("history-nothing", "/history?who=109999", ".empty"),
        Shown("entry", entry),
        Shown("ledger-nothing", "/ledger?day=2020-01-01", ".empty"),
        Shown("ledger-verify", "/ledger/verify", ".state[data-kind=ok]"),
        Shown("not-found", "/nowhere"),
        Shown("sign-in", "/sign-in", signed_in=False),
    ]


def shown_with_a_fault() -> list[Shown]:
    """While the counter's front is away."""
    return [
        Shown("overview-fault", "/", ".state[data-kind=bad]"),
        Shown("wall-fault", "/wall", ".state[data-kind=bad]", whole=False),
        Shown("alarms-fault", "/alarms", "[data-live=faults] li[data-kind=bad]"),
    ]
