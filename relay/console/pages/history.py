"""The customer calls: what became of the logins of one investor, app id or address, and what to answer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import Response

from relay.console.entry_words import EntryWords, StoryShown
from relay.console.logins import LoginOutcome, LoginStory, nearest, stories
from relay.console.reading import reading_of
from relay.console.spoken import number
from relay.console.visit import Visit
from relay.ledger.chain import Entry
from relay.ledger.history import MOST_ON_A_PAGE, HistoryAsked, PageTurn

LONGEST = 64
READ_REASON = "查询 / look-up"
"""what the entry of a look at customers' data says; the person is in it, too"""
_MOST_STORIES = 40
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?")
_READS = 4
"""pages of the ledger that one look goes through"""
_OUTCOME = {LoginOutcome.REFUSED: "refused", LoginOutcome.COUNTED: "refused", LoginOutcome.LOGGED_IN: "ok"}


@dataclass(frozen=True, slots=True)
class _DayShown:
    day: str
    rows: tuple[StoryShown, ...]


@dataclass(frozen=True, slots=True)
class _AnswerShown:
    kind: str
    words: str
    what: str
    at: str
    todo: str


async def history(visit: Visit) -> Response:
    """A form; and the answer, where something was asked."""
    asked = visit.request.query_params
    who, around = asked.get("who", "").strip()[:LONGEST], asked.get("around", "").strip()
    today = reading_of(visit).now().date().isoformat()
    day = asked.get("day", "").strip() or today
    span = day_span(day)
    time = _time_of(around) if around else ""
    problem = visit.say("history.bad_day") if span is None or time is None else ""
    if not who or span is None or time is None:
        return _render(visit, who=who, day=day if span is not None else today, around=time or "", problem=problem)
    told = await _stories(visit, who, span)
    words = EntryWords(visit.parts.words, visit.language)
    days = _by_day([words.story(story) for story in told[:_MOST_STORIES]])
    return _render(
        visit,
        who=who,
        day=day,
        around=time,
        answer=_answer(visit, words, nearest(told, time)),
        events=days,
        more=max(0, len(told) - _MOST_STORIES),
        short=_in_short(words, told),
    )


def day_span(day: str) -> tuple[str, str] | None:
    """The day and the one after it, as times of entries are compared; None for what is no day."""
    try:
        first = dt.date.fromisoformat(day)
        return first.isoformat(), (first + dt.timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return None


def _time_of(text: str) -> str | None:
    """A time of the day as HH:MM, from 8:57, 08:57 or 08:57:30; None for what is none."""
    found = _TIME.fullmatch(text.replace("：", ":"))
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return f"{int(found[1]):02}:{found[2]}"


async def _stories(visit: Visit, who: str, span: tuple[str, str]) -> list[LoginStory]:
    reads, by = visit.parts.actions.history, visit.person(READ_REASON)
    asked = HistoryAsked(since=span[0], until=span[1], about=who)
    found: list[Entry] = []
    after: PageTurn | None = None
    for _ in range(_READS):
        look = partial(reads.page, by, asked, after=after, most=MOST_ON_A_PAGE)
        page, after = await visit.parts.work.run(look)
        found += page
        if after is None:
            break
    return stories(found)


def _answer(visit: Visit, words: EntryWords, story: LoginStory | None) -> _AnswerShown | None:
    if story is None:
        return None
    shown, outcome = words.story(story), _OUTCOME.get(story.outcome, "open")
    todo = shown.todo
    what = visit.say("history.answer_all_well") if outcome == "ok" else shown.words
    if story.refusal is not None:
        what = f"{words.refusal(story.refusal)[0]} · {words.whose(story.refusal)}"
    return _AnswerShown(shown.kind, visit.say(f"history.answer_{outcome}"), what, story.at, todo)


def _by_day(shown: Iterable[StoryShown]) -> list[_DayShown]:
    days: dict[str, list[StoryShown]] = {}
    for story in shown:
        days.setdefault(story.at[:10], []).append(story)
    return [_DayShown(day, tuple(rows)) for day, rows in days.items()]


def _in_short(words: EntryWords, told: Sequence[LoginStory]) -> list[tuple[str, str]]:
    good = sum(story.outcome is LoginOutcome.LOGGED_IN for story in told)
    refused = sum(story.counted or story.outcome is LoginOutcome.REFUSED for story in told)
    incomplete = sum(bool(story.facts.get("collector_code")) for story in told if story.admitted)
    facts = [
        ("short_logins", number(good)),
        ("short_refused", number(refused)),
        ("short_incomplete", number(incomplete) if incomplete else ""),
        ("short_addresses", _all(told, "public_ip")),
        ("short_app_ids", _all(told, "terminal_app_id")),
    ]
    return [(words.say(f"history.{key}"), value) for key, value in facts if value]


def _all(told: Sequence[LoginStory], name: str) -> str:
    return ", ".join(dict.fromkeys(str(story.facts[name]) for story in told if story.facts.get(name)))


def _render(visit: Visit, **shown: object) -> Response:
    nothing: dict[str, Any] = {"answer": None, "events": (), "more": 0, "short": (), "problem": ""}
    return visit.render("history.html", **(nothing | shown))
