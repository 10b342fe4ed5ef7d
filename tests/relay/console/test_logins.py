"""Ledger entries as stories of logins, their words, and the day's count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from relay.console.day_tally import DayTally
from relay.console.entry_words import EntryWords
from relay.console.logins import LoginOutcome, LoginStory, nearest, stories
from relay.console.refusal_words import refusal_advice, refusal_title
from relay.console.words import Language, load_sentences
from relay.ledger.chain import Entry, canonical, empty_head, head_after, link
from relay.refusals.all_reasons import rows

ADMITTED = {"investor_id": "100023", "terminal_app_id": "kuaiqi_3.2", "public_ip": "203.0.113.23", "port": 51377}
WRONG_PASSWORD = {
    "source": "counter",
    "reason": "wrong_password",
    "code": 3,
    "message": "CTP:不合法的登录 / invalid login",
    "terminal_app_id": "kuaiqi_3.2",
    "public_ip": "203.0.113.23",
    "port": 51302,
}


def entries(*rows: tuple[str, str, str, dict[str, Any]]) -> list[Entry]:
    """(time, kind, session, facts) as the entries of one chain, in order."""
    head, made = empty_head("relay-a"), []
    for at, kind, session, facts in rows:
        entry = link(head, at=f"2026-01-05T{at}+08:00", kind=kind, session=session, data=canonical(facts))
        head = head_after(entry)
        made.append(entry)
    return made


def a_good_login(session: str = "s1", at: str = "09:02") -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (f"{at}:40.000001", "terminal_admitted", session, {**ADMITTED, "collector_code": 0}),
        (f"{at}:40.000002", "terminal_report", session, dict(ADMITTED)),
        (f"{at}:40.000003", "terminal_report_result", session, {"call": "Register", "return_code": 0}),
        (f"{at}:40.000004", "counter_login_answer", session, {"error_id": 0, "trading_day": "20260105"}),
    ]


def a_refused_login(session: str = "s0", at: str = "08:57") -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (f"{at}:12.000001", "terminal_admitted", session, {**ADMITTED, "collector_code": 0x40}),
        (f"{at}:12.000002", "counter_login_answer", session, {"error_id": 3, "error_msg": "CTP:不合法的登录"}),
        (f"{at}:12.000003", "terminal_refused", session, dict(WRONG_PASSWORD)),
    ]


def told(made: Iterable[Entry]) -> list[LoginStory]:
    return stories(reversed(list(made)))


def test_each_try_is_one_story() -> None:
    """The newest comes first, with how it went."""
    found = told(entries(*a_refused_login(), *a_good_login()))

    assert [story.outcome for story in found] == [LoginOutcome.LOGGED_IN, LoginOutcome.REFUSED]
    assert found[1].at.startswith("2026-01-05T08:57:12")


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (("09:00:01", "login_abandoned", "s", {"reason": "the stream ended"}), LoginOutcome.ABANDONED),
        (("09:00:01", "terminal_refused", "s", dict(WRONG_PASSWORD)), LoginOutcome.REFUSED),
        (("09:00:01", "counter_login", "s", {}), LoginOutcome.OPEN),
    ],
)
def test_a_try_may_end_in_other_ways(last: tuple[str, str, str, dict[str, Any]], outcome: LoginOutcome) -> None:
    """Given up, refused later, or without an end in the ledger."""
    (story,) = told(entries(("09:00:00", "terminal_admitted", "s", dict(ADMITTED)), last))

    assert story.outcome is outcome


def test_counted_refusals_are_a_story_of_their_own() -> None:
    """They have no session; how many there were is kept."""
    counted = {"place": "203.0.113.23", "count": 40, "reasons": [{"reason": "terminal_not_accepted", "count": 40}]}
    (story,) = told(entries(("09:01:00", "terminals_refused", "", counted)))

    assert (story.outcome, story.counted) == (LoginOutcome.COUNTED, 40)


def test_the_refusal_a_customer_asks_about_is_the_one_nearest_to_the_time() -> None:
    """Asked about 08:57, the answer is that refusal and not the login after it; without a time the latest try."""
    found = told(entries(*a_refused_login(), *a_good_login("s1", "08:58"), *a_good_login("s2", "10:00")))

    about = nearest(found, "08:57")

    assert about is not None
    assert about.session == "s0"
    latest = nearest(found, "")
    assert latest is not None
    assert latest.session == "s2"
    assert nearest([], "08:57") is None


def test_what_is_no_login_is_no_story() -> None:
    """Actions and the relay's own entries are left out."""
    assert told(entries(("09:00:00", "relay_started", "", {"relay": "relay-a"}))) == []


def test_a_refusal_is_said_in_plain_words_with_what_to_do() -> None:
    """In Chinese: what the counter said, and its advice."""
    words = EntryWords(load_sentences(), Language.ZH)
    (story,) = told(entries(*a_refused_login()))

    shown = words.story(story)

    assert shown.words == "登录被拒绝：CTP:不合法的登录"
    assert "密码" in shown.todo
    assert "柜台拒绝（错误号 3）" in shown.facts
    assert shown.kind == "bad"
    assert any("硬盘序列号" in fact for fact in shown.facts), "what the collector could not collect"


def test_every_reason_of_the_relay_has_words_in_both_languages() -> None:
    """A title without places that were not filled in, and advice."""
    for row in rows():
        for language in Language:
            title = refusal_title("relay", row.reason, 0, language)
            assert title, row.reason
            assert "{" not in title
            assert "{" not in refusal_advice("relay", row.reason, 0, language)


def test_an_entry_of_an_unknown_kind_is_shown_by_its_kind() -> None:
    """A newer relay may write to the same ledger."""
    words = EntryWords(load_sentences(), Language.ZH)
    (entry,) = entries(("09:00:00", "moon_landed", "", {"crew": 3}))

    assert words.entry(entry).words == "moon_landed"
    assert words.all_facts({"crew": 3, "ok": True, "system_info": "AAAA"}) == [("crew", "3"), ("ok", "是")]


def test_the_day_is_counted_once_an_entry() -> None:
    """Logins that came to nothing are refusals and no logins; counted refusals count in full."""
    tally = DayTally("2026-01-05")
    counted = {"count": 40, "reasons": [{"reason": "terminal_not_accepted", "count": 40}]}
    made = entries(
        *a_refused_login(),
        *a_good_login(),
        ("09:05:00", "terminals_refused", "", counted),
        ("09:06:00", "terminal_admitted", "s9", dict(ADMITTED)),
        ("09:06:01", "login_abandoned", "s9", {"reason": "the stream ended"}),
    )

    for entry in made:
        tally.add(entry)

    assert (tally.logins, tally.refusals, tally.reports, tally.incomplete) == (1, 41, 1, 1)
    assert tally.refused[("counter", "wrong_password", 3)] == 1
    assert tally.logins_by_hour == {9: 1}
    assert tally.refused_by_hour == {8: 1, 9: 40}
