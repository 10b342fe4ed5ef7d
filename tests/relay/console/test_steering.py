"""Pages that change something: each asks for a reason, is an entry with account and reason, and is refused to the wrong role."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.routing import Route

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.roles import PersonRole
from relay.admin_client import AskFailed, AskTrouble
from relay.console.actions import FormAction
from relay.console.application import _endpoint
from relay.console.door import Door
from relay.console.pages import accounts, app_ids, investors, running
from relay.console.second_factor import code_at, recovery_hash, step_of
from relay.ledger import reader
from relay.refusals.refusal import LedgerUnavailable
from tests.relay.console.conftest import PASSWORD, Browser, Office

ACTIONS: tuple[FormAction, ...] = (*app_ids.ACTIONS, *investors.ACTIONS, *running.ACTIONS, *accounts.ACTIONS)
WHY = {"reason": "as agreed by telephone", "sure": "yes"}
APP = {"app_id": "client_demo_1.0"}


def entries(office: Office) -> list[tuple[str, dict[str, Any]]]:
    found = [(one.kind, json.loads(one.data)) for one in reader.read(office.parts.actions.changes._ledger)]
    return [(kind, data) for kind, data in found if kind != "admin_account_sign_in"]


async def add_app_id(browser: Browser) -> str:
    """Register an app id; returns the code that was shown."""
    form = {**APP, "modes": ["many_to_many", "many_to_one"], "kinds": ["ordinary"], **WHY}
    answer = await browser.send("/app-ids/add", form)
    assert answer.headers["location"] == "/app-ids/code", answer.text
    found = re.search(r'id="auth-code"[^>]*>([A-Z0-9]{16})<', (await browser.get("/app-ids/code")).text)
    assert found is not None
    return found[1]


async def test_an_app_id_is_registered_and_its_code_is_shown_once(office: Office) -> None:
    async with office.signed_in() as browser:
        code = await add_app_id(browser)
        again = await browser.get("/app-ids/code")

        assert again.status_code == 303
        assert code not in (await browser.get("/app-ids")).text
        assert office.parts.actions.terminals.all()[0][0].auth_code == code
        kind, data = entries(office)[-1]
        assert (kind, data["account"], data["role"]) == ("admin_terminal_add", "admin", "admin")
        assert data["reason"] == WHY["reason"]
        assert code not in json.dumps(data)


async def test_a_rotation_keeps_the_old_code_until_the_day_ends(office: Office) -> None:
    async with office.signed_in() as browser:
        old = await add_app_id(browser)
        answer = await browser.send(
            "/app-ids/rotate", {**APP, **WHY, "old_code_until": "2026-01-12"}, form_at="/app-ids/rotate?app_id=x"
        )

        assert answer.headers["location"] == "/app-ids/code"
        (terminal,), _ = office.parts.actions.terminals.all()
        assert terminal.previous_auth_code == old
        assert terminal.previous_until.startswith("2026-01-12T23:59:59")
        assert "2026-01-12 23:59:59" in (await browser.get("/app-ids")).text
        await browser.send("/app-ids/end-overlap", {**APP, **WHY}, form_at="/app-ids/end-overlap?app_id=x")
        assert office.parts.actions.terminals.all()[0][0].previous_auth_code == ""


@pytest.mark.parametrize("until", ["2026-01-04", "soon", "2026-13-01"])
async def test_a_day_that_is_over_or_none_changes_nothing(office: Office, until: str) -> None:
    async with office.signed_in() as browser:
        old = await add_app_id(browser)
        answer = await browser.send(
            "/app-ids/rotate", {**APP, **WHY, "old_code_until": until}, form_at="/app-ids/rotate?app_id=x"
        )

        assert (answer.status_code, "未作更改" in answer.text) == (422, True)
        assert office.parts.actions.terminals.all()[0][0].auth_code == old


@pytest.mark.parametrize("missing", ["reason", "sure"])
async def test_an_action_needs_a_reason_and_a_grave_one_a_yes(office: Office, missing: str) -> None:
    async with office.signed_in() as browser:
        await add_app_id(browser)
        form = {**APP, **{name: value for name, value in WHY.items() if name != missing}}
        answer = await browser.send("/app-ids/disable", form, form_at="/app-ids/disable?app_id=x")

        assert answer.status_code == 422
        assert office.parts.actions.terminals.all()[0][0].enabled


async def test_disabling_ends_sessions_at_every_relay_at_once(office: Office) -> None:
    async with office.signed_in() as browser:
        await add_app_id(browser)
        await browser.send("/app-ids/disable", {**APP, **WHY}, form_at="/app-ids/disable?app_id=x")
        office.relay.trouble = AskFailed(AskTrouble.AWAY, "gone")
        await browser.send("/app-ids/enable", {**APP, **WHY}, form_at="/app-ids/enable?app_id=x")
        await browser.send("/app-ids/disable", {**APP, **WHY}, form_at="/app-ids/disable?app_id=x")

        assert [type(one).__name__ for one in office.relay.requests] == ["LookForDisabledRequest"] * 2
        assert "relay-a 没有应答" in (await browser.get("/app-ids")).text


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
async def test_every_action_has_words_a_form_and_a_role(office: Office, action: FormAction) -> None:
    """In both languages; the role below gets no form and is refused when it sends one all the same."""
    subject = "&".join(f"{name}=x" for name in action.subject)
    path = f"{action.path}?{subject}"
    async with office.signed_in() as admin:
        for language in ("zh", "en"):
            await admin.get(f"/choices?language={language}")
            page = await admin.get(path)
            assert page.status_code == 200
            assert 'name="reason"' in page.text
        assert all(office.parts.words.has(f"action.{action.name}{end}") for end in ("", "_what", "_done"))
    lower = list(PersonRole)[list(PersonRole).index(action.role) - 1]
    async with office.signed_in(lower) as person:
        assert (await person.get(path)).status_code == 403
        token = await person.token("/")
        sent = await person.client.post(action.path, data={"csrf": token, **WHY, **dict.fromkeys(action.subject, "x")})
        assert sent.status_code == 403
        assert office.relay.requests == []
        assert entries(office) == []


async def test_the_role_is_decided_again_below_the_page(office: Office) -> None:
    """A page that forgot the role would still change nothing: relay.admin refuses, and that is an entry."""
    async with office.signed_in(PersonRole.VIEWER) as browser:
        forgotten = FormAction(
            "app_id_add",
            "/x",
            PersonRole.VIEWER,
            app_ids.ACTIONS[0].carry,
            "overview",
            fields=app_ids.ACTIONS[0].fields,
        )
        office.app.router.routes.insert(0, _route(office, forgotten))
        form = {**APP, "modes": ["many_to_many"], "kinds": ["ordinary"], **WHY}
        answer = await browser.send("/x", form, form_at="/")

        assert answer.status_code == 403
        assert entries(office)[-1][0] == "admin_terminal_add_failed"
        assert office.parts.actions.terminals.all()[0] == []


def _route(office: Office, action: FormAction) -> Any:
    return Route(action.path, _endpoint(Door(office.parts), action.page()), methods=["GET", "POST"], name="x")


async def test_an_action_on_a_running_relay_carries_account_role_and_reason(office: Office) -> None:
    async with office.signed_in(PersonRole.OPERATOR) as browser:
        form = {"relay": "relay-a", "session": "s1", "tell_terminal": "tell", **WHY}
        answer = await browser.send("/terminals/kick", form, form_at="/terminals/kick?relay=relay-a&session=s1")

        assert answer.status_code == 303
        (request,) = office.relay.requests
        assert isinstance(request, pb.KickSessionRequest)
        assert (request.session, request.tell_terminal) == ("s1", True)
        assert (request.asking.account, request.asking.role) == ("operator", "operator")
        assert request.asking.reason == WHY["reason"]


async def test_why_a_relay_did_not_do_it_stands_on_the_form_in_ones_language(office: Office) -> None:
    office.relay.trouble = AskFailed(AskTrouble.NOT_FOUND, "没有这个会话 / no such session")
    async with office.signed_in(PersonRole.OPERATOR) as browser:
        form = {"relay": "relay-a", "session": "s1", **WHY}
        where = "/terminals/kick?relay=relay-a&session=s1"
        chinese = await browser.send("/terminals/kick", form, form_at=where)
        await browser.get("/choices?language=en")
        english = await browser.send("/terminals/kick", form, form_at=where)

        assert (chinese.status_code, "没有这个会话" in chinese.text, "no such session" in chinese.text) == (
            422,
            True,
            False,
        )
        assert ("no such session" in english.text, "没有这个会话" in english.text) == (True, False)


async def test_a_relay_that_the_settings_do_not_name_is_not_asked(office: Office) -> None:
    async with office.signed_in() as browser:
        form = {"relay": "relay-z", **WHY}
        answer = await browser.send("/control/drain", form, form_at="/control/drain?relay=relay-z")

        assert (answer.status_code, office.relay.requests) == (404, [])


async def test_locks_settings_and_control_are_shown(office: Office) -> None:
    lock = pb.Lock(subject="investor_at_address", name="100001 192.0.2.1", seconds_left=61)
    unset = pb.RunningSetting(key="admin.address", value="null", meaning="HOST:PORT")
    setting = pb.RunningSetting(key="listen.address", value='"127.0.0.1:1"', needs_restart=True)
    office.relay.answers = {
        "ListLocks": lambda: pb.ListLocksResponse(locks=[lock]),
        "GetRunningSettings": lambda: pb.RunningSettings(settings=[setting, unset]),
    }
    async with office.signed_in() as browser:
        locks = (await browser.get("/locks")).text
        assert "密码多次错误" in locks
        assert "/locks/lift?relay=relay-a&amp;name=100001" in locks
        settings = (await browser.get("/settings")).text
        assert "listen.address" in settings
        assert ("未设置" in settings, "null" in settings) == (True, False)
        assert "终端服务的地址" in settings
        control = (await browser.get("/control")).text
        assert "/control/drain?relay=relay-a" in control
        assert "/control/pause?relay=relay-a" in control
        assert "/control/resume" not in control


async def test_nothing_is_changed_without_an_entry(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerUnavailable("disk full")

    async with office.signed_in() as browser:
        monkeypatch.setattr("relay.admin.changes.append", full)
        monkeypatch.setattr("relay.admin.changes.record_now", full)
        form = {**APP, "modes": ["many_to_many"], "kinds": ["ordinary"], **WHY}
        answer = await browser.send("/app-ids/add", form)

        assert (answer.status_code, "台账无法写入" in answer.text) == (422, True)
        assert office.parts.actions.terminals.all()[0] == []


async def upload(browser: Browser, content: bytes) -> Any:
    token = await browser.token("/investors/import")
    return await browser.client.post(
        "/investors/import", data={"csrf": token}, files={"file": ("investors.csv", content, "text/csv")}
    )


async def test_a_file_is_looked_at_first_and_every_bad_line_is_named(office: Office) -> None:
    rows = "investor_id,password,account_ids\n100001,secret-one,\n1000 02,x,\n100003,,\n100001,again,\n100004,x,bad account\n"
    async with office.signed_in() as browser:
        answer = await upload(browser, rows.encode())

        assert answer.status_code == 422
        assert [f"第 {line} 行" in answer.text for line in (2, 3, 4, 5, 6)] == [False, True, True, True, True]
        assert "secret-one" not in answer.text
        assert office.parts.actions.investors.all() == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_a_right_file_is_imported_as_a_whole_with_a_reason(office: Office, encoding: str) -> None:
    rows = "investor_id,password,account_ids\n100001,密码一二三,\n100002,secret-two,88001;88002\n"
    async with office.signed_in() as browser:
        looked = await upload(browser, rows.encode(encoding))
        assert looked.headers["location"] == "/investors/import/confirm"
        assert office.parts.actions.investors.all() == []
        without = await browser.send("/investors/import/confirm", {})
        done = await browser.send("/investors/import/confirm", WHY)

        assert (without.status_code, done.headers["location"]) == (422, "/investors")
        found = office.parts.actions.investors.all()
        assert [(one.investor_id, one.account_ids) for one in found] == [
            ("100001", ("100001",)),
            ("100002", ("88001", "88002")),
        ]
        kind, data = entries(office)[-1]
        assert (kind, data["investor_ids"], data["account"]) == ("admin_investor_import", ["100001", "100002"], "admin")
        assert "secret-two" not in json.dumps(data)


async def test_an_import_is_all_or_nothing(office: Office) -> None:
    """One who was registered between the look and the yes: none of the others is registered."""
    async with office.signed_in() as browser:
        await upload(browser, b"investor_id,password\n100001,x\n100002,x\n")
        add = {"new_investor_id": "100002", "new_password": "y", **WHY}
        await browser.send("/investors/add", add)
        answer = await browser.send("/investors/import/confirm", WHY)

        assert (answer.status_code, "已经存在" in answer.text) == (422, True)
        assert [one.investor_id for one in office.parts.actions.investors.all()] == ["100002"]


async def set_up_factor(office: Office, browser: Browser) -> tuple[str, list[str]]:
    """A second factor for who is signed in: its key, and the recovery codes."""
    page = (await browser.get("/me/second-factor")).text
    key = re.search(r'id="factor-key">([A-Z2-7 ]+)<', page)
    assert key is not None
    assert "<svg" in page
    secret = key[1].replace(" ", "")
    code = code_at(secret, office.clock.seconds())
    answer = await browser.send("/me/second-factor", {"code": code, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    codes = re.findall(r"<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>", (await browser.get("/me")).text)
    assert len(codes) == 10
    return secret, codes


async def test_a_second_factor_is_asked_for_and_a_code_is_good_once(office: Office) -> None:
    async with office.signed_in() as browser, office.browser() as other, office.browser() as third:
        secret, _ = await set_up_factor(office, browser)
        office.clock.move(60)
        half = await other.sign_in("admin")
        before = other.cookie
        assert half.headers["location"] == "/sign-in/code?next=%2F"
        assert (await other.get("/")).status_code == 303, "a password alone opens nothing"
        wrong = await other.send("/sign-in/code", {"code": "000000"})
        code = code_at(secret, office.clock.seconds())
        right = await other.send("/sign-in/code", {"code": code, "next": "/me"})
        await third.sign_in("admin")
        again = await third.send("/sign-in/code", {"code": code})

        assert (wrong.status_code, right.headers["location"], again.status_code) == (403, "/me", 403)
        assert other.cookie != before, "a new id for the new rights"
        assert office.parts.sign_ins.find(before) is None
        assert (await other.get("/")).status_code == 200


async def test_setting_it_up_ends_other_sign_ins_and_keeps_this_one_under_a_new_id(office: Office) -> None:
    async with office.signed_in() as browser, office.signed_in() as other:
        before = browser.cookie
        await set_up_factor(office, browser)

        assert browser.cookie != before
        assert [(await one.get("/")).status_code for one in (browser, other)] == [200, 303]


async def test_a_recovery_code_signs_in_once(office: Office) -> None:
    async with office.signed_in() as browser:
        _, codes = await set_up_factor(office, browser)
    answers = []
    for _ in range(2):
        async with office.browser() as other:
            await other.sign_in("admin")
            answers.append((await other.send("/sign-in/code", {"code": codes[3].lower()})).status_code)

    assert answers == [303, 403]


async def test_wrong_codes_are_bounded_like_passwords(office: Office) -> None:
    async with office.signed_in() as browser:
        await set_up_factor(office, browser)
    async with office.browser() as other:
        await other.sign_in("admin")
        answers = [(await other.send("/sign-in/code", {"code": "000000"})).status_code for _ in range(6)]

        assert answers == [403] * 5 + [429]
        assert (await other.sign_in("admin")).status_code == 429


async def test_the_settings_can_ask_for_a_second_factor(office: Office) -> None:
    """Then an operator may do nothing else before; a viewer may look."""
    section = office.parts.settings.console.model_copy(update={"second_factor": True})
    object.__setattr__(office.parts, "settings", office.parts.settings.model_copy(update={"console": section}))
    async with office.signed_in(PersonRole.OPERATOR) as operator, office.signed_in(PersonRole.VIEWER) as viewer:
        assert (await operator.get("/app-ids")).headers["location"] == "/me/second-factor"
        assert (await viewer.get("/app-ids")).status_code == 200


async def test_ones_own_password_asks_for_the_old_one_and_ends_the_others(office: Office) -> None:
    form = {"new_password": "another password", "again": "another password"}
    async with office.signed_in(PersonRole.VIEWER) as browser, office.signed_in(PersonRole.VIEWER) as other:
        wrong = await browser.send("/me/password", {**form, "password": "wrong password"})
        right = await browser.send("/me/password", {**form, "password": PASSWORD})

        assert (wrong.status_code, right.status_code) == (403, 303)
        assert [(await one.get("/")).status_code for one in (browser, other)] == [200, 303]
        assert entries(office)[-1][0] == "admin_account_own_passwd"


async def test_an_admin_keeps_accounts(office: Office) -> None:
    """Made, changed, disabled; each change signs the account out."""
    async with office.signed_in() as admin, office.browser() as person:
        new = {"new_name": "li.na", "new_role": "viewer", "account_password": PASSWORD, **WHY}
        assert (await admin.send("/accounts/add", new)).status_code == 303
        await person.sign_in("li.na")
        assert (await person.get("/accounts")).status_code == 403
        form = {"name": "li.na", "new_role": "admin", **WHY}
        await admin.send("/accounts/role", form, form_at="/accounts/role?name=li.na")
        assert (await person.get("/")).status_code == 303
        await person.sign_in("li.na")
        assert (await person.get("/accounts")).status_code == 200
        await admin.send("/accounts/disable", {"name": "li.na", **WHY}, form_at="/accounts/disable?name=li.na")
        assert (await person.sign_in("li.na")).status_code == 403


def test_codes_of_the_neighbouring_steps_are_taken_and_no_step_twice() -> None:
    key, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 1_767_574_620.0
    step = int(now // 30)

    assert [step_of(key, code_at(key, now + 30 * by), now, 0) for by in (-2, -1, 0, 1, 2)] == [
        None,
        step - 1,
        step,
        step + 1,
        None,
    ]
    assert step_of(key, code_at(key, now), now, step) is None
    assert [step_of(key, code, now, 0) for code in ("", "12345", "1234567", "abcdef", "１２３４５６")] == [None] * 5
    assert recovery_hash("abcd-EFGH") == recovery_hash("ABCDEFGH ")
