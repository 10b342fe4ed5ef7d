"""All that a relay shows of itself: its console's pages in both languages, `ctp-relay status` in both forms, /metrics and /readyz.

The console is made in this process: its pages are the same, and another process costs seconds.
"""

from __future__ import annotations

import asyncio
import html
import io
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from rich.console import Console

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.roles import PersonRole
from relay.admin_client import AdminClient, RelayDoor
from relay.cli.reader import Reader
from relay.cli.status import as_values, picture
from relay.console.application import make_application
from relay.console.routes import PAGES
from relay.console.serve import make_parts
from relay.database.database import open_database
from relay.outside_text import shown_json
from relay.settings.file import ledger_url, load
from tests.e2e.relay_process import RelayProcess
from tests.relay.console.conftest import BASE, PASSWORD, Browser

LANGUAGES = ("zh", "en")
_LIVE = frozenset({"live"})
"""a stream, which has no end"""
_NAME = "guard"
_ENTRY = re.compile(r'href="(/ledger/entry/[^"]+)"')
MOST_ENTRIES = 12


@asynccontextmanager
async def console_here(relay: RelayProcess) -> AsyncIterator[Browser]:
    """A browser that has signed in to a console of this relay's, as an administrator who has just been made."""
    settings = load(relay.config)
    engine = open_database(ledger_url(settings))
    parts = make_parts(settings, engine, engine)
    if parts.accounts.find(_NAME) is None:
        parts.accounts.add(_NAME, PersonRole.ADMIN.value, parts.passwords.hashed(PASSWORD))
    app = make_application(parts)
    try:
        async with app.router.lifespan_context(app):
            for one in parts.live.watched:
                await parts.live.look(one.name)  # so that the first page has its answer
            transport = httpx.ASGITransport(app, client=("192.0.2.7", 40_000))
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                browser = Browser(client)
                await browser.sign_in(_NAME)
                yield browser
    finally:
        engine.dispose()


async def pages_of(relay: RelayProcess, session: str = "") -> dict[str, str]:
    """Every page that can be looked at, by language and path: forms too, a terminal's session, and the newest entries."""
    name = load(relay.config).relay.name
    found: dict[str, str] = {}
    async with console_here(relay) as browser:
        for language in LANGUAGES:
            await browser.get("/choices", params={"language": language, "theme": "light", "back": "/"})
            for page in PAGES:
                path = page.path.format(relay=name, session=session or "none", sequence="1")
                if "GET" in page.methods and page.name not in _LIVE:
                    answer = await browser.get(path)
                    assert answer.status_code < 500, (language, path)
                    found[f"{language} {path}"] = answer.text
            for path in _ENTRY.findall(found[f"{language} /ledger"])[:MOST_ENTRIES]:
                found[f"{language} {path}"] = (await browser.get(html.unescape(path))).text
    return found


async def status_of(relay: RelayProcess) -> pb.RelayStatus:
    client = AdminClient(RelayDoor(relay.state_dir / "control.sock"), deadline_seconds=60.0)
    try:
        return await client.get_status(pb.GetStatusRequest())
    finally:
        await client.close()


def screens_of(status: pb.RelayStatus) -> dict[str, str]:
    """What `ctp-relay status` writes for people, in each language, and for programs."""
    found = {"status json": shown_json(as_values(status))}
    for language in LANGUAGES:
        typed = io.StringIO()
        Console(file=typed, width=200).print(picture(status, Reader(chinese=language == "zh")))
        found[f"status {language}"] = typed.getvalue()
    return found


async def shown_of(relay: RelayProcess, session: str = "") -> Mapping[str, str]:
    """All of it, by where it stands. The relay has its figures at an address."""
    found = await pages_of(relay, session) | screens_of(await status_of(relay))
    address = load(relay.config).metrics.address
    for path in ("/metrics", "/readyz", "/healthz"):
        found[path] = await asyncio.to_thread(_fetched, f"http://{address}{path}")
    return found


def _fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:  # not ready is an answer too
        return refused.read().decode()
