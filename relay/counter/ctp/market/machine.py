"""The life of the session for market data: connect, log in, live, and again.

    AWAY --connected--> LOGGING_IN --logged_in--> LIVE
                          |  ^
          failed, no time |  | time is over
                          v  |
                         PAUSING          disconnected leads from everywhere to AWAY

The API connects by itself for ever. A refused login is tried again after a pause that doubles: no password can be locked by
it, since none is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class FeedPhase(Enum):
    AWAY = auto()
    LOGGING_IN = auto()
    LIVE = auto()
    PAUSING = auto()


@dataclass(frozen=True, slots=True)
class FeedStep:
    """What follows from an event."""

    log_in: bool = False
    timer_seconds: float = 0.0
    """0: none runs any more, but for a step that is `NOTHING`"""
    became_live: bool = False
    """everything is subscribed now"""
    was_lost: bool = False
    why: str = ""
    """with was_lost, or where a login failed"""


NOTHING = FeedStep()
"""What came changes nothing: a timer that runs goes on."""


class FeedMachine:
    """Pure; `answer_seconds` a login may take, pauses grow from `pause_seconds` to `longest_seconds`."""

    def __init__(self, *, answer_seconds: float, pause_seconds: float, longest_seconds: float) -> None:
        self.phase = FeedPhase.AWAY
        self._answer_seconds = answer_seconds
        self._first_pause = pause_seconds
        self._longest_pause = longest_seconds
        self._pause = pause_seconds

    def connected(self) -> FeedStep:
        """The front took the connection."""
        return self._log_in()

    def disconnected(self, why: str) -> FeedStep:
        was_live, self.phase = self.phase is FeedPhase.LIVE, FeedPhase.AWAY
        return FeedStep(was_lost=was_live, why=why)

    def logged_in(self) -> FeedStep:
        """A late answer, after a pause has begun, counts too."""
        if self.phase not in {FeedPhase.LOGGING_IN, FeedPhase.PAUSING}:
            return NOTHING
        self.phase, self._pause = FeedPhase.LIVE, self._first_pause
        return FeedStep(became_live=True)

    def login_failed(self, why: str) -> FeedStep:
        """It was refused, or could not be sent."""
        if self.phase is not FeedPhase.LOGGING_IN:
            return NOTHING
        self.phase = FeedPhase.PAUSING
        pause, self._pause = self._pause, min(2 * self._pause, self._longest_pause)
        return FeedStep(timer_seconds=pause, why=why)

    def logged_out(self, why: str) -> FeedStep:
        """The counter ended the login and left the connection."""
        if self.phase is not FeedPhase.LIVE:
            return NOTHING
        self.phase = FeedPhase.PAUSING
        return FeedStep(was_lost=True, why=why, timer_seconds=self._pause)

    def time_is_over(self) -> FeedStep:
        """The timer of the last step rang."""
        if self.phase is FeedPhase.LOGGING_IN:
            return self.login_failed("the login was not answered")
        return self._log_in() if self.phase is FeedPhase.PAUSING else NOTHING

    def _log_in(self) -> FeedStep:
        self.phase = FeedPhase.LOGGING_IN
        return FeedStep(log_in=True, timer_seconds=self._answer_seconds)
