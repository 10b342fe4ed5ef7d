"""Login attempts, counted where they fail: locks of our own, before CTP's lock everybody behind this relay out.

Three subjects are counted (investor, app id, address), and one switch stops all logins of the process where the
counter refuses the relay itself. Only failures that are the terminal's own doing count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from relay.domain.breaker import AttemptLimit, Breaker, LoginAttempts, Subject
from relay.domain.public_ip import Origin
from relay.errors import Refusal, Source
from relay.settings import Limits

_log = structlog.get_logger(__name__)

_GUESSES = frozenset({"unknown_terminal", "wrong_proof", "challenge_replayed"})
_INVESTOR_GUESSES = frozenset({"investor_unknown", "wrong_investor_password"})
_WRONG_AT_THE_COUNTER = frozenset({3, 48, 75})
"""CTP's ErrorIDs of a wrong investor or password"""


class Attempt(Protocol):
    """Who tries to log in."""

    @property
    def app_id(self) -> str: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def investor_id(self) -> str: ...


class LoginGuard:
    """The locks of one relay process."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        window, lock = limits.window_seconds, limits.lock_out_seconds
        self._attempts = LoginAttempts(
            {
                Subject.INVESTOR: AttemptLimit(limits.login_failures_per_investor, window, lock),
                Subject.APP_ID: AttemptLimit(limits.login_failures_per_app_id, window, lock),
                Subject.IP: AttemptLimit(limits.login_failures_per_ip, window, lock),
            }
        )
        self._breaker = Breaker(pause_seconds=limits.breaker_pause_seconds)
        self._clock = clock

    def check(self, attempt: Attempt) -> Refusal | None:
        """Why this login is not even tried."""
        now = self._clock()
        return self._attempts.refusal(_all_of(attempt), now) or self._breaker.admit(now)

    def failed(self, attempt: Attempt, refusal: Refusal) -> None:
        """A login was refused; counts against whoever caused it."""
        now = self._clock()
        subjects = _blamed(attempt, refusal)
        for subject in self._attempts.failed(subjects, now) if subjects else ():
            _log.warning("login_locked", subject=subject.value, name=subjects[subject])
        if refusal.source is Source.COUNTER:
            alarm = self._breaker.refused(refusal.code, refusal.message, now)
            if alarm is not None:
                _log.critical("logins_stopped", error_id=alarm.error_id, text=alarm.text)

    def succeeded(self, attempt: Attempt) -> None:
        """A login went through."""
        self._attempts.succeeded(_all_of(attempt))
        self._breaker.succeeded()


def _all_of(attempt: Attempt) -> Mapping[Subject, str]:
    return {
        Subject.INVESTOR: attempt.investor_id,
        Subject.APP_ID: attempt.app_id,
        Subject.IP: attempt.origin.public_ip,
    }


def _blamed(attempt: Attempt, refusal: Refusal) -> Mapping[Subject, str]:
    """Whose failure it is. A terminal that fails its proof says nothing about the investor it names."""
    everybody = _all_of(attempt)
    if refusal.source is Source.RELAY and refusal.reason in _GUESSES:
        return {subject: everybody[subject] for subject in (Subject.APP_ID, Subject.IP)}
    at_the_relay = refusal.source is Source.RELAY and refusal.reason in _INVESTOR_GUESSES
    at_the_counter = refusal.source is Source.COUNTER and refusal.code in _WRONG_AT_THE_COUNTER
    return everybody if at_the_relay or at_the_counter else {}
