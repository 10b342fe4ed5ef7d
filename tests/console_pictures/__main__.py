"""`python -m tests.console_pictures [FOLDER]`: pictures of every page, in both languages, three widths, both themes.

With --manual: those that the manual shows, where they are not there yet. `make docs` does it, so that a fresh clone's site has them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import sys
import tempfile
from collections.abc import Container, Sequence
from pathlib import Path

from playwright.async_api import Browser

from ctpabi.shim.build import build
from tests.console_pictures.browser import CHROMIUM, ConsolePage, Look, chromium, console_page
from tests.console_pictures.office import PicturedOffice, pictured_office
from tests.console_pictures.shown import Shown, shown_pages, shown_with_a_fault

LOOKS = [Look(*look) for look in itertools.product((390, 1440, 2560), ("zh", "en"), ("light", "dark"))]
OF_THE_MANUAL = [Look(*look) for look in itertools.product((1440,), ("zh", "en"), ("light", "dark"))]
_MANUAL = Path(__file__).resolve().parents[2] / "docs/manual"
_NAMED = re.compile(r"<!-- console: ([\w-]+) -->")
_WARM_UP_SECONDS = 130.0
"""rates are counted in steps of ten seconds; with fewer the charts are empty"""


def named_by_the_manual() -> frozenset[str]:
    """The pages whose pictures it shows."""
    pages = sorted(_MANUAL.rglob("*.md"))
    return frozenset(name for page in pages for name in _NAMED.findall(page.read_text(encoding="utf-8")))


async def take_pictures(
    folder: Path, looks: Sequence[Look], warm_up: float, names: Container[str] | None = None
) -> int:
    """Write them all, or those with one of the names; returns with how many pages something is wrong."""
    with tempfile.TemporaryDirectory() as place:
        async with pictured_office(Path(place)) as office, chromium() as browser:
            async with console_page(browser, office.console, Look()) as tab:
                await tab.sign_in()
                state = await tab.page.context.storage_state()
                pages = _wanted(await shown_pages(tab), names)
            await asyncio.sleep(warm_up)
            wrong = await _take(browser, office, folder, looks, state, pages)
            await office.site.counter.control.pause()
            return wrong + await _take(browser, office, folder, looks, state, _wanted(shown_with_a_fault(), names))


def _wanted(pages: Sequence[Shown], names: Container[str] | None) -> list[Shown]:
    return [page for page in pages if names is None or page.name in names]


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
    parser.add_argument("--manual", action="store_true", help="only what the manual shows, where it is missing")
    parser.add_argument("--warm-up", type=float, default=_WARM_UP_SECONDS, metavar="SECONDS")
    given = parser.parse_args()
    looks, names = (OF_THE_MANUAL, named_by_the_manual()) if given.manual else (LOOKS, None)
    if given.manual and all((given.folder / f"{name}-{look}.png").exists() for name in names or () for look in looks):
        return 0
    if given.manual and not Path(CHROMIUM).exists():
        sys.stderr.write(f"the manual is made without pictures of the console: there is no {CHROMIUM}\n")
        return 0
    build()
    given.folder.mkdir(parents=True, exist_ok=True)
    wrong = asyncio.run(take_pictures(given.folder, looks, given.warm_up, names))
    sys.stdout.write(f"{len(list(given.folder.glob('*.png')))} pictures in {given.folder}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
