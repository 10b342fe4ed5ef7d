"""Everything that can go wrong for a terminal, and whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from ctpabi.facts.errors import ERRORS
from ctpabi.facts.return_codes import REQUEST_CODES
from ctpabi.facts.words import Concern
from terminal_client.farewells import Farewell


@dataclass(frozen=True, slots=True)
class NativeWords:
    """An error in the words of a counter whose numbers are not CTP's."""

    code: str
    text: str
    level: int = 0
    """which, where the counter has errors of several levels"""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal in the relay's words."""

    source: str
    """relay, counter or collector"""
    reason: str
    """stable word for programs"""
    message: str
    code: int = 0
    """CTP's ErrorID, or the report's return code, or 0"""
    advice: str = ""
    """what the terminal or its user can do"""
    retry_after_seconds: int = 0
    """0: trying again does not help by itself"""
    native: NativeWords | None = None
    """what the counter said, where its numbers are not CTP's"""

    def __str__(self) -> str:
        code = f" [{self.code or (self.native.code if self.native else '')}]" if self.code or self.native else ""
        advice = f" — {self.advice}" if self.advice else ""
        return f"{self.source}: {self.reason}{code}: {self.message}{advice}"


class TerminalError(Exception):
    """Base of everything this package raises on purpose."""


class CollectorFailed(TerminalError):
    """The collector gave no system info."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """library_missing, symbol_missing, crashed, timed_out, bad_answer, or not_set_up"""


class LoginRejected(TerminalError):
    """The login was refused; nothing of it has effect at the counter."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.source, self.reason, self.code = refusal.source, refusal.reason, refusal.code
        self.message, self.advice = refusal.message, refusal.advice


class PasswordNotProvable(TerminalError):
    """The password was to stay in this program, and this relay does not take, or did not answer, its proof."""


class NotConnected(TerminalError):
    """There is no session at the moment; nothing was sent."""


class SessionEnded(TerminalError):
    """The session is over and will not come back by itself."""

    def __init__(self, reason: str, kind: Farewell = Farewell.UNKNOWN) -> None:
        advice = f" — {kind.advice}" if kind.advice else ""
        super().__init__(f"session ended: {reason}{advice}")
        self.reason = reason
        self.kind = kind
        """which of the relay's goodbyes it was; UNKNOWN where it said none"""


class MarketDataNotOffered(TerminalError):
    """The relay has no market data; another relay of the firm may have."""


class SlowConsumer(TerminalError):
    """A notice queue was full; the notices that did not fit are gone: query to catch up."""

    def __init__(self, lost: int) -> None:
        super().__init__(f"{lost} notices were dropped because they were not read in time; query to catch up")
        self.lost = lost


class CallFailed(TerminalError):
    """A request did not succeed."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        """the request: order_insert"""


class CallRefused(CallFailed):
    """The relay refused the request; it was not sent to the counter."""

    def __init__(self, name: str, refusal: Refusal) -> None:
        super().__init__(name, str(refusal))
        self.refusal = refusal


class CallNotSent(CallFailed):
    """The API call returned non-zero; the request was not sent."""

    def __init__(self, name: str, return_code: int) -> None:
        known = REQUEST_CODES.get(return_code)
        words = known.words.english if known is not None else "unknown"
        super().__init__(name, f"not sent, return code {return_code}: {words}")
        self.return_code = return_code


class CounterRejected(CallFailed):
    """The counter answered with an error id."""

    def __init__(
        self, name: str, error_id: int, text: str, rows: Sequence[Message] = (), native: NativeWords | None = None
    ) -> None:
        known = ERRORS.get(error_id)
        self.advice = "" if known is None or known.concern is Concern.RELAY else str(known.advice)
        """what the terminal or its user can do; empty where nothing is known, or where it is about the relay's login"""
        super().__init__(name, f"counter error {error_id}: {text}" + (f" — {self.advice}" if self.advice else ""))
        self.error_id = error_id
        self.text = text
        self.rows = tuple(rows)
        """what the counter sent along, usually the request it rejects"""
        self.native = native
        """what the counter said, where its numbers are not CTP's"""


class NoAnswer(CallFailed):
    """The request was sent; its answer did not come within the deadline (seconds) or cannot come any more."""


class OutcomeUnknown(CallFailed):
    """Nobody said whether the request was sent. It is never sent again by itself: query, or repeat with its key."""
