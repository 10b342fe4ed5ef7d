"""The life of a counter session, told as transcripts of events and the decisions they lead to."""

from __future__ import annotations

import pytest

from relay.counter.ctp.session.events import (
    Alarm,
    Authenticate,
    Authenticated,
    Command,
    CounterSessionEnded,
    DeadlinePassed,
    Event,
    ForcedOut,
    FrontConnected,
    FrontDisconnected,
    GoLive,
    LoggedIn,
    LogIn,
    PasswordChanged,
    PasswordRead,
    ReadAgain,
    ReadPassword,
    Renew,
    RenewalWanted,
    Report,
    Reported,
    SessionPasswordDue,
    SessionRecovering,
    StepFailed,
    StepRefused,
    TakeTurn,
    TurnCame,
    Wait,
)
from relay.counter.ctp.session.machine import BREAK_SECONDS, MOST_REFUSALS, LifeState, SessionMachine, UnexpectedEvent
from relay.counter.ctp.session.patience import Patience
from relay.logs.alarms import AlarmName

PATIENCE = Patience(connect=10, answer=8, pause=5)
BROKE: tuple[Event, ...] = (FrontDisconnected(4097), FrontConnected(), TurnCame())
"""a break of the connection, up to the next authentication"""


def investor_session() -> SessionMachine:
    return SessionMachine(operator=False, patience=PATIENCE)


def live_investor_session() -> SessionMachine:
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0), LoggedIn("20261123")):
        session.on(event)
    return session


def live_operator_session() -> SessionMachine:
    session = SessionMachine(operator=True, patience=PATIENCE)
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
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False), Wait(60))
    assert session.state is LifeState.LIVE


def test_many_to_one_logs_the_operator_in_without_a_report_of_its_own() -> None:
    """The operator's machine is collected by the API itself; terminals are submitted once the session is live."""
    session = SessionMachine(operator=True, patience=PATIENCE)

    assert session.on(FrontConnected()) == (Authenticate(), Wait(8))
    assert session.on(Authenticated("3")) == (LogIn(), Wait(8))
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False), Wait(60))


@pytest.mark.parametrize(("operator", "app_type"), [(False, "3"), (False, "1"), (True, "2"), (True, "1")])
def test_an_app_id_of_the_wrong_kind_is_an_alarm_and_never_logs_in(operator: bool, app_type: str) -> None:
    """Every later report would be refused with -3 or -4. The operator looks again later, after somebody mended it."""
    session = SessionMachine(operator=operator, patience=PATIENCE)
    session.on(FrontConnected())

    alarm, command, *_ = session.on(Authenticated(app_type))

    assert isinstance(alarm, Alarm)
    assert alarm.name is AlarmName.RELAY_APP_TYPE_WRONG
    assert isinstance(command, SessionRecovering if operator else CounterSessionEnded)
    assert command.step == "app_type"
    assert "relay app id" in alarm.text


@pytest.mark.parametrize("code", [-3, -4])
def test_a_break_between_authentication_and_report_does_not_end_a_session_that_lived(code: int) -> None:
    """The API forgets its app id with the connection and says "not permitted" before it tells of the break."""
    session = live_investor_session()
    for event in (*BROKE, Authenticated("2"), Reported(code)):
        session.on(event)

    session.on(FrontDisconnected(4097))
    session.on(DeadlinePassed())

    assert session.state is LifeState.CONNECTING


@pytest.mark.parametrize("code", [-3, -4])
def test_a_first_report_that_is_not_permitted_is_told_as_such_unless_the_connection_broke(code: int) -> None:
    """Both look alike for a moment; the terminal must not be sent to its firm for a break, nor to try again for ever."""
    refused, broken = investor_session(), investor_session()
    for session in (refused, broken):
        session.on(FrontConnected())
        session.on(Authenticated("2"))
        assert session.on(Reported(code)) == (Wait(BREAK_SECONDS),)

    (command,) = broken.on(FrontDisconnected(4097))

    assert refused.on(DeadlinePassed()) == (CounterSessionEnded("report", code, ""),)
    assert isinstance(command, CounterSessionEnded)
    assert command.step == "connect"


@pytest.mark.parametrize("code", [-1, -2, -5, -6, -7])
def test_a_report_that_is_not_accepted_ends_the_session_before_the_login(code: int) -> None:
    """A login that cannot be reported is refused."""
    session = investor_session()
    session.on(FrontConnected())
    session.on(Authenticated("2"))

    assert session.on(Reported(code)) == (CounterSessionEnded("report", code, ""),)


@pytest.mark.parametrize("error_id", [3, 4, 60, 75, 63, 143, 7, 99999])
def test_a_refused_first_login_is_told_and_never_repeated(error_id: int) -> None:
    """Repeating a wrong password locks the account, and everybody behind the relay with it."""
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0)):
        session.on(event)

    assert session.on(StepRefused(error_id, "no")) == (CounterSessionEnded("login", error_id, "no"),)


@pytest.mark.parametrize("error_id", [131, 140, 141])
def test_a_due_password_keeps_the_session_for_the_change_and_logs_in_after_it(error_id: int) -> None:
    """CTP wants the change in the very session whose login was refused."""
    session = investor_session()
    for event in (FrontConnected(), Authenticated("2"), Reported(0)):
        session.on(event)

    assert session.on(StepRefused(error_id, "change it")) == (SessionPasswordDue(error_id, "change it"),)
    assert session.on(PasswordChanged()) == (LogIn(), Wait(8))


def test_after_a_break_the_session_authenticates_reports_and_logs_in_again() -> None:
    """The report is part of every login, not only of the first."""
    session = live_investor_session()

    assert session.on(FrontDisconnected(4097)) == (SessionRecovering("front disconnected (4097)"), Wait(10))
    assert session.on(FrontConnected()) == (TakeTurn(),)
    assert session.on(TurnCame()) == (Authenticate(), Wait(8))
    assert session.on(Authenticated("2")) == (Report(),)
    assert session.on(Reported(0)) == (LogIn(), Wait(8))
    assert session.on(LoggedIn("20261123")) == (GoLive(day_changed=False), Wait(60))


def test_a_login_on_a_new_trading_day_says_so() -> None:
    """CTP has no callback for the day change; the login's answer is where it shows."""
    session = live_operator_session()
    for event in (*BROKE, Authenticated("3")):
        session.on(event)

    assert session.on(LoggedIn("20261124")) == (GoLive(day_changed=True), Wait(60))


def test_a_refused_operator_login_authenticates_again_before_the_next_try() -> None:
    """Logging in again on the same authentication would make every later Submit fail."""
    session = SessionMachine(operator=True, patience=PATIENCE)
    session.on(FrontConnected())
    session.on(Authenticated("3"))

    assert session.on(StepRefused(7, "not inited")) == (SessionRecovering("not inited", "login", 7), Wait(5))
    assert session.on(DeadlinePassed()) == (TakeTurn(),)
    assert session.on(TurnCame()) == (Authenticate(), Wait(8))


def test_a_counter_that_never_answers_ends_a_first_login() -> None:
    """The terminal learns it in bounded time."""
    session = investor_session()

    assert session.on(DeadlinePassed()) == (CounterSessionEnded("connect", 0, "no front answered"),)


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
    for event in BROKE:
        recovering.on(event)

    assert first.on(StepFailed("ledger unavailable")) == (CounterSessionEnded("authenticate", 0, "ledger unavailable"),)
    command, pause = recovering.on(StepFailed("ledger unavailable"))
    assert command == SessionRecovering("authenticate: ledger unavailable")
    assert isinstance(pause, Wait)


def test_a_forced_logout_of_an_investor_is_final() -> None:
    """Logging in again would fight whoever ended the session, most likely the investor at another terminal."""
    session = live_investor_session()

    assert session.on(ForcedOut()) == (CounterSessionEnded("session", 0, "the counter logged this session out"),)
    assert session.on(FrontConnected()) == ()


def test_an_event_without_a_rule_changes_nothing_and_names_itself() -> None:
    """It is a fault in the driver and must not be guessed around."""
    session = live_investor_session()

    with pytest.raises(UnexpectedEvent, match="Reported while LIVE"):
        session.on(Reported(0))

    assert session.state is LifeState.LIVE


# An answer that comes late, or never ---------------------------------------------------------------------------


def breaking(session: SessionMachine) -> SessionMachine:
    """Up to the login that is sent after a break."""
    for event in BROKE:
        session.on(event)
    session.on(Authenticated("3" if session._operator else "2"))
    if not session._operator:
        session.on(Reported(0))
    assert session.state is LifeState.LOGGING_IN
    return session


@pytest.fixture(params=[live_investor_session, live_operator_session], ids=["investor", "operator"])
def logging_in(request: pytest.FixtureRequest) -> SessionMachine:
    """A session that was live and logs in again."""
    made: SessionMachine = request.param()
    return breaking(made)


@pytest.mark.parametrize("before_its_turn", [True, False])
def test_an_answer_that_comes_late_is_the_answer(logging_in: SessionMachine, before_its_turn: bool) -> None:
    """The counter holds the session for logged in; it would answer no second login."""
    logging_in.on(DeadlinePassed())
    if not before_its_turn:
        logging_in.on(DeadlinePassed())

    assert logging_in.on(LoggedIn("20261123"))[0] == GoLive(day_changed=False)
    assert logging_in.state is LifeState.LIVE


def test_a_login_that_is_never_answered_is_tried_again_with_another_instance(logging_in: SessionMachine) -> None:
    """Not on the same connection, where the counter may hold it for logged in and swallow every further login."""
    logging_in.on(DeadlinePassed())
    assert logging_in.on(DeadlinePassed()) == (TakeTurn(),)

    assert logging_in.on(TurnCame()) == (Renew(), Wait(10))
    assert logging_in.on(FrontConnected()) == (Authenticate(), Wait(8))


def test_a_break_makes_clear_that_nobody_is_logged_in(logging_in: SessionMachine) -> None:
    """A new connection needs no other instance."""
    logging_in.on(DeadlinePassed())
    logging_in.on(FrontDisconnected(4097))
    logging_in.on(FrontConnected())
    logging_in.on(DeadlinePassed())

    assert logging_in.on(TurnCame()) == (Authenticate(), Wait(8))


def test_a_login_whose_answer_could_not_be_written_is_tried_again_with_another_instance(
    logging_in: SessionMachine,
) -> None:
    """The counter holds it for logged in; what the ledger does not have does not count."""
    logging_in.on(StepFailed("the ledger cannot be written", answered=True))
    logging_in.on(DeadlinePassed())

    assert logging_in.on(TurnCame())[0] == Renew()


def test_a_first_operator_login_that_is_answered_late_counts() -> None:
    """The first login of the morning decides about the whole firm."""
    session = SessionMachine(operator=True, patience=PATIENCE)
    for event in (FrontConnected(), Authenticated("3"), DeadlinePassed()):
        session.on(event)

    assert session.on(LoggedIn("20261123"))[0] == GoLive(day_changed=False)


# Refusals after a break ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error_id", [60, 5, 6, 64, 7, 8, 90, 154, 5002, 99999, 63, 143])
def test_what_may_pass_ends_no_session_that_was_live(logging_in: SessionMachine, error_id: int) -> None:
    """60 after a break says only that the counter still counts the old connection."""
    command, pause = logging_in.on(StepRefused(error_id, "not now"))

    assert command == SessionRecovering("not now", "login", error_id)
    assert isinstance(pause, Wait)
    assert logging_in.on(DeadlinePassed()) == (TakeTurn(),)


@pytest.mark.parametrize("error_id", [60, 5, 6, 64, 99999])
def test_a_refusal_that_may_pass_is_followed_by_another_connection(logging_in: SessionMachine, error_id: int) -> None:
    """The counter may hold this one for logged in, and would swallow the next login without a word (CTP fact 22)."""
    logging_in.on(StepRefused(error_id, "not now"))
    logging_in.on(DeadlinePassed())

    assert Renew() in logging_in.on(TurnCame())


def test_an_investor_that_the_counter_keeps_refusing_ends_at_last() -> None:
    """Somebody logged in elsewhere and stays; the terminal must hear it."""
    session = breaking(live_investor_session())
    tries = 0
    while not isinstance(session.on(StepRefused(60, "too many sessions"))[-1], CounterSessionEnded):
        tries += 1
        assert tries < 20
        for event in (DeadlinePassed(), TurnCame(), FrontConnected(), Authenticated("2"), Reported(0)):
            session.on(event)

    assert tries > 5


def test_breaks_of_the_connection_are_no_refusals() -> None:
    """A front that flapped all morning: one refusal after it ends nobody's session."""
    session = live_investor_session()
    for _ in range(30):
        for event in (*BROKE, Authenticated("2"), Reported(0), LoggedIn("20261123")):
            session.on(event)
    for event in (*BROKE, Authenticated("2"), Reported(0)):
        session.on(event)

    assert not any(isinstance(command, CounterSessionEnded) for command in session.on(StepRefused(60, "")))


def test_a_refusal_after_many_breaks_is_the_first_in_a_row(logging_in: SessionMachine) -> None:
    """An unsteady front leaves connections that it still counts: a terminal's session does not end for that, and
    nobody is alarmed for the operator's.
    """
    steps = (Authenticated("3"),) if logging_in._operator else (Authenticated("2"), Reported(0))
    for _ in range(MOST_REFUSALS + 1):
        refused = logging_in.on(StepRefused(60, "too many sessions"))
        assert not any(isinstance(command, CounterSessionEnded | Alarm) for command in refused)
        for event in (DeadlinePassed(), TurnCame(), FrontConnected(), *steps, LoggedIn("20261123")):
            logging_in.on(event)
        assert logging_in.state is LifeState.LIVE
        for event in (FrontDisconnected(4097), FrontConnected(), DeadlinePassed(), TurnCame(), *steps):
            logging_in.on(event)


def refused_again(session: SessionMachine, error_id: int, back: tuple[Event, ...]) -> tuple[Command, ...]:
    decision = session.on(StepRefused(error_id, "no"))
    for event in back:
        session.on(event)
    return decision


def test_pauses_between_refusals_grow_to_a_bound() -> None:
    """A counter that is not ready is not asked twelve times a minute by everybody."""
    session = breaking(live_operator_session())
    back = (DeadlinePassed(), TurnCame(), Authenticated("3"))
    pauses = [c.seconds for _ in range(8) for c in refused_again(session, 7, back) if isinstance(c, Wait)]

    assert pauses == sorted(pauses)
    assert (pauses[-1], pauses[-2]) == (60, 60)


@pytest.mark.parametrize("error_id", [3, 48])
def test_a_wrong_operator_password_is_tried_less_often_than_locks_the_operator(error_id: int) -> None:
    """Each time with an alarm, and each time the file is read before."""
    session = breaking(live_operator_session())
    alarms = 0
    for _ in range(50):
        if session.state is LifeState.LOGGING_IN:
            alarm, *_ = session.on(StepRefused(error_id, "wrong"))
            assert isinstance(alarm, Alarm)
            assert alarm.name is AlarmName.OPERATOR_PASSWORD_REFUSED
            alarms += 1
        assert session.on(DeadlinePassed())[0] == ReadPassword()
        for event in (PasswordRead(changed=False), TurnCame(), Authenticated("3")):
            if session.state is not LifeState.NEEDS_PASSWORD or isinstance(event, PasswordRead):
                session.on(event)

    assert alarms == 3


def test_another_password_in_the_file_is_tried_and_still_not_too_often() -> None:
    """Six wrong ones in a row lock the operator, whichever they were."""
    session = breaking(live_operator_session())
    tries = 0
    for _ in range(50):
        if session.state is LifeState.LOGGING_IN:
            session.on(StepRefused(3, "wrong"))
            tries += 1
        session.on(DeadlinePassed())
        for event in (PasswordRead(changed=True), TurnCame(), Authenticated("3")):
            if session.state is not LifeState.NEEDS_PASSWORD or isinstance(event, PasswordRead):
                session.on(event)
    assert tries == 5

    assert session.on(ReadAgain()) == (ReadPassword(asked=True),)
    assert session.on(PasswordRead(changed=True, asked=True)) == (TakeTurn(),)


@pytest.mark.parametrize("error_id", [131, 132, 140, 141])
def test_an_operator_whose_password_must_be_changed_waits_for_the_new_one(error_id: int) -> None:
    """With an alarm; the old one is not sent again."""
    session = SessionMachine(operator=True, patience=PATIENCE)
    session.on(FrontConnected())
    session.on(Authenticated("3"))

    alarm, *_ = session.on(StepRefused(error_id, "expired"))
    for _ in range(100):
        session.on(DeadlinePassed())
        assert session.on(PasswordRead(changed=False)) == ()

    assert isinstance(alarm, Alarm)
    assert alarm.name is AlarmName.OPERATOR_PASSWORD_DUE
    assert session.on(PasswordRead(changed=True)) == (TakeTurn(),)


@pytest.mark.parametrize("error_id", [4, 9, 49, 75, 4043])
def test_an_operator_that_only_a_person_can_help_is_tried_again_later_and_when_asked(error_id: int) -> None:
    """Unlocking it at the counter is enough; nobody has to restart the relay."""
    session = breaking(live_operator_session())

    alarm, _, pause = session.on(StepRefused(error_id, "locked"))

    assert isinstance(alarm, Alarm)
    assert pause == Wait(300)
    assert session.on(PasswordRead(changed=False, asked=True)) == (TakeTurn(),)


def test_an_operator_that_was_forced_out_comes_back_later() -> None:
    """With an alarm, because it may be another program with the same operator."""
    session = live_operator_session()

    alarm, _, pause = session.on(ForcedOut())
    session.on(FrontDisconnected(4097))
    session.on(FrontConnected())

    assert isinstance(alarm, Alarm)
    assert alarm.name is AlarmName.OPERATOR_FORCED_OUT
    assert pause == Wait(5)
    assert session.on(DeadlinePassed()) == (TakeTurn(),)


def test_an_outdated_password_is_not_the_investors_fault() -> None:
    """It was changed at another terminal of this investor while the login was on its way."""
    session = breaking(live_investor_session())

    command, _ = session.on(StepRefused(3, "wrong", outdated=True))

    assert isinstance(command, SessionRecovering)
    assert session.state is LifeState.WAITING


# Breaks one after another --------------------------------------------------------------------------------------


def test_a_front_that_drops_after_each_login_is_asked_less_and_less() -> None:
    """52 logins a minute of each session get an address locked; the first break costs no pause."""
    session, waited, logins = live_operator_session(), 0.0, 0
    while waited < 3600:
        decision = session.on(FrontDisconnected(4097))
        session.on(FrontConnected())
        if session.state is LifeState.WAITING:
            waited += sum(command.seconds for command in decision if isinstance(command, Wait))
            session.on(DeadlinePassed())
        for event in (TurnCame(), Authenticated("3"), LoggedIn("20261123")):
            session.on(event)
        logins += 1

    assert session.state is LifeState.LIVE
    assert logins < 80


def test_a_session_that_lived_for_a_while_comes_back_at_once() -> None:
    """A front that is restarted once an hour is no flapping front."""
    session = live_operator_session()
    for _ in range(10):
        session.on(DeadlinePassed())  # steady
        session.on(FrontDisconnected(4097))
        assert session.on(FrontConnected()) == (TakeTurn(),)
        for event in (TurnCame(), Authenticated("3"), LoggedIn("20261123")):
            session.on(event)


def test_a_session_is_renewed_where_nothing_else_helps() -> None:
    """The API that takes no query any more takes none until it is another one."""
    session = live_investor_session()

    assert session.on(RenewalWanted("no query is answered")) == (SessionRecovering("no query is answered"), TakeTurn())
    assert session.on(TurnCame()) == (Renew(), Wait(10))
