"""A console over a SQLite database, relays that are made up, and browsers that speak to it without a network."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Engine

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.accounts import AccountActions
from relay.admin.changes import Changes
from relay.admin.history import HistoryReads
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.person import person_of_console
from relay.admin.roles import PersonRole
from relay.admin.terminals import TerminalActions
from relay.admin_client import AskFailed
from relay.console.application import make_application, make_templates, menu_for
from relay.console.live import Live, RelayAway
from relay.console.parts import ConsoleActions, ConsoleParts, Work
from relay.console.passwords import Passwords
from relay.console.sign_ins import SignIns
from relay.console.tries import SignInTries
from relay.console.words import load_sentences
from relay.database.database import open_database, prepare
from relay.directory.accounts import ConsoleAccounts
from relay.settings.listen_section import Listen
from relay.settings.settings import CounterSettings, Settings

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
BASE = "https://console.test"
_HIDDEN = re.compile(r'type="hidden" name="([a-z_]+)" value="([^"]*)"')
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class HandClock:
    """Moves when a test says so."""

    now: dt.datetime = dt.datetime(2026, 1, 5, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))

    def wall(self) -> dt.datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


@dataclass
class MadeUpRelay:
    """Answers what a test puts in."""

    name: str = "relay-a"
    answer: dict[str, Any] = field(default_factory=lambda: {"relay": "relay-a", "figures": []})
    away: bool = False
    asked: int = 0

    async def status(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise RelayAway("connection refused")
        return self.answer

    async def close(self) -> None:
        pass

    requests: list[Any] = field(default_factory=list)
    """what it was asked for by actions"""
    trouble: AskFailed | None = None

    async def _asked(self, request: Any) -> Any:
        self.requests.append(request)
        if self.trouble is not None:
            raise self.trouble
        name = type(request).__name__.removesuffix("Request")
        answers = {"GetRunningSettings": pb.RunningSettings, "ReconnectOperator": pb.ReconnectResponse}
        usual: Any = answers.get(name) or getattr(pb, f"{name}Response", pb.ReconnectResponse)
        return self.answers.get(name, usual)()

    answers: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return self._asked

    @property
    def client(self) -> Any:
        return self

    async def list_alarms(self, _request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        return pb.ListAlarmsResponse()


@dataclass
class Office:
    """One console and everything it stands on."""

    parts: ConsoleParts
    clock: HandClock
    relay: MadeUpRelay
    app: Any

    @asynccontextmanager
    async def browser(self, address: str = "192.0.2.7", **headers: str) -> AsyncIterator[Browser]:
        transport = httpx.ASGITransport(self.app, client=(address, 40_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
            yield Browser(client)

    @asynccontextmanager
    async def signed_in(self, role: PersonRole = PersonRole.ADMIN, **headers: str) -> AsyncIterator[Browser]:
        async with self.browser(**headers) as browser:
            await browser.sign_in(role.value)
            yield browser

    def add(self, name: str, role: PersonRole, password: str = PASSWORD) -> None:
        self.parts.accounts.add(name, role.value, self.parts.passwords.hashed(password))


@dataclass
class Browser:
    client: httpx.AsyncClient

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(path, **more)

    async def token(self, path: str) -> str:
        """The token of the form on this page."""
        page = await self.get(path)
        found = _TOKEN.search(page.text)
        assert found is not None, f"{path} has no form: {page.status_code}"
        return found[1]

    async def send(self, path: str, form: Mapping[str, Any], *, form_at: str = "", **more: Any) -> httpx.Response:
        """Open the page with the form, fill it in, send it."""
        page = await self.get(form_at or path)
        hidden = dict(_HIDDEN.findall(page.text))
        assert "csrf" in hidden, f"{form_at or path} has no form: {page.status_code}"
        return await self.client.post(path, data={**hidden, **form}, **more)

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return await self.send("/sign-in", {"name": name, "password": password})

    @property
    def cookie(self) -> str:
        return self.client.cookies.get("__Host-ctp-relay-8443") or ""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def quick_hashes() -> Passwords:
    return Passwords(QUICK)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, quick_hashes: Passwords) -> Path:
    """A database with an account for each role, named like it; tests take copies."""
    folder = tmp_path_factory.mktemp("prepared")
    folder.chmod(0o700)
    file = folder / "relay.sqlite3"
    engine = open_database(SecretStr(f"sqlite:///{file}"))
    prepare(engine)
    accounts = ConsoleAccounts(engine, clock=HandClock().wall)
    for role in PersonRole:
        accounts.add(role.value, role.value, quick_hashes.hashed(PASSWORD))
    engine.dispose()
    return file


@pytest.fixture
def engine(state_dir: Path, prepared: Path) -> Engine:
    copy = state_dir / "relay.sqlite3"
    shutil.copyfile(prepared, copy)
    return open_database(SecretStr(f"sqlite:///{copy}"))


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    return Settings.model_validate(
        {
            "relay": {"state_dir": state_dir},
            "listen": Listen(plaintext_on_loopback=True),
            "counter": CounterSettings(fronts=("tcp://127.0.0.1:1",), broker_id="9999", relay_app_id="relay_1.0"),
        }
    )


@pytest_asyncio.fixture
async def office(
    engine: Engine, settings: Settings, clock: HandClock, quick_hashes: Passwords
) -> AsyncIterator[Office]:
    """A console with an account for each role, named like it."""
    relay = MadeUpRelay()
    changes = Changes(engine, "relay", clock.wall)
    key_file = settings.relay.state_dir / "secrets.key"
    live = Live([relay], poll_seconds=0.01, most_streams=8, clock=clock.seconds, counters=lambda status: {})
    parts = ConsoleParts(
        settings=settings,
        clock=clock.wall,
        words=load_sentences(),
        templates=make_templates(),
        work=Work(),
        accounts=ConsoleAccounts(engine, clock=clock.wall),
        passwords=Passwords(QUICK),
        sign_ins=SignIns(clock.seconds, idle_seconds=1800, longest_seconds=43200),
        tries=SignInTries(clock.seconds),
        live=live,
        ledger=engine,
        actions=ConsoleActions(
            process=person_of_console(),
            terminals=TerminalActions(engine, key_file, changes, clock.wall),
            investors=InvestorActions(engine, changes, clock.wall),
            accounts=AccountActions(engine, key_file, changes, clock.wall, QUICK),
            records=LedgerActions(engine, settings.relay.state_dir / "signing.key", changes),
            history=HistoryReads(engine, changes, clock.wall),
            changes=changes,
        ),
        menu_for=menu_for,
        token_key=b"k" * 32,
    )
    office = Office(parts, clock, relay, make_application(parts))
    async with office.app.router.lifespan_context(office.app):
        yield office
    engine.dispose()
