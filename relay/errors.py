"""Refusals: what the relay says when it does not do what a terminal asked, and whose decision it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Who refused."""

    RELAY = "relay"
    COUNTER = "counter"
    COLLECTOR = "collector"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, as the terminal, the ledger and the log all tell it."""

    source: Source
    reason: str
    """stable word for programs: unknown_terminal, wrong_proof, stale_system_info …"""
    message: str
    """what happened; with CTP's own text where there is one"""
    advice: str = ""
    """what the terminal or its user can do"""
    code: int = 0
    """CTP's ErrorID, or the report's return code, or 0"""
    retry_after_seconds: int = 0


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
