"""Locks of the relay's own: who is counted for what, and when all logins stop."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import pytest

from relay.domain import reasons
from relay.domain.public_ip import Origin
from relay.errors import Refusal
from relay.services.login_guard import LoginGuard
from relay.settings import Limits

LIMITS = Limits(login_failures_per_investor=3, login_failures_per_app_id=4, login_failures_per_ip=5)


@dataclass(frozen=True)
class Trying:
    """Who tries to log in."""

    investor_id: str = "100001"
    app_id: str = "terminal_1.0"
    address: str = "198.51.100.7"

    @property
    def origin(self) -> Origin:
        return Origin(ipaddress.ip_address(self.address), 5000)


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def guard(seconds: Seconds) -> LoginGuard:
    return LoginGuard(LIMITS, seconds)


def fail(guard: LoginGuard, refusal: Refusal, times: int, trying: Trying | None = None) -> None:
    for _ in range(times):
        guard.failed(trying or Trying(), refusal)


WRONG_PASSWORD = reasons.wrong_investor_password("100001")


@pytest.mark.parametrize(
    "refusal", [WRONG_PASSWORD, reasons.investor_unknown("100001"), reasons.counter_refused(3, "不合法的登录")]
)
def test_guessing_a_password_locks_the_investor_before_ctp_does(
    guard: LoginGuard, seconds: Seconds, refusal: Refusal
) -> None:
    """At the relay or at the counter; other investors go on, and so does this one when the time is over."""
    fail(guard, refusal, 3)

    locked = guard.check(Trying())
    assert locked is not None
    assert locked.reason == "locked_out"
    assert 0 < locked.retry_after_seconds <= LIMITS.lock_out_seconds
    assert guard.check(Trying("100002")) is None
    seconds.now = LIMITS.lock_out_seconds + 1
    assert guard.check(Trying()) is None


@pytest.mark.parametrize(
    "refusal",
    [
        reasons.ledger_unavailable(),
        reasons.directory_unavailable(),
        reasons.verifier_unavailable(),
        reasons.counter_unavailable(),
        reasons.relay_draining(),
        reasons.locked_out("investor", 5.0),
        reasons.system_info_length(1, 2),
        reasons.system_info_replayed(),
        reasons.report_refused(-6),
        reasons.counter_refused(7, "还没有初始化"),
        reasons.counter_refused(140, "首次登录必须修改密码"),
    ],
)
def test_what_is_not_guessing_locks_nobody(guard: LoginGuard, refusal: Refusal) -> None:
    """A counter that is down, or a ledger, must not lock out everybody who tries."""
    fail(guard, refusal, 100)

    assert guard.check(Trying()) is None


@pytest.mark.parametrize(
    "refusal", [reasons.wrong_proof("terminal_1.0"), reasons.challenge_replayed(), reasons.unknown_terminal("x")]
)
def test_a_terminal_without_its_proof_says_nothing_about_the_investor_it_names(
    guard: LoginGuard, refusal: Refusal
) -> None:
    """Otherwise anybody could lock out any investor by naming it."""
    fail(guard, refusal, 4)

    assert guard.check(Trying(app_id="other_1.0", address="203.0.113.9")) is None
    locked = guard.check(Trying("100002"))
    assert locked is not None


def test_an_address_that_guesses_many_investors_is_locked(guard: LoginGuard) -> None:
    """No single investor reaches its limit."""
    for number in range(5):
        guard.failed(Trying(str(number), f"app_{number}"), WRONG_PASSWORD)

    assert guard.check(Trying("100009", "app_9")) is not None
    assert guard.check(Trying("100009", "app_9", "203.0.113.9")) is None


def test_a_success_forgets_the_investors_failures_only(guard: LoginGuard) -> None:
    """The address may be guessing others."""
    fail(guard, WRONG_PASSWORD, 2)
    guard.succeeded(Trying())
    fail(guard, WRONG_PASSWORD, 2)

    assert guard.check(Trying()) is not None, "four failures of one app id"
    assert guard.check(Trying(app_id="other_1.0")) is None


def test_failures_are_forgotten_after_the_window(guard: LoginGuard, seconds: Seconds) -> None:
    """Three typing errors in a month lock nobody."""
    for _ in range(10):
        fail(guard, WRONG_PASSWORD, 1)
        seconds.now += LIMITS.window_seconds

    assert guard.check(Trying()) is None


def test_a_counter_that_refuses_the_relay_itself_stops_all_logins(guard: LoginGuard, seconds: Seconds) -> None:
    """Each further try would make it worse; after the pause one login tries for all."""
    guard.failed(Trying(), reasons.counter_refused(63, "终端认证失败"))

    assert guard.check(Trying("100002")) is not None
    seconds.now = LIMITS.breaker_pause_seconds + 1
    assert guard.check(Trying("100002")) is None
    assert guard.check(Trying("100003")) is not None, "one try decides"
    guard.succeeded(Trying("100002"))
    assert guard.check(Trying("100003")) is None
