"""Forms and query strings of the web console: any page, asked or sent by any role, with whatever fields."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

from argon2 import PasswordHasher
from pydantic import SecretStr
from starlette.types import Message

from ctprelay.v1 import admin_pb2 as pb
from fuzz.mutations import any_bytes, lines_of
from fuzz.targets import Play, promise
from relay.admin.accounts import AccountActions
from relay.admin.changes import Changes
from relay.admin.history import HistoryReads
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.person import person_of_console
from relay.admin.roles import PersonRole
from relay.admin.terminals import TerminalActions
from relay.console.application import make_application, make_templates, menu_for
from relay.console.live import Live, RelayAway
from relay.console.parts import ConsoleActions, ConsoleParts, Work
from relay.console.passwords import Passwords
from relay.console.routes import PAGES
from relay.console.security import HEADERS, cookie_of, form_token
from relay.console.sign_ins import SignIns
from relay.console.tries import SignInTries
from relay.console.words import load_sentences
from relay.counter.port import Investor
from relay.database.database import open_database, prepare
from relay.directory.accounts import ConsoleAccounts
from relay.directory.secrets_box import SecretsBox
from relay.settings.listen_section import Listen
from relay.settings.settings import CounterSettings, Settings

_T = TypeVar("_T")
_LOOP = asyncio.new_event_loop()
_NOW = dt.datetime(2026, 1, 5, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of accounts that are made here
_BOUNDARY: Final = "fuzzboundary"
_STATUSES: Final = {200, 303, 400, 403, 404, 405, 413, 422, 429, 503}
"""what a page may answer; 500 is a fault of the console"""
_UNSEEN: Final = {"password", "account_password", "new_password", "again", "auth_code"}
_OPEN_ENDED: Final = "/live"
"""a stream, which lasts"""


class _InlineWork(Work):
    async def run(self, work: Callable[[], _T], *, seconds: float | None = None) -> _T:
        del seconds
        return work()


class _PlayedRelay:
    """Answers every question and action with an empty answer of its kind."""

    name = "relay-a"

    def __init__(self) -> None:
        self.reasons: list[str] = []

    @property
    def client(self) -> Any:
        return self

    async def status(self) -> Mapping[str, Any]:
        raise RelayAway("played")

    async def close(self) -> None:
        """Nothing is held."""

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self._answer, method)

    async def _answer(self, method: str, request: Any) -> Any:
        if not method.startswith(("list_", "get_", "look_")):
            self.reasons.append(request.asking.reason)
        others: dict[str, Any] = {
            "get_running_settings": pb.RunningSettings,
            "get_session": pb.TerminalSession,
            "reconnect_operator": pb.ReconnectResponse,
            "reconnect_counter": pb.ReconnectResponse,
        }
        camel = "".join(part.capitalize() for part in method.split("_"))
        return (others.get(method) or getattr(pb, f"{camel}Response"))()


class _FormOffice:
    """A console over a database that is as new for each input."""

    def __init__(self, folder: Path) -> None:
        url = SecretStr(f"sqlite:///{folder / 'relay.sqlite3'}")
        self.engine = open_database(url)
        prepare(self.engine)
        self.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        self.passwords = Passwords(self.hasher)
        self.settings = Settings.model_validate(
            {
                "relay": {"state_dir": folder},
                "listen": Listen(plaintext_on_loopback=True),
                "counter": CounterSettings(fronts=("tcp://127.0.0.1:1",), broker_id="9999", relay_app_id="relay_1.0"),
            }
        )
        self.key_file = folder / "secrets.key"
        SecretsBox.open_or_create(self.key_file)
        changes = Changes(self.engine, "relay", _now)
        by = person_of_console()
        accounts = AccountActions(self.engine, self.key_file, changes, _now, self.hasher)
        for role in PersonRole:
            accounts.add(by, role.value, role, _PASSWORD)
        TerminalActions(self.engine, self.key_file, changes, _now).add(by, "terminal_1.0", "ABCDEFGHJKLMNPQ1")
        InvestorActions(self.engine, changes, _now).add(by, Investor("9999", "100001"), "pw")
        self.pristine = sqlite3.connect(":memory:", check_same_thread=False)
        with sqlite3.connect(folder / "relay.sqlite3") as made:
            made.backup(self.pristine)
        self.file = folder / "relay.sqlite3"

    def begin(self) -> tuple[Any, ConsoleParts, _PlayedRelay]:
        """The application, with the database as it was at first."""
        with sqlite3.connect(self.file) as target:
            self.pristine.backup(target)
        target.close()
        changes, relay = Changes(self.engine, "relay", _now), _PlayedRelay()
        parts = ConsoleParts(
            settings=self.settings,
            clock=_now,
            words=_WORDS,
            templates=_TEMPLATES,
            work=_InlineWork(),
            accounts=ConsoleAccounts(self.engine, clock=_now),
            passwords=self.passwords,
            sign_ins=SignIns(lambda: 0.0, idle_seconds=1800, longest_seconds=43200),
            tries=SignInTries(lambda: 0.0),
            live=Live([relay], poll_seconds=60, most_streams=8, clock=lambda: 0.0, counters=lambda _: {}),
            ledger=self.engine,
            actions=ConsoleActions(
                process=person_of_console(),
                terminals=TerminalActions(self.engine, self.key_file, changes, _now),
                investors=InvestorActions(self.engine, changes, _now),
                accounts=AccountActions(self.engine, self.key_file, changes, _now, self.hasher),
                records=LedgerActions(self.engine, self.file.with_name("signing.key"), changes),
                history=HistoryReads(self.engine, changes, _now),
                changes=changes,
            ),
            menu_for=menu_for,
            token_key=b"k" * 32,
        )
        return make_application(parts), parts, relay

    def state(self) -> tuple[object, ...]:
        """The directory, and how many entries of changes the ledger has."""
        with sqlite3.connect(self.file) as there:
            rows = [there.execute(f"SELECT {what} FROM {table}").fetchall() for table, what in _TABLES.items()]  # noqa: S608 - our names
            entries = there.execute("SELECT kind, data FROM ledger ORDER BY sequence").fetchall()
        there.close()
        return rows, [(kind, json.loads(data)) for kind, data in entries]


def _now() -> dt.datetime:
    return _NOW


def console_forms(data: bytes) -> None:
    """A page is shown, a form carried out or refused: never a fault, nothing without entry, reason and role, no markup from outside."""
    lines = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace").split("\n")
    role, (method, _, path) = lines[0], (lines[1] if len(lines) > 1 else "GET /").partition(" ")
    fields = [(name, value) for name, _, value in (line.partition("=") for line in lines[2:])]
    if method not in {"GET", "POST", "HEAD"} or path.startswith(_OPEN_ENDED) or not path.startswith("/"):
        return
    _LOOP.run_until_complete(_ask(role, method, path, fields))


async def _ask(role: str, method: str, path: str, fields: list[tuple[str, str]]) -> None:
    app, parts, relay = _OFFICE.begin()
    before = cast("Any", _OFFICE.state())
    identity = (
        parts.sign_ins.open(role, _generation(parts, role), "192.0.2.7", confirmed=True) if role in _ROLES else "x"
    )
    own = [name for name, _ in fields]
    right = [] if "csrf" in own else [("csrf", form_token(parts.token_key, identity))]
    answer = await _send(app, identity, method, path, fields + right)
    after = cast("Any", _OFFICE.state())
    promise(answer.status in _STATUSES, f"an answer is one of a page's, not {answer.status}")
    promise(all(answer.headers.get(name) == value for name, value in HEADERS.items()), "every answer has the headers")
    location = answer.headers.get("location", "/")
    promise(location.startswith("/") and not location.startswith("//"), f"no page sends elsewhere: {location!r}")
    _promise_text(answer.body, path, fields)
    acted = [entry for entry in after[1][len(before[1]) :] if entry[0].startswith("admin_")]
    changed = before[0] != after[0]
    promise(not changed or any(not kind.endswith("_failed") for kind, _ in acted), "no change is without its entry")
    promise(not (changed or relay.reasons) or (method == "POST" and not _wrong_token(fields, right)), "a form changes")
    promise(all(relay.reasons), "what a relay is asked to do has a reason")
    promise(role in _ROLES or not (changed or relay.reasons), "who is not signed in changes nothing")
    promise(all(data["reason"] and data["by"] for _, data in acted), "every entry says who and why")
    promise(not (role == "viewer" and relay.reasons), "a viewer steers no relay")


def _wrong_token(fields: list[tuple[str, str]], right: list[tuple[str, str]]) -> bool:
    return not right and bool(fields)


def _promise_text(body: str, path: str, fields: list[tuple[str, str]]) -> None:
    if not body.startswith("<!"):
        return
    given = [value for _, value in fields if len(value) > 3]
    promise(not [one for one in given if "<" in one and one in body], "no markup from a form is in a page")
    query = path.partition("?")[2]
    promise(not ("<" in query and len(query) > 3 and query in body), "no markup from an address is in a page")
    unseen = [value for name, value in fields if name in _UNSEEN and len(value) > 11 and value.isascii()]
    promise(
        not [value for value in unseen if value in body and value not in path], "no page has a secret that was sent"
    )


def _generation(parts: ConsoleParts, name: str) -> int:
    account = parts.accounts.find(name)
    return account.generation if account is not None else 0


class _PageAnswer:
    """What the application sends."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._body = bytearray()

    @property
    def body(self) -> str:
        return self._body.decode("utf-8", "replace")

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            self._body += message.get("body", b"")


async def _send(app: Any, identity: str, method: str, path: str, fields: list[tuple[str, str]]) -> _PageAnswer:
    kind, body = _encoded(fields) if method == "POST" else (b"", b"")
    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": plain,
        "raw_path": plain.encode("utf-8", "replace"),
        "root_path": "",
        "query_string": query.encode("utf-8", "replace"),
        "headers": [
            (b"host", b"console.test"),
            (b"cookie", f"{cookie_of(_OFFICE.settings.console)}={identity}".encode()),
            *([(b"content-type", kind)] if kind else []),
        ],
        "client": ("192.0.2.7", 1),
        "server": ("192.0.2.1", 443),
        "state": {},
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    answer = _PageAnswer()
    await app(scope, receive, answer)
    return answer


def _encoded(fields: list[tuple[str, str]]) -> tuple[bytes, bytes]:
    """As a browser sends a form; with a file in it in parts."""
    if not any(name == "file" for name, _ in fields):
        pairs = [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in fields]
        return b"application/x-www-form-urlencoded", urlencode(pairs).encode()
    body = bytearray()
    for name, value in fields:
        named = name.replace("\r", "").replace('"', "")
        file = '; filename="investors.csv"' if name == "file" else ""
        text = value.replace("|", "\n")
        body += f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{named}"{file}\r\n\r\n{text}\r\n'.encode(
            "utf-8", "replace"
        )
    return f"multipart/form-data; boundary={_BOUNDARY}".encode(), bytes(body + f"--{_BOUNDARY}--\r\n".encode())


_ROLES: Final = tuple(role.value for role in PersonRole)
_TABLES: Final = {
    "terminal": "*",
    "investor": "*",
    "console_account": "name, role, password_hash, enabled, generation, factor_key, recovery_hashes",
    "machine": "*",
}
"""what is changed with an entry: how somebody likes to look at pages is not"""
_WORDS, _TEMPLATES = load_sentences(), make_templates()
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-console-")
_OFFICE = _FormOffice(Path(_FOLDER.name))
_PATHS: Final = tuple(page.path.replace("{chain}", "relay").replace("{sequence}", "1") for page in PAGES)
_FIELDS: Final = (
    *(
        "reason=as agreed",
        "sure=yes",
        "relay=relay-a",
        "name=viewer",
        "app_id=terminal_1.0",
        "investor_id=100001",
        "broker_id=9999",
    ),
    *("session=s1", "modes=many_to_one", "kinds=ordinary", "level=debug", "csrf=", f"password={_PASSWORD}", "code=1"),
    *("new_name=li.na", "new_role=operator", f"account_password={_PASSWORD}", "account_ids=A1;A2", "what=day"),
    *("reason=<script>alert(1)</script>", "name=<img src=x onerror=alert(1)>", "old_code_until=2026-01-12"),
    *("public_reason=柜台维护", "tell_terminal=tell", "new_investor_id=100002", "new_password=secret-of-100002"),
    "file=investor_id,password|100003,secret-of-100003|",
)
_QUERIES: Final = ("who=100001", "day=2026-01-05", "around=8:57", "relay=relay-a", "language=en", "back=//evil.test")


def _word(data: bytes, most: int, random: Random) -> bytes:
    match random.randrange(5):
        case 0:
            return random.choice(_FIELDS).encode()
        case 1:
            return f"POST {random.choice(_PATHS)}".encode()
        case 2:
            return f"GET {random.choice(_PATHS)}?{random.choice(_QUERIES)}&{random.choice(_FIELDS)}".encode()
        case 3:
            return random.choice((*_ROLES, "stranger")).encode()
        case _:
            return any_bytes(data, most, random)


_SEEDS: Final = (
    "admin\nPOST /app-ids/add\napp_id=desk_2.0\nmodes=many_to_many\nkinds=ordinary\nreason=as agreed",
    "admin\nPOST /app-ids/rotate\napp_id=terminal_1.0\nold_code_until=2026-01-12\nreason=as agreed",
    "operator\nPOST /app-ids/disable\napp_id=terminal_1.0\nreason=as agreed\nsure=yes",
    "admin\nPOST /investors/add\nnew_investor_id=100002\nnew_password=secret-of-100002\nreason=as agreed",
    "admin\nPOST /investors/import\nfile=investor_id,password|100003,secret-of-100003|",
    "operator\nPOST /investors/forget-machines\nbroker_id=9999\ninvestor_id=100001\nreason=as agreed\nsure=yes",
    "operator\nPOST /terminals/kick\nrelay=relay-a\nsession=s1\ntell_terminal=tell\nreason=as agreed",
    "operator\nPOST /control/pause\nrelay=relay-a\npublic_reason=柜台维护\nreason=as agreed\nsure=yes",
    "admin\nPOST /control/drain\nrelay=relay-a\nreason=as agreed\nsure=yes",
    "admin\nPOST /accounts/role\nname=viewer\nnew_role=operator\nreason=as agreed",
    f"viewer\nPOST /me/password\npassword={_PASSWORD}\nnew_password=another password\nagain=another password",
    f"stranger\nPOST /sign-in\nname=admin\npassword={_PASSWORD}\nnext=//evil.test",
    "viewer\nGET /history?who=100001&day=2026-01-05&around=8:57",
    "viewer\nGET /ledger?day=2026-01-05&kind=terminal_refused&after=1.2",
    "viewer\nGET /choices?language=en&back=//evil.test",
    "viewer\nPOST /app-ids/disable\napp_id=terminal_1.0\nreason=as agreed\nsure=yes",
)
PLAYS = {"console_forms": Play(console_forms, [seed.encode() for seed in _SEEDS], lines_of(_word), longest=2000)}
"""by target"""
