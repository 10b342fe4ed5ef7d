"""The rows of the ErrorIDs: what each says agrees with what is done about it."""

from __future__ import annotations

import pytest

from ctpabi.facts.errors import ERRORS, SETUP_FAULT, WRONG_LOGINS, CtpError, LoginVerdict, error_of, verdict_of
from ctpabi.facts.words import Concern
from simcounter.errors_text import _TEXTS, ErrorId

every_row = pytest.mark.parametrize("row", ERRORS.values(), ids=lambda row: str(row.number))


def test_every_number_the_simulated_counter_sends_has_a_row() -> None:
    """Its list is its own; a number that only it knows would be refused without a word of ours."""
    known = {0, *ERRORS}

    assert {int(number) for number in ErrorId} - known == set()
    assert set(_TEXTS) - known == set()


def test_every_row_of_a_login_can_be_played() -> None:
    """The simulated counter has a sentence for each number a login is refused with, but for what no CTP here sends.

    Not listed there: one-time passwords, certificates, text messages, and what a library's other version gets.
    """
    not_played = {48, 56, 57, 58, 59, 132, 3039, 3040, *range(4100, 4112), *range(6014, 6024)}
    logins = {row.number for row in ERRORS.values() if row.verdict is not LoginVerdict.PASSING}

    assert logins - set(_TEXTS) - not_played == set()


@every_row
def test_a_row_speaks_both_languages(row: CtpError) -> None:
    """And its reason is one lower-case word for programs."""
    assert row.reason.replace("_", "").isalpha()
    assert row.reason.islower()
    for words in (row.words, row.advice):
        assert bool(words.chinese) == bool(words.english)
        assert not words.chinese or not words.chinese.isascii()
        assert words.english.isascii()
    assert row.words.chinese


@every_row
def test_what_stops_the_relay_is_its_own_fault_and_no_text_claims_an_alarm(row: CtpError) -> None:
    """STOP_RELAY opens the breaker. Whether a message reached a person is known only after the terminal has its answer."""
    stops = row.verdict is LoginVerdict.STOP_RELAY

    assert (row.advice == SETUP_FAULT) == stops
    assert "alarm" not in row.advice.english
    assert "告警" not in row.advice.chinese
    assert not stops or row.concern is Concern.RELAY


@every_row
def test_only_a_due_password_is_to_be_changed_in_this_session(row: CtpError) -> None:
    """Any other refusal ends the session, or keeps it from everything."""
    assert ("in this session" in row.advice.english) == (row.verdict is LoginVerdict.PASSWORD_DUE)


@pytest.mark.parametrize("number", [131, 132, 140, 141])
def test_a_password_that_must_be_changed_keeps_the_session(number: int) -> None:
    """132 like the others: the new password that was tried, or the old one, is too simple."""
    assert verdict_of(number) is LoginVerdict.PASSWORD_DUE


def test_a_login_without_authentication_may_be_repeated() -> None:
    """64 is the order of the relay's steps: a new session authenticates anew, and no one has to mend anything."""
    row = error_of(64)

    assert row.verdict is LoginVerdict.PASSING
    assert "try again" in row.advice.english


def test_what_counts_as_a_wrong_password_is_known() -> None:
    """75 says that a few wrong ones came before."""
    assert set(ERRORS) >= WRONG_LOGINS
    assert {row.number for row in ERRORS.values() if row.verdict is LoginVerdict.WRONG_PASSWORD} < WRONG_LOGINS


def test_a_number_in_no_list_has_no_words_and_may_pass() -> None:
    """It is tried again, and the counter's own text says what it is."""
    row = error_of(98_765)

    assert (str(row.words), row.reason, row.verdict) == ("", "counter_refused", LoginVerdict.PASSING)
