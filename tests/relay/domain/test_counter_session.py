"""The life of a counter session, told as transcripts of events and the decisions they lead to."""

from __future__ import annotations

import pytest

from relay.domain.counter_events import (
    AskForPassword,
    Authenticate,
    Authenticated,
    DeadlinePassed,
    End,
    ForcedOut,
    FrontConnected,
    FrontDisconnected,
    GoLive,
    LoggedIn,
    LogIn,
    PasswordChanged,
    Refused,
    Report,
    Reported,
    StepFailed,
    TellRecovering,
    Wait,
)
from relay.domain.counter_session import BREAK_SECONDS, CounterSession, Patience, State, UnexpectedEvent

PATIENCE = Patience(connect=10, answer=8, pause=5)


def investor_session() -> CounterSession:
    return CounterSession(operator=False, patience=PATIENCE)


def live_investor_session() -> CounterSession:
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0), LoggedIn("20261123")):
        session.on(event)
    return session


def live_operator_session() -> CounterSession:
    session = CounterSession(operator=True, patience=PATIENCE)
    for event in (FrontConnected(), Authenticated("3"), LoggedIn("20261123")):
        session.on(event)
    return session


def test_many_to_many_authenticates_reports_and_only_then_logs_in() -> None:
    """The order the regulator's rule and CTP's guide want: authenticate, report, log in."""
    session = investor_session()

    assert session.start() == (Wait(10),)
    assert session.on(FrontConnected()) == (Authenticate(), Wait(8))
    assert session.on(Authenticated("2")) == (Report(),)
    assert session.on(Reported(0)) == (LogIn(), Wait(8))
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False),)
    assert session.state is State.LIVE


def test_many_to_one_logs_the_operator_in_without_a_report_of_its_own() -> None:
    """The operator's machine is collected by the API itself; terminals are submitted once the session is live."""
    session = CounterSession(operator=True, patience=PATIENCE)

    assert session.on(FrontConnected()) == (Authenticate(), Wait(8))
    assert session.on(Authenticated("3")) == (LogIn(), Wait(8))
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False),)


@pytest.mark.parametrize(("operator", "app_type"), [(False, "3"), (False, "1"), (True, "2"), (True, "1")])
def test_an_app_id_of_the_wrong_kind_ends_the_session_before_any_login(operator: bool, app_type: str) -> None:
    """Every later report would be refused with -3 or -4, so nobody is logged in without one."""
    session = CounterSession(operator=operator, patience=PATIENCE)
    session.on(FrontConnected())

    (end,) = session.on(Authenticated(app_type))

    assert isinstance(end, End)
    assert end.step == "authenticate"
    assert "relay app id" in end.text


@pytest.mark.parametrize("code", [-3, -4])
def test_a_break_between_authentication_and_report_does_not_end_a_session_that_lived(code: int) -> None:
    """The API forgets its app id with the connection and says "not permitted" before it tells of the break."""
    session = live_investor_session()
    for event in (FrontDisconnected(4097), FrontConnected(), Authenticated("2"), Reported(code)):
        session.on(event)

    session.on(FrontDisconnected(4097))

    assert session.state is State.CONNECTING


@pytest.mark.parametrize("code", [-3, -4])
def test_a_first_report_that_is_not_permitted_is_told_as_such_unless_the_connection_broke(code: int) -> None:
    """Both look alike for a moment; the terminal must not be sent to its firm for a break, nor to try again for ever."""
    refused, broken = investor_session(), investor_session()
    for session in (refused, broken):
        session.on(FrontConnected())
        session.on(Authenticated("2"))
        assert session.on(Reported(code)) == (Wait(BREAK_SECONDS),)

    (told,) = broken.on(FrontDisconnected(4097))

    assert refused.on(DeadlinePassed()) == (End("report", code, ""),)
    assert isinstance(told, End)
    assert told.step == "connect"


@pytest.mark.parametrize("code", [-1, -2, -5, -6, -7])
def test_a_report_that_is_not_accepted_ends_the_session_before_the_login(code: int) -> None:
    """A login that cannot be reported is refused (D8)."""
    session = investor_session()
    session.on(FrontConnected())
    session.on(Authenticated("2"))

    assert session.on(Reported(code)) == (End("report", code, ""),)


@pytest.mark.parametrize("error_id", [3, 4, 60, 75, 63, 143, 7, 99999])
def test_a_refused_first_login_is_told_and_never_repeated(error_id: int) -> None:
    """Repeating a wrong password locks the account, and everybody behind the relay with it."""
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0)):
        session.on(event)

    assert session.on(Refused(error_id, "no")) == (End("login", error_id, "no"),)


@pytest.mark.parametrize("error_id", [131, 140, 141])
def test_a_due_password_keeps_the_session_for_the_change_and_logs_in_after_it(error_id: int) -> None:
    """CTP wants the change in the very session whose login was refused."""
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0)):
        session.on(event)

    assert session.on(Refused(error_id, "change it")) == (AskForPassword(error_id, "change it"),)
    assert session.on(PasswordChanged()) == (LogIn(), Wait(8))


def test_after_a_break_the_session_authenticates_reports_and_logs_in_again() -> None:
    """The report is part of every login, not only of the first."""
    session = live_investor_session()

    assert session.on(FrontDisconnected(4097)) == (TellRecovering("front disconnected (4097)"), Wait(10))
    assert session.on(FrontConnected()) == (Authenticate(), Wait(8))
    assert session.on(Authenticated("2")) == (Report(),)
    assert session.on(Reported(0)) == (LogIn(), Wait(8))
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False),)


def test_a_login_on_a_new_trading_day_says_so() -> None:
    """CTP has no callback for the day change; the login's answer is where it shows."""
    session = live_operator_session()
    for event in (FrontDisconnected(4097), FrontConnected(), Authenticated("3")):
        session.on(event)

    assert session.on(LoggedIn("20261124")) == (GoLive(day_changed=True),)


def test_a_refused_operator_login_authenticates_again_before_the_next_try() -> None:
    """Logging in again on the same authentication would make every later Submit fail."""
    session = CounterSession(operator=True, patience=PATIENCE)
    session.on(FrontConnected())
    session.on(Authenticated("3"))

    assert session.on(Refused(7, "not inited")) == (TellRecovering("not inited"), Wait(5))
    assert session.on(DeadlinePassed()) == (Authenticate(), Wait(8))


def test_a_wrong_operator_password_is_never_repeated() -> None:
    """A loop of wrong passwords locks the operator at the counter."""
    session = CounterSession(operator=True, patience=PATIENCE)
    session.on(FrontConnected())
    session.on(Authenticated("3"))

    assert session.on(Refused(3, "wrong password")) == (End("login", 3, "wrong password"),)


def test_a_counter_that_never_answers_ends_a_first_login() -> None:
    """The terminal learns it in bounded time."""
    session = investor_session()

    assert session.on(DeadlinePassed()) == (End("connect", 0, "no front answered"),)


def test_a_live_session_waits_for_its_front_as_long_as_it_takes() -> None:
    """A front that is away for an hour does not cost anybody the session."""
    session = live_investor_session()
    session.on(FrontDisconnected(8193))

    for _ in range(100):
        assert session.on(DeadlinePassed()) == (Wait(10),)


def test_a_step_that_could_not_be_sent_is_tried_again_only_where_the_session_was_live() -> None:
    """For instance when the ledger cannot take the entry that must come first."""
    first, recovering = investor_session(), live_investor_session()
    first.on(FrontConnected())
    recovering.on(FrontDisconnected(4097))
    recovering.on(FrontConnected())

    assert first.on(StepFailed("ledger unavailable")) == (End("authenticate", 0, "ledger unavailable"),)
    assert recovering.on(StepFailed("ledger unavailable")) == (
        TellRecovering("authenticate: ledger unavailable"),
        Wait(5),
    )


def test_a_forced_logout_is_final() -> None:
    """Logging in again would fight whoever ended the session."""
    session = live_investor_session()

    assert session.on(ForcedOut()) == (End("session", 0, "the counter logged this session out"),)
    assert session.on(FrontConnected()) == ()


def test_an_event_without_a_rule_changes_nothing_and_names_itself() -> None:
    """It is a fault in the driver and must not be guessed around."""
    session = live_investor_session()

    with pytest.raises(UnexpectedEvent, match="Reported while LIVE"):
        session.on(Reported(0))

    assert session.state is State.LIVE
