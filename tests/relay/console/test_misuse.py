"""What a stranger, a lower role, a link from outside and a forgotten browser do not get; each was tried against a console."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.roles import PersonRole
from relay.console.connection import BoundedConnection
from relay.console.relays import plain
from relay.console.routes import PAGES
from relay.console.sign_ins import SignIns
from relay.console.tries import MOST_AT_ADDRESS, MOST_OF_ADDRESS, SignInTries
from relay.console.verification import LedgerVerification
from relay.ledger import reader
from relay.ledger.digests import DigestUnavailable
from relay.ledger.ledger import record_now
from relay.refusals.refusal import LedgerUnavailable
from relay.tasks import Tasks
from tests.relay.console.conftest import PASSWORD, HandClock, Office

CHANGING = [page for page in PAGES if "POST" in page.methods]
SIGNED_IN_ONLY = [page for page in CHANGING if page.role is not None]
LOWER = [(page, role) for page in SIGNED_IN_ONLY for role in PersonRole if page.role and not role.may(page.role)]


def entries(engine: Engine) -> list[tuple[str, str]]:
    return [(entry.kind, entry.data) for entry in reader.read(engine)]


# Every row of the table of pages -------------------------------------------------------------------------------------


async def test_no_page_changes_anything_without_the_forms_token(office: Office) -> None:
    """With the highest role, everything filled in: no token, a made-up one, one in the address; nothing is in the ledger."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        before = entries(office.parts.ledger)
        token = await browser.token("/")
        filled = {"reason": "why", "sure": "yes", "relay": "relay-a", "name": "viewer", "app_id": "x"}
        for page in CHANGING:
            for form in (filled, {**filled, "csrf": "0" * 64}):
                answer = await browser.client.post(page.path, data=form)
                assert (page.path, answer.status_code) == (page.path, 403)
            answer = await browser.client.post(f"{page.path}?csrf={token}", data=filled)
            assert (page.path, answer.status_code) == (page.path, 403)

        assert entries(office.parts.ledger) == before
        assert office.relay.requests == []


@pytest.mark.parametrize("role", [PersonRole.VIEWER, PersonRole.OPERATOR])
async def test_no_page_changes_anything_for_a_lower_role(office: Office, role: PersonRole) -> None:
    """With this browser's own token; the form is refused, too."""
    async with office.signed_in(role) as browser:
        before, token = entries(office.parts.ledger), await browser.token("/")
        refused = [page for page, lower in LOWER if lower is role]
        for page in refused:
            form = {"csrf": token, "reason": "why", "sure": "yes", "relay": "relay-a", "name": "viewer", "app_id": "x"}
            sent = await browser.client.post(page.path, data=form)
            assert (page.path, sent.status_code) == (page.path, 403)
            if "GET" in page.methods:
                assert (page.path, (await browser.get(page.path)).status_code) == (page.path, 403)

        assert len(refused) > 5
        assert entries(office.parts.ledger) == before
        assert office.relay.requests == []


async def test_who_is_not_signed_in_gets_the_sign_in_from_every_page(office: Office) -> None:
    async with office.browser() as browser:
        for page in PAGES:
            if page.role is None:
                continue
            path = page.path.replace("{", "").replace("}", "")
            answer = await browser.client.request(page.methods[0], path)
            assert (path, answer.status_code) == (path, 303)
            assert answer.headers["location"].startswith("/sign-in?next=")


async def test_a_head_request_is_never_a_form(office: Office) -> None:
    """It has no token. A monitor that asks so, or a page of another site, tries no password and locks no one out."""
    async with office.browser() as browser, office.signed_in(PersonRole.ADMIN) as admin:
        statuses = [(await browser.client.head("/sign-in")).status_code for _ in range(MOST_OF_ADDRESS + 1)]
        own = [(await admin.client.head(page.path)).status_code for page in CHANGING if "GET" in page.methods]

        assert set(statuses) == {200}
        assert not {403, 422, 500} & set(own)
        assert (await browser.sign_in("viewer")).status_code == 303


# Sign-ins ------------------------------------------------------------------------------------------------------------


async def test_a_page_that_renews_itself_keeps_no_sign_in(office: Office) -> None:
    """Somebody went home and left the overview open: it ends after 30 minutes all the same."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        for _ in range(10):
            office.clock.move(200)
            await browser.get("/", headers={"x-live": "1"})

        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize(("role", "status"), [(PersonRole.VIEWER, 200), (PersonRole.OPERATOR, 303)])
async def test_a_wall_keeps_only_a_viewers_sign_in(office: Office, role: PersonRole, status: int) -> None:
    async with office.signed_in(role) as browser:
        for _ in range(10):
            office.clock.move(200)
            await browser.get("/wall", headers={"x-live": "1"})

        assert (await browser.get("/wall")).status_code == status


async def test_what_is_to_be_read_waits_for_a_person(office: Office) -> None:
    """Another tab that renews itself does not take the sentence that an action leaves for the next page."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        (sign_in,) = office.parts.sign_ins.of_account("admin")
        sign_in.notices.append("said once")
        by_itself = await browser.get("/", headers={"x-live": "1"})

        assert "said once" not in by_itself.text
        assert "said once" in (await browser.get("/")).text


async def test_what_is_typed_into_the_wrong_field_is_not_in_the_log(office: Office) -> None:
    async with office.browser() as browser:
        with capture_logs() as lines:
            await browser.sign_in(PASSWORD, "x")
            await browser.sign_in("viewer", "x")
        failed = [line["account"] for line in lines if line["event"] == "console_sign_in_failed"]

        assert failed == ["", "viewer"]
        assert PASSWORD not in json.dumps(lines)


def test_a_password_alone_ends_no_sign_in_that_has_its_second_factor() -> None:
    sign_ins = SignIns(lambda: 0.0, idle_seconds=10, longest_seconds=100)
    kept = sign_ins.confirm(sign_ins.open("a", 1, "192.0.2.1", confirmed=False))
    for _ in range(50):
        sign_ins.open("a", 1, "192.0.2.2", confirmed=False)

    assert sign_ins.find(kept) is not None
    assert len(sign_ins) < 20


def test_ipv4_addresses_behind_a_proxy_for_both_kinds_are_counted_apart() -> None:
    tries = SignInTries(lambda: 0.0)
    for _ in range(MOST_AT_ADDRESS):
        tries.failed("a", "::ffff:192.0.2.1")

    assert tries.seconds_left("a", "192.0.2.1") > 0
    assert tries.seconds_left("a", "::ffff:192.0.2.2") == 0


async def test_a_change_of_ones_own_is_kept_where_another_tab_asked_in_between(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tab's question found the grown generation and ended the sign-in: the person signs in, and sees no fault."""
    async with office.signed_in(PersonRole.VIEWER) as browser:
        accounts, change = office.parts.actions.accounts, office.parts.actions.accounts.set_own_password

        def changed(by: Any, password: str) -> None:
            change(by, password)
            office.parts.sign_ins.close_account("viewer")

        monkeypatch.setattr(accounts, "set_own_password", changed)
        new = "another horse battery"
        answer = await browser.send(
            "/me/password", {"password": PASSWORD, "new_password": new, "again": new}, form_at="/me/password"
        )

        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/app-ids/add?app_id=a&auth_code={}", "KNOWN00000000001"),
        ("/app-ids/rotate?app_id=a&auth_code={}", "KNOWN00000000001"),
        ("/accounts/add?new_name=a&new_role=admin&account_password={}", "known-to-strangers"),
        ("/investors/password?broker_id=9999&investor_id=1&new_password={}", "known-to-strangers"),
    ],
)
async def test_no_link_fills_in_a_secret(office: Office, path: str, secret: str) -> None:
    """An admin would send it off behind its dots, and who made the link would know the code."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        answer = await browser.get(path.format(secret))

        assert answer.status_code == 200
        assert f'value="{secret}"' not in answer.text


async def test_signing_in_anew_ends_what_this_browser_had(office: Office) -> None:
    async with office.signed_in(PersonRole.ADMIN) as browser:
        before = browser.cookie
        token = await browser.token("/")
        await browser.client.post("/sign-in", data={"csrf": token, "name": "viewer", "password": PASSWORD})

        assert office.parts.sign_ins.find(before) is None
        assert office.parts.sign_ins.find(browser.cookie) is not None


async def test_what_is_imported_is_what_the_page_showed(office: Office) -> None:
    """Two tabs, two files: who says yes to the first does not import the second."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        token, shown = await browser.token("/investors/import"), [""]
        for number in (1, 2):
            file = f"investor_id,password\n10000{number},x\n".encode()
            await browser.client.post("/investors/import", data={"csrf": token}, files={"file": ("a.csv", file)})
            if number == 1:
                shown = re.findall(
                    r'name="shown" value="([^"]+)"', (await browser.get("/investors/import/confirm")).text
                )
        form = {"csrf": token, "reason": "why", "shown": shown[0]}
        answer = await browser.client.post("/investors/import/confirm", data=form)

        assert (answer.status_code, "100002" in answer.text) == (422, True)
        assert office.parts.actions.investors.all() == []


async def test_a_file_without_names_of_columns_is_not_repeated(office: Office) -> None:
    """Its first line is a row, with a password."""
    async with office.signed_in(PersonRole.ADMIN) as browser:
        form = {"csrf": await browser.token("/investors/import")}
        file = {"file": ("a.csv", b"100001,secret-one\n100002,secret-two\n")}
        answer = await browser.client.post("/investors/import", data=form, files=file)

        assert answer.status_code == 422
        assert "secret" not in answer.text


# Hostile requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/history?who=%00&day=2026-01-05", "/ledger?session=%00", "/ledger/entry/1?chain=%00"]
)
async def test_a_character_that_no_database_takes_is_refused_at_the_door(office: Office, path: str) -> None:
    """PostgreSQL would answer with an error, and the console say that the database is away."""
    async with office.signed_in() as browser:
        assert (await browser.get(path)).status_code == 400
        assert (await browser.send("/sign-in/code", {"code": "\0"}, form_at="/")).status_code == 400


async def test_no_host_header_breaks_a_page_or_sends_a_browser_away(office: Office) -> None:
    async with office.browser() as browser:
        for host in ("evil.example", "[", "[::1", "a b", "\u00bd", "x:99999999", ""):
            headers = [(b"host", host.encode("latin-1"))]
            answers = [await browser.get(path, headers=headers) for path in ("/terminals/", "/static", "/sign-in")]

            assert (host, [answer.status_code for answer in answers]) == (host, [404, 404, 200])
            assert not [answer.headers["location"] for answer in answers if "location" in answer.headers]


async def test_static_files_are_those_of_the_folder(office: Office) -> None:
    async with office.browser() as browser:
        for path in ("..%2fserve.py", "%2e%2e/serve.py", "..%5cserve.py", "/etc/passwd", "%00"):
            assert (path, (await browser.get(f"/static/{path}")).status_code) == (path, 404)


async def test_a_browser_that_goes_away_while_it_sends_is_no_fault(office: Office) -> None:
    scope = _scope("POST", "/sign-in", (b"content-type", b"application/x-www-form-urlencoded"))
    with capture_logs() as lines:
        await office.app(scope, _receiving({"type": "http.disconnect"}), _Sent())

    assert [line["event"] for line in lines if line["log_level"] == "error"] == []


async def test_a_stream_whose_browser_is_gone_at_once_gives_its_place_back(office: Office) -> None:
    async with office.signed_in(PersonRole.VIEWER) as browser:
        cookie = (b"cookie", f"__Host-ctp-relay-8443={browser.cookie}".encode())
        for _ in range(8):
            sent = _Sent()
            await office.app(_scope("GET", "/live", cookie), _receiving({"type": "http.disconnect"}), sent)
            assert sent.status in {200, None}

        assert office.parts.live.take_stream("viewer")


async def test_where_the_ledger_cannot_be_written_a_history_says_so(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown, because the look would have no entry; and it is no fault of the console."""
    async with office.signed_in(PersonRole.VIEWER) as browser:

        def no_entry(*_: object) -> None:
            raise LedgerUnavailable("the disk is full")

        monkeypatch.setattr(office.parts.actions.changes, "record", no_entry)
        assert (await browser.get("/history?who=100001")).status_code == 503


def test_what_a_newer_relay_says_does_not_break_a_page() -> None:
    row = pb.TerminalSession.FromString(pb.TerminalSession(session="s").SerializeToString())
    field = pb.TerminalSession.DESCRIPTOR.fields_by_name["state"]
    tag = bytes([field.number << 3]) if field.number < 16 else _varint(field.number << 3)
    row.MergeFromString(tag + _varint(99))

    assert plain(row)["state"] == ""


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def _scope(method: str, path: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"console.test"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("192.0.2.1", 443),
        "state": {},
    }


def _receiving(message: dict[str, Any]) -> Any:
    async def receive() -> dict[str, Any]:
        return message

    return receive


class _Sent:
    """What an answer says of itself."""

    status: int | None = None

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


# The record ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [DigestUnavailable("sm3"), OSError("cannot be read"), KeyError("chains")])
def test_a_verification_that_broke_off_says_nothing_is_whole(
    engine: Engine, clock: HandClock, error: Exception
) -> None:
    record_now(engine, "one", clock.wall, "k", {})

    def broken() -> Any:
        raise error

    run = LedgerVerification("", clock.wall())
    run.check(engine, clock.wall, broken)

    assert (run.running, run.failed) == (False, True)


# Connections ---------------------------------------------------------------------------------------------------------


class _Hasty(BoundedConnection):
    most = 12
    most_of_one_address = 4
    request_seconds = 0.2


class _Crowded(_Hasty):
    """As if loopback were a stranger's address."""

    request_seconds = 60.0

    def _counted_place(self) -> str:
        return "192.0.2.9"


@asynccontextmanager
async def serving(kind: type[BoundedConnection]) -> AsyncIterator[int]:
    """A server with one page, over real sockets."""
    config = uvicorn.Config(
        PlainTextResponse("here"),
        host="127.0.0.1",
        port=0,
        http=kind,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: a\r\n", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx"],
    ids=["nothing", "half a line", "half the headers", "half a body"],
)
async def test_who_sends_slowly_is_cut(said: bytes) -> None:
    """However often another byte comes."""
    async with serving(_Hasty) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        tasks = Tasks()
        if said:
            tasks.start(_drip(writer), "drip")
        await _until_cut(reader)
        await tasks.cancel()
        writer.close()


async def test_who_asks_again_later_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is bounded is one request, and not the connection."""
    monkeypatch.setattr(_Hasty, "request_seconds", 30.0)
    async with serving(_Hasty) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert (await client.get("/")).text == "here"


async def test_one_address_holds_a_part_of_all_connections() -> None:
    """And those that it has go on."""
    async with serving(_Crowded) as port, asyncio.timeout(30):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_Crowded.most_of_one_address)]
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await _until_cut(reader)
            writer.close()
        reader, writer = held[0]
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = await reader.read(-1)
        for _, one in held:
            one.close()

        assert answer.endswith(b"here")


async def _drip(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)


async def _until_cut(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(1000):
            pass
