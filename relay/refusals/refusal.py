"""A refusal, and its one way from where it is found to the terminal.

1. A row of the table makes the value: `call_reasons.order_not_found()` is a `Refusal`.
2. Pure code returns it. A coroutine raises it, once, as `Refused(refusal)`; nothing in between changes it.
3. `TerminalStream` (a login, a resume, a message) or `TerminalSession` (a call) catches it at the top.
4. A refused login is in the ledger first, precisely. Then `sessions.frames.rejection` writes `refusal.told`, which
   is the precise refusal, or the one that is said instead of it. No other function makes a message of a refusal.

A session that ends because of a refusal says it in the text of its Goodbye or SessionStatus: `told_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    RELAY = "relay"
    COUNTER = "counter"
    COLLECTOR = "collector"


@dataclass(frozen=True, slots=True)
class NativeError:
    """An error in the words of a counter whose numbers are not CTP's."""

    code: str
    """as the counter wrote it: E2000000"""
    text: str
    level: int = 0
    """where the counter has errors of several levels: which"""

    def as_evidence(self) -> dict[str, object]:
        """What the ledger keeps of it."""
        return {"code": self.code, "text": self.text, "level": self.level}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, as the ledger and the log have it, and `told` as the terminal has it."""

    source: Source
    reason: str
    """stable word for programs: unknown_terminal, wrong_proof, system_info_stale …"""
    message: str
    """what happened; with CTP's own text where there is one"""
    advice: str = ""
    """what the terminal or its user can do"""
    code: int = 0
    """CTP's ErrorID, or the report's return code, or 0"""
    retry_after_seconds: int = 0
    instead: Refusal | None = None
    """what the terminal is told where it must not learn the precise reason"""
    native: NativeError | None = None
    """the counter's own error, where its numbers are not CTP's"""

    @property
    def told(self) -> Refusal:
        """The refusal as the terminal may know it."""
        return self.instead or self

    @property
    def told_text(self) -> str:
        """One line for the text of a Goodbye or a SessionStatus."""
        return f"{self.told.reason}: {self.told.message}"


class Refused(Exception):
    """Raised where a step of a login or a call is refused; carries the Refusal."""

    def __init__(self, refusal: Refusal, why: str = "") -> None:
        """`why` is for the log alone: what is wrong inside the relay."""
        super().__init__(f"{refusal.source}: {refusal.reason}: {refusal.message}")
        self.refusal = refusal
        self.why = why


def refuse(refusal: Refusal | None) -> None:
    """Raise Refused where a check found something, do nothing where it did not."""
    if refusal is not None:
        raise Refused(refusal)


class LedgerUnavailable(Exception):
    """The ledger could not commit an entry. What the entry announced must not be done."""
