"""`python -m tests.console_pictures [FOLDER]`: pictures of every page, in both languages, three widths, both themes."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser

from ctpabi.shim.build import build
from tests.console_pictures.browser import ConsolePage, Look, chromium, console_page
from tests.console_pictures.office import PicturedOffice, pictured_office
from tests.console_pictures.shown import Shown, shown_pages, shown_with_a_fault

LOOKS = [Look(*look) for look in itertools.product((390, 1440, 2560), ("zh", "en"), ("light", "dark"))]
FEW = [Look(1440, language) for language in ("zh", "en")]
"""for the manual"""
_WARM_UP_SECONDS = 130.0
"""rates are counted in steps of ten seconds; with fewer the charts are empty"""


async def take_pictures(folder: Path, looks: Sequence[Look], warm_up: float) -> int:
    """Write them all; returns with how many pages something is wrong."""
    with tempfile.TemporaryDirectory() as place:
        async with pictured_office(Path(place)) as office, chromium() as browser:
            async with console_page(browser, office.console, Look()) as tab:
                await tab.sign_in()
                state = await tab.page.context.storage_state()
                pages = await shown_pages(tab)
            await asyncio.sleep(warm_up)
            wrong = await _take(browser, office, folder, looks, state, pages)
            await office.site.counter.control.pause()
            return wrong + await _take(browser, office, folder, looks, state, shown_with_a_fault())


async def _take(
    browser: Browser,
    office: PicturedOffice,
    folder: Path,
    looks: Sequence[Look],
    state: object,
    pages: Sequence[Shown],
) -> int:
    wrong = 0
    for look in looks:
        for signed_in in (True, False):
            async with console_page(browser, office.console, look, state if signed_in else None) as tab:
                for shown in pages:
                    if shown.signed_in is signed_in:
                        wrong += await _take_one(tab, shown, folder)
    return wrong


async def _take_one(tab: ConsolePage, shown: Shown, folder: Path) -> int:
    await shown.open(tab)
    found = [what for what in await tab.wrong() if not (shown.name == "not-found" and "404" in what)]
    await tab.picture(folder / f"{shown.name}-{tab.look}.png", whole=shown.whole)
    for what in found:
        sys.stderr.write(f"{shown.name} {tab.look}: {what}\n")
    return bool(found)


def main() -> int:
    """0 where nothing is wrong with any page."""
    parser = argparse.ArgumentParser(prog="python -m tests.console_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist/console-pictures"))
    parser.add_argument("--few", action="store_true", help="each page in both languages at one width, for the manual")
    parser.add_argument("--warm-up", type=float, default=_WARM_UP_SECONDS, metavar="SECONDS")
    given = parser.parse_args()
    build()
    given.folder.mkdir(parents=True, exist_ok=True)
    wrong = asyncio.run(take_pictures(given.folder, FEW if given.few else LOOKS, given.warm_up))
    sys.stdout.write(f"{len(list(given.folder.glob('*.png')))} pictures in {given.folder}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
