"""The steps of a login: what is sent, that the ledger has it first, and that no secret is written or shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from ctpabi.api.spi import RawEvent
from relay.counter.ctp.session import events
from relay.counter.ctp.session.login_steps import CounterCredentials, LoginSteps
from relay.counter.ctp.session.offered import offered
from relay.counter.registered import RegisteredCounter
from relay.refusals.refusal import LedgerUnavailable
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, callback, read
from tests.relay.counter.ctp.played_api import PASSWORD, RELAY_AUTH_CODE, Mood, PlayedApi, login, report
from tests.relay.counter.ctp.played_board import DAY, answer
from tests.relay.evidence import KeptEvidence

ONE_TIME = "246810"


def credentials() -> CounterCredentials:
    return CounterCredentials(
        broker_id=BROKER,
        user_id="100001",
        password=PASSWORD,
        relay_app_id="relay_1.0",
        relay_auth_code=RELAY_AUTH_CODE,
        user_product_info="relay",
        one_time_password=ONE_TIME,
    )


@pytest.fixture
async def api() -> PlayedApi:
    return PlayedApi(lambda _: None, Mood())


@pytest.fixture
async def steps(api: PlayedApi, evidence: KeptEvidence) -> LoginSteps:
    context = RegisteredCounter(offered(CATALOG))
    return LoginSteps("s-1", api, CATALOG, credentials(), evidence, context)  # type: ignore[arg-type]


Step = Callable[[LoginSteps], Awaitable[object]]
EVERY_STEP: list[tuple[str, Step]] = [
    ("authenticate", lambda steps: steps.authenticate(1)),
    ("log_in", lambda steps: steps.log_in(1)),
    ("register", lambda steps: steps.register(report())),
    ("submit", lambda steps: steps.submit("s-2", report())),
]


@pytest.mark.parametrize(("name", "step"), EVERY_STEP, ids=[name for name, _ in EVERY_STEP])
async def test_nothing_is_sent_that_the_ledger_does_not_have(
    name: str, step: Step, steps: LoginSteps, api: PlayedApi, evidence: KeptEvidence
) -> None:
    """Ledger first: what the regulator asks for must survive whatever happens after it."""
    evidence.available = False

    with pytest.raises(LedgerUnavailable):
        await step(steps)

    assert api.called == []
    assert api.reported == []


async def test_the_relay_authenticates_as_itself(steps: LoginSteps, api: PlayedApi) -> None:
    """The relay's app id and auth code, not the terminal's."""
    await steps.authenticate(5)

    (called,) = api.called
    assert (called.name, called.request_id) == ("ReqAuthenticate", 5)
    assert read("ReqAuthenticate", called.body, "BrokerID", "UserID", "AppID", "AuthCode") == (
        BROKER,
        "100001",
        "relay_1.0",
        RELAY_AUTH_CODE,
    )


async def test_the_login_is_the_investors(steps: LoginSteps, api: PlayedApi) -> None:
    """Password and one-time password as the terminal gave them."""
    await steps.log_in(6)

    (called,) = api.called
    assert read("ReqUserLogin", called.body, "BrokerID", "UserID", "Password", "OneTimePassword") == (
        BROKER,
        "100001",
        PASSWORD,
        ONE_TIME,
    )


async def test_the_ledger_tells_the_whole_login_and_no_secret(steps: LoginSteps, evidence: KeptEvidence) -> None:
    """Who, as what, from where, and what the counter said; never what opens an account."""
    await steps.authenticate(1)
    await steps.authenticated(answer("OnRspAuthenticate", 1, AppType="2"))
    await steps.register(report())
    await steps.log_in(2)
    await steps.logged_in(answer("OnRspUserLogin", 2, TradingDay=DAY, FrontID=1, SessionID=77))

    assert evidence.kinds == [
        "counter_authenticate",
        "counter_authenticate_answer",
        "terminal_report",
        "terminal_report_result",
        "counter_login",
        "counter_login_answer",
    ]
    assert evidence.data("terminal_report_result") == {"call": "RegisterUserSystemInfo", "return_code": 0}
    written = repr(evidence.entries)
    assert not [secret for secret in (PASSWORD, RELAY_AUTH_CODE, ONE_TIME) if secret in written]


async def test_a_report_the_call_refuses_is_in_the_ledger_with_its_code(
    steps: LoginSteps, api: PlayedApi, evidence: KeptEvidence
) -> None:
    """-1, -6 and their kin are what an inspector asks about first."""
    api.mood.codes["SubmitUserSystemInfo"] = -6

    code = await steps.submit("s-2", report("100002"))

    assert code == -6
    assert evidence.data("terminal_report_result") == {"call": "SubmitUserSystemInfo", "return_code": -6}
    assert {session for _, session, _ in evidence.entries} == {"s-2"}


async def test_a_refused_authentication_is_a_fact_with_number_and_text(steps: LoginSteps) -> None:
    """Through its own callback, or as OnRspError."""
    own = await steps.authenticated(answer("OnRspAuthenticate", 1, 63, AppType=""))
    other = await steps.authenticated(answer("OnRspError", 1, 63))

    assert own == other == events.StepRefused(63, "refused")


@pytest.mark.parametrize("step", ["authenticate", "login"])
async def test_a_refusal_of_the_counter_is_in_the_ledger(steps: LoginSteps, evidence: KeptEvidence, step: str) -> None:
    """With number and text: it is what the firm asks the counter's operators about."""
    read_answer = steps.authenticated if step == "authenticate" else steps.logged_in

    await read_answer(answer("OnRspError", 1, 63))

    assert evidence.data(f"counter_{step}_answer") == {"error_id": 63, "error_msg": "refused"}


async def test_a_login_without_content_is_not_taken_for_one(steps: LoginSteps) -> None:
    """NULL instead of the struct, whatever the ErrorID says."""
    event = await steps.logged_in(RawEvent(callback("OnRspUserLogin"), None, None, 1))

    assert event == events.StepRefused(0, "")


async def test_what_the_counter_said_is_the_outcome(steps: LoginSteps) -> None:
    """The switchboard builds the terminal's welcome from it."""
    await steps.authenticated(answer("OnRspAuthenticate", 1, AppType="2"))
    await steps.register(report())
    logged_in = await steps.logged_in(answer("OnRspUserLogin", 2, TradingDay=DAY, MaxOrderRef="41", SessionID=77))

    live = steps.live(day_changed=True)

    assert logged_in == events.LoggedIn(DAY)
    assert (live.attached.app_type, live.attached.report_return_code, live.day_changed) == ("2", 0, True)
    assert (live.attached.max_order_ref, live.attached.session_id) == (41, 77)


@pytest.mark.parametrize(
    ("text", "number"), [("            ", 0), ("93015123456", 93_015_123_456), ("     7", 7), ("A1", 0)]
)
async def test_the_greatest_reference_is_a_number_whatever_the_counter_wrote(
    text: str, number: int, steps: LoginSteps
) -> None:
    """Twelve digits are in use; what is no number counts as none and must not cost the login."""
    await steps.logged_in(answer("OnRspUserLogin", 2, TradingDay=DAY, MaxOrderRef=text))

    assert steps.live(day_changed=False).attached.max_order_ref == number


def test_no_secret_is_shown() -> None:
    """A dataclass in a traceback or a log line must not give a password away."""
    shown = repr(credentials()) + repr(login(one_time_password=ONE_TIME))

    assert not [secret for secret in (PASSWORD, RELAY_AUTH_CODE, ONE_TIME) if secret in shown]
