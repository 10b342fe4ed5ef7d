"""Authentication, login, reports and permissions, request by request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simcounter.accounts import App, AppType
from simcounter.demo_accounts import (
    AUTH_CODES,
    DIRECT_APP_ID,
    INVESTOR_RELAY_APP_ID,
    OPERATOR_ID,
    OPERATOR_RELAY_APP_ID,
    apps,
    users,
)
from simcounter.errors_text import text_of
from simcounter.events import Answer, Disconnect, LoginRecord, ReplayTopics, StateChanged
from simcounter.session import Session
from tests.simcounter.kernel_driver import DAY, Driver

REPORT: dict[str, Any] = {
    "BrokerID": "9999",
    "UserID": "100001",
    "ClientSystemInfoLen": 5,
    "ClientSystemInfo": b"\x01\x00\xff\x00\x02",
    "ClientPublicIP": "203.0.113.7",
    "ClientIPPort": 40001,
    "ClientLoginTime": "09:00:01",
    "ClientAppID": "client_demo_1.0",
}


@pytest.fixture
def driver() -> Driver:
    return Driver()


def flagged(**flags: Any) -> Driver:
    return Driver(users=tuple(replace(user, **flags) if user.user_id == "100001" else user for user in users()))


@pytest.mark.parametrize(
    ("app_id", "app_type"), [(DIRECT_APP_ID, "1"), (INVESTOR_RELAY_APP_ID, "2"), (OPERATOR_RELAY_APP_ID, "3")]
)
def test_authentication_tells_the_app_type(driver: Driver, app_id: str, app_type: str) -> None:
    """OnRspAuthenticate returns AppType 1, 2 or 3, by which a relay checks its own configuration."""
    sent = driver.authenticate(driver.open(), app_id)

    assert (sent.callback, sent.error_id, sent["AppType"], sent["AppID"]) == ("OnRspAuthenticate", 0, app_type, app_id)


@pytest.mark.parametrize(
    "changes", [{"AppID": "nobody_1.0"}, {"AuthCode": "WRONG"}, {"AuthCode": ""}, {"BrokerID": "1"}]
)
def test_wrong_credentials_of_a_program_get_63(driver: Driver, changes: dict[str, str]) -> None:
    """Unknown app id, wrong auth code or broker: 63, no app type, and no login afterwards."""
    session = driver.open()

    sent = driver.authenticate(session, **changes)

    assert (sent.error_id, sent["AppType"]) == (63, "")
    assert driver.log_in(session)[0].error_id == 64


def test_an_app_may_be_limited_to_users_and_addresses() -> None:
    """4043 for somebody else's user, 4042 from another address."""
    limited = App("own_1.0", AppType.DIRECT, "0123456789abcdef", frozenset({"100002"}), frozenset({"10.0.0.1"}))
    driver = Driver(apps=(*apps(), limited))
    values = {"BrokerID": "9999", "AppID": "own_1.0", "AuthCode": limited.auth_code}

    def answer(peer_ip: str, user_id: str) -> int | None:
        (sent,) = driver.call(driver.open(peer_ip), "ReqAuthenticate", UserID=user_id, **values)
        return sent.error_id

    assert [answer("10.0.0.2", "100002"), answer("10.0.0.1", "100001"), answer("10.0.0.1", "100002")] == [4042, 4043, 0]


def test_login_without_authentication_gets_64(driver: Driver) -> None:
    """The text is CTP's manner: prefixed, in Chinese."""
    session = driver.open()
    (answer,) = driver.effects(session, "ReqUserLogin", BrokerID="9999", UserID="100001", Password="demo-100001")

    assert isinstance(answer, Answer)
    assert answer.rsp_info is not None
    assert (answer.rsp_info.error_id, answer.rsp_info.error_msg) == (64, "CTP:客户端没有认证")


def test_brokers_that_do_not_force_authentication_let_anybody_log_in() -> None:
    """Configurable, as at real brokers."""
    driver = Driver(authentication_required=False)

    assert driver.log_in(driver.open())[0].error_id == 0


def test_a_login_changes_the_state_before_it_is_answered(driver: Driver) -> None:
    """Report to the database, state for the shim, answer, replay of the private topic: in this order."""
    session = driver.open()
    driver.authenticate(session)

    effects = driver.effects(session, "ReqUserLogin", BrokerID="9999", UserID="100001", Password="demo-100001")

    assert [type(effect) for effect in effects] == [LoginRecord, StateChanged, Answer, ReplayTopics]


def test_a_second_login_has_no_answer(driver: Driver) -> None:
    """The front swallows it."""
    session = driver.trader()

    assert driver.log_in(session) == []


@pytest.mark.parametrize(
    ("flags", "error_id"),
    [({"first_login": True}, 140), ({"expired": True}, 141), ({"weak": True}, 131), ({"locked": True}, 4)],
)
def test_the_account_decides_about_the_login(flags: dict[str, bool], error_id: int) -> None:
    """Due password changes and locked accounts answer with their own ErrorIDs."""
    driver = flagged(**flags)
    session = driver.open()
    driver.authenticate(session)

    assert driver.log_in(session)[0].error_id == error_id


def test_a_due_password_is_changed_in_the_same_session_and_login_works() -> None:
    """140, ReqUserPasswordUpdate without login, login with the new password."""
    driver = flagged(first_login=True)
    session = driver.open()
    driver.authenticate(session)
    driver.log_in(session)

    change = {"BrokerID": "9999", "UserID": "100001", "OldPassword": "demo-100001", "NewPassword": "changed-1"}
    (answer,) = driver.call(session, "ReqUserPasswordUpdate", **change)
    login = driver.log_in(session, Password="changed-1")

    assert answer.error_id == 0
    assert (answer["OldPassword"], answer["NewPassword"]) == ("", "")
    assert login[0].error_id == 0


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"UserID": "100002"}, 10),
        ({"OldPassword": "wrong"}, 14),
        ({"NewPassword": "demo-100001"}, 142),
        ({"NewPassword": "abc"}, 131),
    ],
)
def test_password_changes_are_checked(driver: Driver, changes: dict[str, str], error_id: int) -> None:
    """Somebody else's, wrong old one, the same again, too simple."""
    values = {"BrokerID": "9999", "UserID": "100001", "OldPassword": "demo-100001", "NewPassword": "changed-1"}

    (answer,) = driver.call(driver.trader(), "ReqUserPasswordUpdate", **{**values, **changes})

    assert answer.error_id == error_id


def test_a_password_change_needs_somebody_to_be_there(driver: Driver) -> None:
    """Before any login attempt it is 6."""
    (answer,) = driver.call(driver.open(), "ReqUserPasswordUpdate", BrokerID="9999", UserID="100001")

    assert answer.error_id == 6


def test_repeated_guessing_locks_user_and_address() -> None:
    """75 after the configured number of failures, even with the right password; other addresses are not hurt."""
    driver = Driver(max_login_failures=3)
    session = driver.open("10.0.0.1")
    driver.authenticate(session)

    answers = [driver.log_in(session, Password="guess")[0].error_id for _ in range(4)]
    right_but_late = driver.log_in(session)[0].error_id
    elsewhere = driver.open("10.0.0.2")
    driver.authenticate(elsewhere)

    assert (answers, right_but_late) == ([3, 3, 3, 75], 75)
    assert driver.log_in(elsewhere)[0].error_id == 0


def test_a_success_forgets_the_failures() -> None:
    """Only consecutive failures count."""
    driver = Driver(max_login_failures=2)
    for _ in range(3):
        session = driver.open()
        driver.authenticate(session)
        assert driver.log_in(session, Password="guess")[0].error_id == 3
        assert driver.log_in(session)[0].error_id == 0


def test_sessions_of_one_user_are_limited() -> None:
    """60 for the one too many; a closed session makes room."""
    driver = Driver(sessions_per_user=2)
    first = driver.trader()
    driver.trader()
    third = driver.open()
    driver.authenticate(third)

    assert driver.log_in(third)[0].error_id == 60
    driver.kernel.close_session(first.session_id)
    assert driver.log_in(third)[0].error_id == 0


def test_before_the_counter_is_initialized_logins_get_7(driver: Driver) -> None:
    """The early morning."""
    driver.kernel.access.initialized = False
    session = driver.open()
    driver.authenticate(session)

    assert driver.log_in(session)[0].error_id == 7


def test_requests_before_login_get_6_in_their_own_answer(driver: Driver) -> None:
    """Orders and queries alike."""
    session = driver.open()

    assert [t.error_id for t in driver.query(session, "Order", BrokerID="9999")] == [6]
    assert [(t.callback, t.error_id) for t in driver.insert(session)] == [("OnRspOrderInsert", 6)]


def test_logout_is_answered_and_cuts_the_connection(driver: Driver) -> None:
    """CTP closes after OnRspUserLogout, and the API reconnects by itself."""
    session = driver.trader()

    effects = driver.effects(session, "ReqUserLogout", BrokerID="9999", UserID="100001")

    assert [type(effect) for effect in effects] == [Answer, Disconnect]
    assert session.user is None


# Reports ------------------------------------------------------------------------------------------------------


def login_report_of(driver: Driver, session: Session) -> LoginRecord:
    effects = driver.effects(session, "ReqUserLogin", BrokerID="9999", UserID="100001", Password="demo-100001")
    (report,) = [effect for effect in effects if isinstance(effect, LoginRecord)]
    return report


def test_a_registered_report_counts_with_the_login(driver: Driver) -> None:
    """Nothing is stored at Register; the login brings inner bytes, the relay's address and the terminal's."""
    session = driver.open("198.51.100.9")
    driver.authenticate(session, INVESTOR_RELAY_APP_ID)

    assert driver.report(session, "RegisterUserSystemInfo", **REPORT) == []
    report = login_report_of(driver, session)

    assert (report.kind, report.inner_info, report.trading_day) == ("register", REPORT["ClientSystemInfo"], DAY)
    assert (report.local_ip, report.local_login_time) == ("198.51.100.9", "2026-11-23 09:30:00")
    assert (report.terminal_ip, report.terminal_port, report.terminal_login_time) == ("203.0.113.7", 40001, "09:00:01")
    assert (report.app_id, report.terminal_app_id) == (INVESTOR_RELAY_APP_ID, "client_demo_1.0")


def test_a_report_counts_for_one_login_only(driver: Driver) -> None:
    """A failed login keeps it, the successful one uses it up."""
    session = driver.open()
    driver.authenticate(session, INVESTOR_RELAY_APP_ID)
    driver.report(session, "RegisterUserSystemInfo", **REPORT)
    driver.log_in(session, Password="wrong")

    assert login_report_of(driver, session).kind == "register"
    assert session.registered is None


def test_a_relay_that_does_not_report_is_noticed(driver: Driver) -> None:
    """CTP lets it log in; the day's report shows it as missing."""
    session = driver.open()
    driver.authenticate(session, INVESTOR_RELAY_APP_ID)

    assert login_report_of(driver, session).kind == "missing"


def test_the_wechat_form_is_a_report_too(driver: Driver) -> None:
    """Same semantics, other field names."""
    session = driver.open()
    driver.authenticate(session, INVESTOR_RELAY_APP_ID)
    driver.report(
        session,
        "RegisterWechatUserSystemInfo",
        BrokerID="9999",
        UserID="100001",
        WechatCltSysInfoLen=3,
        WechatCltSysInfo=b"a\x00b",
    )

    assert login_report_of(driver, session).inner_info == b"a\x00b"


@pytest.mark.parametrize("app_id", [DIRECT_APP_ID, OPERATOR_RELAY_APP_ID, ""])
def test_register_is_dropped_unless_a_many_to_many_relay_calls(driver: Driver, app_id: str) -> None:
    """No answer; only the record of drops knows."""
    session = driver.open()
    if app_id:
        driver.authenticate(session, app_id)

    assert driver.report(session, "RegisterUserSystemInfo", **REPORT) == []
    assert session.registered is None
    assert [drop.method for drop in driver.kernel.reports.dropped] == ["RegisterUserSystemInfo"]


def test_an_operator_submits_for_each_customer(driver: Driver) -> None:
    """Many-to-one: stored at once, under the customer's name."""
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    reports = driver.report(operator, "SubmitUserSystemInfo", **REPORT)

    assert [(r.kind, r.user_id, r.inner_info) for r in reports if isinstance(r, LoginRecord)] == [
        ("submit", "100001", REPORT["ClientSystemInfo"])
    ]


def submitting_without_right(driver: Driver, case: str) -> Session:
    if case == "investor":
        return driver.trader("100001", OPERATOR_RELAY_APP_ID)
    if case == "wrong app":
        return driver.trader(OPERATOR_ID, INVESTOR_RELAY_APP_ID)
    session = driver.open()
    driver.authenticate(session, OPERATOR_RELAY_APP_ID)
    if case == "failed login before":
        driver.log_in(session, OPERATOR_ID, Password="wrong")
        driver.log_in(session, OPERATOR_ID)
    return session


@pytest.mark.parametrize("case", ["investor", "wrong app", "not logged in", "failed login before"])
def test_submit_without_the_right_is_dropped_without_a_word(driver: Driver, case: str) -> None:
    """The kernel of the guide: no right, no message, no answer. A failed login spoils the session for it."""
    session = submitting_without_right(driver, case)

    assert driver.report(session, "SubmitUserSystemInfo", **REPORT) == []
    assert [drop.user_id for drop in driver.kernel.reports.dropped] == ["100001"]


def test_authenticating_again_heals_a_session_spoiled_by_a_failed_login(driver: Driver) -> None:
    """The way out that CTP documents."""
    session = submitting_without_right(driver, "failed login before")
    driver.effects(session, "ReqUserLogout", BrokerID="9999", UserID=OPERATOR_ID)
    driver.authenticate(session, OPERATOR_RELAY_APP_ID)
    driver.log_in(session, OPERATOR_ID)

    assert len(driver.report(session, "SubmitUserSystemInfo", **REPORT)) == 1


def test_an_operator_reports_only_for_its_own_organization() -> None:
    """Another organization's investor is dropped."""
    strangers = tuple(replace(user, organization="other") if user.user_id == "100001" else user for user in users())
    driver = Driver(users=strangers)
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    assert driver.report(operator, "SubmitUserSystemInfo", **REPORT) == []


def test_secrets_do_not_show_in_reprs(driver: Driver) -> None:
    """Neither passwords nor auth codes nor reports."""
    session = driver.open()
    driver.authenticate(session, INVESTOR_RELAY_APP_ID)
    driver.report(session, "RegisterUserSystemInfo", **REPORT)
    shown = repr((session, list(driver.accounts.apps.values()), list(driver.accounts.users.values())))

    assert "demo-100001" not in shown
    assert not any(code in shown for code in AUTH_CODES.values())
    assert "203.0.113.7" not in shown


def test_unknown_error_ids_have_a_text_too() -> None:
    """A scenario may send any number."""
    assert text_of(4711) == "CTP:错误代码4711"
