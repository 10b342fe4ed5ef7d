"""Ledger entries of terminals as stories: one for each try to log in, with how it went and how it ended. Pure.

A try has a session of its own in the ledger. What is not of a session, refusals that were counted, is a story by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from relay.ledger.chain import Entry


class LoginOutcome(StrEnum):
    """How a try to log in went."""

    REFUSED = "refused"
    LOGGED_IN = "ok"
    ABANDONED = "abandoned"
    OPEN = "open"
    COUNTED = "counted"
    """several refusals of one place in one entry"""


@dataclass(slots=True)
class LoginStory:
    """One try, newest entry first in `entries`."""

    session: str
    entries: list[Entry] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """all facts of its entries, later ones over earlier ones"""
    refusal: Mapping[str, Any] | None = None
    report_code: int | None = None
    counter_error: int | None = None
    abandoned: str = ""
    ended: str = ""
    """the stable word of how the session ended, empty where it goes on"""
    ended_at: str = ""
    admitted: bool = False
    counted: int = 0

    @property
    def at(self) -> str:
        """When it was refused, or began."""
        kinds = {entry.kind: entry for entry in self.entries}
        shown = kinds.get("terminal_refused") or kinds.get("terminal_admitted") or self.entries[-1]
        return shown.at

    @property
    def outcome(self) -> LoginOutcome:
        """How it went, as far as the ledger says."""
        if self.counted:
            return LoginOutcome.COUNTED
        if self.refusal is not None:
            return LoginOutcome.REFUSED
        if self.abandoned:
            return LoginOutcome.ABANDONED
        if self.counter_error == 0 or self.report_code == 0:
            return LoginOutcome.LOGGED_IN
        return LoginOutcome.OPEN


def stories(entries: Iterable[Entry]) -> list[LoginStory]:
    """Entries given newest first, as stories, newest first; those without a terminal's session are left out."""
    found: dict[str, LoginStory] = {}
    loose: list[LoginStory] = []
    for entry in entries:
        if entry.kind == "terminals_refused":
            loose.append(LoginStory("", [entry]))
        elif entry.session:
            found.setdefault(entry.session, LoginStory(entry.session)).entries.append(entry)
    several = [story for story in found.values() if any(_is_of_a_login(entry.kind) for entry in story.entries)] + loose
    for story in several:
        for entry in reversed(story.entries):
            _add(story, entry.kind, facts_of(entry), entry.at)
    return sorted(several, key=lambda story: story.at, reverse=True)


def facts_of(entry: Entry) -> dict[str, Any]:
    """An entry's data; empty where it is no object, which only a changed ledger has."""
    try:
        facts = json.loads(entry.data)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def nearest(told: Iterable[LoginStory], around: str) -> LoginStory | None:
    """The story a customer asks about: the latest one, or the one nearest to a time of day (HH:MM), refusals first."""
    candidates = list(told)
    if not candidates or not around:
        return candidates[0] if candidates else None
    minutes = _minutes(around)
    return min(candidates, key=lambda one: (_far(one, minutes), one.outcome is not LoginOutcome.REFUSED))


def _far(story: LoginStory, minutes: int) -> int:
    """How far from the time, in steps of 5 minutes: a refusal in the same step comes before a login."""
    return abs(_minutes(story.at[11:16]) - minutes) // 5


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _is_of_a_login(kind: str) -> bool:
    return kind.startswith(("terminal_", "counter_")) or kind == "login_abandoned"


def _add(story: LoginStory, kind: str, facts: dict[str, Any], at: str) -> None:
    story.facts.update({name: value for name, value in facts.items() if value not in ("", None)})
    match kind:
        case "terminal_refused":
            story.refusal = facts
        case "terminals_refused":
            story.counted = int(facts.get("count", 0))
        case "terminal_admitted":
            story.admitted = True
        case "terminal_report_result":
            story.report_code = int(facts.get("return_code", 0))
        case "counter_login_answer":
            story.counter_error = int(facts.get("error_id", 0))
        case "login_abandoned":
            story.abandoned = str(facts.get("reason", "")) or "?"
        case "terminal_logout":
            story.ended, story.ended_at = str(facts.get("kind", "")) or "?", at
        case _:
            pass  # a step in between
