"""Which numbers stop what: the lists that operations rely on, written down a second time and by hand."""

from __future__ import annotations

import pytest

from ctpabi.facts.errors import ERRORS, NEED_RETRY, NEVER_ANSWERED, WRONG_LOGINS, LoginVerdict, verdict_of
from ctpabi.facts.words import Concern

STOPS_THE_RELAY = {63, 77, 143, 144, 145, 3039, 3040, 4040, 4042, 4060}
"""app id, auth code, address and API of the relay itself: every login more makes it worse for everybody"""
STOPS_THE_INVESTOR = {
    4,
    9,
    10,
    11,
    12,
    13,
    14,
    49,
    56,
    57,
    58,
    59,
    75,
    4043,
    *range(4100, 4112),
    *range(6014, 6022),
    6023,
}
DUE = {131, 132, 140, 141}
WRONG = {3, 48}
RETRY = {7, 8, 90, 154, 5002}
PASSING_LOGINS = {5, 6, 60, 64, 4041}
TERMINALS = {
    15,
    16,
    17,
    22,
    23,
    24,
    25,
    26,
    80,
    103,
    116,
    142,
    *range(146, 151),
    157,
    158,
    162,
    163,
    164,
    165,
    2001,
    2014,
}
INVESTORS = {28, 29, 30, 31, 42, 50, 51, 101, 1002}
COUNTERS = {40, 41, 1006, 1011, 1023, 2018, 2059, 999_999}


@pytest.mark.parametrize(
    ("verdict", "numbers"),
    [
        (LoginVerdict.STOP_RELAY, STOPS_THE_RELAY),
        (LoginVerdict.STOP_INVESTOR, STOPS_THE_INVESTOR),
        (LoginVerdict.PASSWORD_DUE, DUE),
        (LoginVerdict.WRONG_PASSWORD, WRONG),
        (LoginVerdict.RETRY, RETRY),
        (LoginVerdict.PASSING, PASSING_LOGINS | TERMINALS | INVESTORS | COUNTERS),
    ],
    ids=lambda value: value.name if isinstance(value, LoginVerdict) else "",
)
def test_each_number_stops_what_it_should(verdict: LoginVerdict, numbers: set[int]) -> None:
    """One number too many here and one investor's mistake stops all logins; one too few and the relay is locked out."""
    assert {number for number in ERRORS if verdict_of(number) is verdict} == numbers


def test_the_answers_of_orders_concern_whom_they_concern() -> None:
    """What the terminal got wrong, what its account lacks, what the counter cannot do now."""
    assert {row.number for row in ERRORS.values() if row.concern is Concern.TERMINAL} == TERMINALS
    assert {row.number for row in ERRORS.values() if row.concern is Concern.INVESTOR} == INVESTORS | {9, 13}
    assert {row.number for row in ERRORS.values() if row.concern is Concern.COUNTER} == COUNTERS | RETRY


def test_the_numbers_that_the_relay_looks_for_are_ctps() -> None:
    """A query is repeated after 90; 3, 48 and 75 count towards the counter's lock; -1 is none of CTP's."""
    assert NEED_RETRY == 90
    assert {3, 48, 75} == WRONG_LOGINS
    assert NEVER_ANSWERED == -1
    assert NEVER_ANSWERED not in ERRORS


@pytest.mark.parametrize(
    ("number", "reason", "english"),
    [
        (3, "wrong_password", "wrong user or password"),
        (22, "duplicate_order_ref", "the order reference was used before"),
        (26, "order_not_cancellable", "the order cannot be canceled any more"),
        (31, "funds_insufficient", "funds are insufficient"),
        (42, "settlement_not_confirmed", "the settlement statement is not confirmed"),
        (60, "counter_sessions_exceeded", "too many sessions of this user"),
        (63, "relay_not_authenticated", "the counter refused the relay's app id or auth code"),
        (116, "order_rate", "the broker's order rate is exceeded"),
        (4042, "relay_ip_not_authorized", "the relay's app id is not allowed from its address"),
    ],
)
def test_the_numbers_that_people_meet_say_what_happened(number: int, reason: str, english: str) -> None:
    """A row that slipped by one would send a trader to the wrong desk."""
    assert (ERRORS[number].reason, ERRORS[number].words.english) == (reason, english)


def test_one_sentence_has_one_reason() -> None:
    """Two numbers with one sentence are one thing to a person, so their reason for programs is one too."""
    by_sentence: dict[str, set[str]] = {}
    for row in ERRORS.values():
        by_sentence.setdefault(row.words.chinese, set()).add(row.reason)

    assert {sentence: reasons for sentence, reasons in by_sentence.items() if len(reasons) > 1} == {}


LATIN = ("IP", "AppID", "API", "SSL", "PIN", "InvestorID", "ExchangeID", "AccountID")
"""what a Chinese sentence of ours calls by its Latin name"""


def test_a_chinese_sentence_is_chinese() -> None:
    """Traders read it: names of fields and the like apart, no English word stands in it."""
    for row in ERRORS.values():
        for text in (row.words.chinese, row.advice.chinese):
            for name in LATIN:
                text = text.replace(name, "")  # noqa: PLW2901 - what is left is looked at
            assert not any(letter.isascii() and letter.isalpha() for letter in text), row
