"""Every action through both doors and in every role: it does the same, is refused to the wrong role, and is an entry with who and why.

The command line and the console stand before one relay: the commands as they are typed, the console's forms as a browser sends
them, and behind both the same databases and the same control socket. A row is an action; a row that is missing is named.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from relay.admin.changes import Changes
from relay.admin.person import person_of_console
from relay.admin.roles import NEEDED, PersonRole
from relay.admission.login_guard import LoginGuard
from relay.cli.app import app
from relay.cli.workplace import Workplace, now
from relay.console.application import make_application
from relay.console.routes import PAGES
from relay.console.serve import make_parts
from relay.ledger import reader
from relay.rpc import control
from relay.settings.limits_section import Limits
from relay.settings.text import example
from tests.relay.admin.played_relay import PlayedRelay
from tests.relay.admission.test_login_guard import PlayedPlaces
from tests.relay.console.conftest import BASE, PASSWORD, QUICK, Browser
from tests.relay.sessions.played_counter import applicant

WHY = "as agreed"
QUESTIONS = {"status", "sessions", "locks", "alarms", "history", "running_settings", "look_for_disabled"}
"""that change nothing; the last one ends whom another action disabled"""
OF_ONES_OWN = {"account_sign_in", "account_own_passwd", "account_own_second_factor", "account_own_sign_out"}
"""what a person does with their own account of the console, after its password: tests/relay/console has them"""


@dataclass(frozen=True)
class Deed:
    """One action: what is typed, and which form is sent; a door that does not have it is empty."""

    typed: str = ""
    path: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)
    stdin: str = ""
    file: bytes = b""


RELAY, APP, INVESTOR = {"relay": "relay"}, {"app_id": "one"}, {"broker_id": "9999", "investor_id": "100001"}
DEEDS: Mapping[str, Deed] = {
    "session_kick": Deed("sessions kick --investor 100001", "/terminals/kick", {**RELAY, "session": "s1"}),
    "logins_pause": Deed(
        "logins pause --public maintenance", "/control/pause", {**RELAY, "public_reason": "maintenance"}
    ),
    "logins_resume": Deed("logins resume", "/control/resume", RELAY),
    "operator_reconnect": Deed("operator reconnect", "/control/reconnect-operator", RELAY),
    "counter_reconnect": Deed("counter reconnect", "/control/reconnect-counter", RELAY),
    "locks_lift": Deed("locks lift 100001", "/locks/lift", {**RELAY, "name": "100001"}),
    "locks_lift all": Deed("locks lift --all-logins", "/locks/lift-all", RELAY),
    "log_level": Deed("log level debug", "/control/log-level", {**RELAY, "level": "debug"}),
    "drain": Deed("drain", "/control/drain", RELAY),
    "reload": Deed("reload", "/control/reload", RELAY),
    "terminal_add": Deed(
        "terminal add typed --show-once",
        "/app-ids/add",
        {"app_id": "sent", "modes": ["many_to_many", "many_to_one"], "kinds": ["ordinary"]},
    ),
    "terminal_rotate": Deed("terminal rotate one --show-once", "/app-ids/rotate", APP),
    "terminal_end_overlap": Deed("terminal end-overlap one", "/app-ids/end-overlap", APP),
    "terminal_kinds": Deed("terminal kinds one --kind wechat", "/app-ids/kinds", {**APP, "kinds": ["wechat"]}),
    "terminal_certificates": Deed("terminal certificate one --add name:desk.example.com"),
    "terminal_disable": Deed("terminal disable one", "/app-ids/disable", APP),
    "terminal_enable": Deed("terminal enable one", "/app-ids/enable", APP),
    "investor_add": Deed(
        "investor add 100002 --password-file -",
        "/investors/add",
        {"new_investor_id": "100003", "new_password": "secret-pw", "account_ids": ""},
        stdin="secret-pw",
    ),
    "investor_import": Deed(path="/investors/import", file=b"investor_id,password\n100004,secret-pw\n"),
    "investor_passwd": Deed(
        "investor passwd 100001 --password-file -",
        "/investors/password",
        {**INVESTOR, "new_password": "secret-pw"},
        stdin="secret-pw",
    ),
    "investor_accounts": Deed(
        "investor accounts 100001 --account A1", "/investors/accounts", {**INVESTOR, "account_ids": "A1"}
    ),
    "investor_forget_machines": Deed("investor forget-machines 100001", "/investors/forget-machines", INVESTOR),
    "investor_disable": Deed("investor disable 100001", "/investors/disable", INVESTOR),
    "investor_enable": Deed("investor enable 100001", "/investors/enable", INVESTOR),
    "ledger_signing_key": Deed("ledger public-key"),
    "account_add": Deed(
        "console account add typed --role viewer --password-file -",
        "/accounts/add",
        {"new_name": "sent", "new_role": "viewer", "account_password": PASSWORD},
        stdin=PASSWORD,
    ),
    "account_disable": Deed("console account disable other", "/accounts/disable", {"name": "other"}),
    "account_enable": Deed("console account enable other", "/accounts/enable", {"name": "other"}),
    "account_role": Deed(path="/accounts/role", form={"name": "other", "new_role": "operator"}),
    "account_passwd": Deed(
        "console account password other --password-file -",
        "/accounts/password",
        {"name": "other", "account_password": PASSWORD},
        stdin=PASSWORD,
    ),
    "account_reset_second_factor": Deed(
        "console account reset-totp other", "/accounts/reset-second-factor", {"name": "other"}
    ),
    "account_sign_out": Deed(path="/accounts/sign-out", form={"name": "other"}),
}
FOR_ADMINS = {
    "drain",
    "reload",
    "terminal_add",
    "terminal_rotate",
    "terminal_end_overlap",
    "terminal_kinds",
    "terminal_certificates",
    "investor_add",
    "investor_import",
    "investor_passwd",
    "investor_accounts",
    "ledger_signing_key",
    "account_add",
    "account_enable",
    "account_disable",
    "account_role",
    "account_passwd",
    "account_reset_second_factor",
    "account_sign_out",
}
FOR_OPERATORS = {
    "running_settings",
    "look_for_disabled",
    "session_kick",
    "logins_pause",
    "logins_resume",
    "operator_reconnect",
    "counter_reconnect",
    "locks_lift",
    "log_level",
    "terminal_enable",
    "terminal_disable",
    "investor_enable",
    "investor_disable",
    "investor_forget_machines",
}
FOR_VIEWERS = {"status", "sessions", "locks", "alarms", "history", *OF_ONES_OWN}
"""what each role is the least for, written down once more: a test that asked `roles.NEEDED` would follow it down"""
WITHOUT_REASON = {"ledger_signing_key"}
"""made by the way, where a command needs it"""
WITH_PROBLEMS = {"reload"}
"""the played relay could not take one of the settings: the command says so by its exit code, and it is done"""
SECRETS = ("secret-pw", PASSWORD)


@dataclass
class Firm:
    """One relay, and both doors before it."""

    place: Path
    engine: Engine
    relay: PlayedRelay
    application: Any

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """Of changes and of what was refused; not those of looks."""
        found = [(entry.kind, json.loads(entry.data)) for entry in reader.read(self.engine)]
        return [(kind, data) for kind, data in found if kind != "admin_account_sign_in"]

    async def typed(self, deed: Deed, reason: Sequence[str]) -> int:
        """As a person types it; the exit code."""
        arguments = [*deed.typed.split(), *reason]
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, input=deed.stdin)
        return done.exit_code

    @asynccontextmanager
    async def browser(self, role: PersonRole) -> AsyncIterator[Browser]:
        transport = httpx.ASGITransport(self.application, client=("192.0.2.7", 40_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, timeout=60) as client:
            browser = Browser(client)
            await browser.sign_in(role.value)
            yield browser

    async def sent(self, browser: Browser, deed: Deed) -> int:
        """As a browser sends the form, with a reason and a yes; the status."""
        token = await browser.token("/")
        form = {"csrf": token, "reason": WHY, "sure": "yes", **deed.form}
        files = {"file": ("investors.csv", deed.file, "text/csv")} if deed.file else None
        answer = await browser.client.post(deed.path, data=form, files=files)
        if deed.file and answer.status_code == 303:
            answer = await browser.send(answer.headers["location"], {"reason": WHY})
        return answer.status_code


@pytest.fixture
async def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    """With a terminal, an investor and accounts of every role, and one more."""
    os.chmod(tmp_path, 0o700)  # noqa: PTH101
    text = example().replace("# control_socket = …", 'control_socket = "c.sock"').replace('"var/relay"', '"state"')
    (tmp_path / "relay.toml").write_text(text.replace("# state_dir", "state_dir"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CTP_RELAY_CONFIG", raising=False)
    monkeypatch.setattr("relay.logs.logs.set_level", lambda _: None)
    monkeypatch.setattr("relay.directory.console_passwords.make_hasher", lambda: QUICK)
    monkeypatch.setattr("relay.admin.accounts.make_hasher", lambda: QUICK)
    monkeypatch.setattr("relay.console.passwords.make_hasher", lambda: QUICK)
    place = Workplace(tmp_path / "relay.toml", "made ready")
    for role in PersonRole:
        place.accounts.add(place.by, role.value, role, PASSWORD)
    place.accounts.add(place.by, "other", PersonRole.VIEWER, PASSWORD)
    runner = CliRunner()
    for words in ("terminal add one --show-once", "investor add 100001 --password-file -"):
        assert runner.invoke(app, words.split(), input="pw").exit_code == 0
    guard = LoginGuard(Limits(), PlayedPlaces(), lambda: 0.0, counter_knows_passwords=False)
    relay = PlayedRelay(Changes(place.ledger, "relay", now), guard)
    door = await control.listen(tmp_path / "c.sock", relay.parts)
    assert door is not None
    firm = Firm(tmp_path, place.ledger, relay, _console(place))
    async with firm.application.router.lifespan_context(firm.application):
        yield firm
    await door.stop()
    await relay.reads.close()
    place.ledger.dispose()


def _console(place: Workplace, pages: Sequence[Any] = PAGES) -> Any:
    return make_application(make_parts(place.settings, place.ledger, place.ledger), pages)


def test_every_action_has_a_row() -> None:
    """What `roles.NEEDED` knows is what can be done; every form of the console is in some row."""
    forms = {page.path for page in PAGES if "POST" in page.methods}
    others = {"/sign-in", "/sign-in/code", "/sign-out", "/investors/import/confirm", "/ledger/verify"}
    own = {page.path for page in PAGES if page.path.startswith("/me/")}

    assert {kind.partition(" ")[0] for kind in DEEDS} == NEEDED.keys() - QUESTIONS - OF_ONES_OWN
    assert forms - others - own == {deed.path for deed in DEEDS.values() if deed.path}


def test_every_action_needs_the_role_that_was_agreed() -> None:
    """A role that is lowered in the table alone is seen here, and the walks below go by what was agreed."""
    wanted = {
        **dict.fromkeys(FOR_ADMINS, PersonRole.ADMIN),
        **dict.fromkeys(FOR_OPERATORS, PersonRole.OPERATOR),
        **dict.fromkeys(FOR_VIEWERS, PersonRole.VIEWER),
    }

    assert dict(NEEDED) == wanted


def _beyond(role: PersonRole) -> set[str]:
    """The actions that this role may not do."""
    return FOR_ADMINS if role is PersonRole.OPERATOR else FOR_ADMINS | FOR_OPERATORS


async def test_both_doors_do_the_same_with_an_entry(firm: Firm) -> None:
    """One entry each: the same kind, the same facts, who by and why."""
    await firm.relay.house.sessions.admit(applicant("s1", investor_id="100002"))
    await firm.relay.house.sessions.admit(applicant("s2"))
    async with firm.browser(PersonRole.ADMIN) as browser:
        for name, deed in DEEDS.items():
            kind, found = f"admin_{name.partition(' ')[0]}", []
            before = len(firm.entries())
            if deed.typed:
                reason = [] if name in WITHOUT_REASON else ["--reason", WHY]
                assert (name, await firm.typed(deed, reason)) == (name, 1 if name in WITH_PROBLEMS else 0)
                found += firm.entries()[before:]
                assert [(name, entry[0]) for entry in found] == [(name, kind)]
                assert (found[0][1]["by"], found[0][1]["role"]) == (getpass.getuser(), "admin")
                assert found[0][1]["through"] in {"command line", "control socket"}
                assert found[0][1]["reason"] == ("" if name in WITHOUT_REASON else WHY)
            if deed.path:
                assert (name, await firm.sent(browser, deed)) == (name, 303)
                (last,) = firm.entries()[before + len(found) :]
                assert (last[0], last[1]["account"], last[1]["role"]) == (kind, "admin", "admin")
                assert (last[1]["through"], last[1]["reason"]) == ("console", WHY)
                assert not found or _facts(found[0][1]) == _facts(last[1]), name
        written = json.dumps(firm.entries())

    assert [secret for secret in SECRETS if secret in written] == []
    assert len(firm.relay.counter.reconnected) == 4
    assert firm.relay.stop.is_set()
    assert firm.relay.house.sessions.paused is None


def _facts(entry: Mapping[str, Any]) -> set[str]:
    """The names of what was done; a session is named by one door, an investor's sessions by the other."""
    return entry.keys() - {"by", "through", "role", "reason", "account", "logged_in_as", "session", "investor_id"}


@pytest.mark.parametrize("role", [PersonRole.VIEWER, PersonRole.OPERATOR])
async def test_the_wrong_role_changes_nothing_at_the_page_and_below_it(firm: Firm, role: PersonRole) -> None:
    """The page refuses; and where a page forgot it, `relay.admin` does, with an entry that says who and why."""
    refused = {name: deed for name, deed in DEEDS.items() if deed.path and name.partition(" ")[0] in _beyond(role)}
    before = firm.entries()
    async with firm.browser(role) as browser:
        for name, deed in refused.items():
            assert (name, await firm.sent(browser, deed)) == (name, 403)
        assert firm.entries() == before
    forgetful = [replace(page, role=page.role and PersonRole.VIEWER) for page in PAGES]
    firm.application = _console(Workplace(firm.place / "relay.toml"), forgetful)
    async with firm.application.router.lifespan_context(firm.application), firm.browser(role) as browser:
        for name, deed in refused.items():
            status = await firm.sent(browser, deed)
            kind, data = firm.entries()[-1]
            assert (name, status) in {(name, 403), (name, 422)}
            assert (kind, data["why"]) == (f"admin_{name.partition(' ')[0]}_failed", "RoleTooLow")
            assert (data["account"], data["role"], data["reason"]) == (role.value, role.value, WHY)

    assert len(firm.entries()) == len(before) + len(refused)
    assert not firm.relay.counter.reconnected
    assert not firm.relay.stop.is_set()


async def test_no_action_on_a_running_relay_goes_without_a_reason_at_either_door(firm: Firm) -> None:
    """A command that asks nobody, because there is no terminal, and a form without it: no entry that it was done."""
    before = len(firm.entries())
    steering = {name: deed for name, deed in DEEDS.items() if deed.form.get("relay")}
    async with firm.browser(PersonRole.ADMIN) as browser:
        for name, deed in steering.items():
            assert (name, await firm.typed(deed, [])) == (name, 1)
            mute = replace(deed, form={**deed.form, "reason": " "})
            assert (name, await firm.sent(browser, mute)) == (name, 422)

    assert firm.entries()[before:] == []
    assert person_of_console().by == getpass.getuser()
