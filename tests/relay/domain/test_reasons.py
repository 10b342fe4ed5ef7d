"""What refusals say."""

from __future__ import annotations

import pytest

from relay.domain import reasons
from relay.errors import Refusal, Source

RELAY_REFUSALS = [
    reasons.unknown_terminal("x"),
    reasons.wrong_proof("x"),
    reasons.terminal_not_accepted(),
    reasons.challenge_expired(),
    reasons.challenge_replayed(),
    reasons.terminal_disabled("x"),
    reasons.mode_not_allowed("x", "many_to_one"),
    reasons.system_info_length(1, 2),
    reasons.system_info_not_genuine(),
    reasons.system_info_other_edition(),
    reasons.system_info_replayed(),
    reasons.system_info_stale(1, 2),
    reasons.system_info_from_the_future(1, 2),
    reasons.system_info_undated(),
    reasons.investor_not_accepted(),
    reasons.investor_unknown("x"),
    reasons.wrong_investor_password("x"),
    reasons.investor_disabled("x"),
    reasons.wrong_broker("x"),
    reasons.locked_out("ip", 12.5),
    reasons.too_many_sessions(4),
    reasons.ledger_unavailable(),
    reasons.directory_unavailable(),
    reasons.verifier_unavailable(),
    reasons.counter_unavailable(),
    reasons.operator_refused(reasons.counter_refused(63, "CTP:认证失败")),
    reasons.relay_draining(),
    reasons.relay_full(),
    reasons.too_many_streams(),
    reasons.message_too_large(2, 1),
    reasons.not_logged_in(),
    reasons.unexpected_message("Login", "logging in"),
    reasons.protocol_unsupported(9),
    reasons.request_malformed("x"),
    reasons.request_id_in_use(1),
    reasons.deadline_passed(),
    reasons.too_many_calls(9),
    reasons.session_gone(),
]


@pytest.mark.parametrize("refusal", RELAY_REFUSALS, ids=lambda r: r.reason)
def test_a_refusal_of_the_relay_is_told_in_two_languages_with_an_advice(refusal: Refusal) -> None:
    """Message and advice are Chinese and English, and the reason is one lower-case word for programs."""
    assert refusal.source is Source.RELAY
    assert refusal.reason.replace("_", "").isalpha()
    assert refusal.reason.islower()
    for text in (refusal.message, refusal.advice):
        chinese, slash, english = text.partition(" / ")
        assert slash
        assert not chinese.isascii()
        assert any(character.isascii() and character.isalpha() for character in english)


def test_unknown_app_ids_and_wrong_codes_look_alike() -> None:
    """Whoever guesses learns nothing; the ledger has the precise refusals."""
    told = {reasons.told_to_terminal(refusal) for refusal in (reasons.unknown_terminal("a"), reasons.wrong_proof("b"))}

    assert told == {reasons.terminal_not_accepted()}


def test_unknown_investors_and_wrong_passwords_look_alike() -> None:
    """And like the counter's own refusal of a login, number 3."""
    refusals = (reasons.investor_unknown("a"), reasons.wrong_investor_password("b"))
    told = {reasons.told_to_terminal(refusal) for refusal in refusals}

    assert told == {reasons.investor_not_accepted()}
    assert reasons.investor_not_accepted().code == 3


def test_other_refusals_are_told_as_they_are() -> None:
    """A stale collection is told with its age."""
    refusal = reasons.system_info_stale(400, 300)

    assert reasons.told_to_terminal(refusal) is refusal


def test_waiting_times_are_rounded_up() -> None:
    """A terminal that waits as told does not come too early."""
    assert reasons.locked_out("ip", 12.5).retry_after_seconds == 13


@pytest.mark.parametrize("code", [-1, -2, -3, -4, -5, -6, -7, -99])
def test_every_return_code_of_a_report_is_explained(code: int) -> None:
    """The code itself, and what to do; codes nobody documented as well."""
    refusal = reasons.report_refused(code)

    assert refusal.code == code
    assert refusal.advice


def test_who_is_at_fault_for_a_refused_report() -> None:
    """Permission is the relay's setup at the counter; the rest is the terminal's collector."""
    assert reasons.report_refused(-3).source is Source.COUNTER
    assert reasons.report_refused(-4).source is Source.COUNTER
    assert reasons.report_refused(-6).source is Source.COLLECTOR


def test_the_counters_own_text_is_kept() -> None:
    """And an explanation is added to it."""
    refusal = reasons.counter_refused(75, "CTP:连续登录失败次数超限")

    assert refusal.source is Source.COUNTER
    assert refusal.code == 75
    assert refusal.message.startswith("CTP:连续登录失败次数超限 / ")


@pytest.mark.parametrize("error_id", [7, 8, 90, 154, 5002])
def test_passing_refusals_name_a_waiting_time(error_id: int) -> None:
    """The counter is not ready: the same login may succeed later."""
    assert reasons.counter_refused(error_id, "").retry_after_seconds > 0


@pytest.mark.parametrize("error_id", [63, 143, 144, 145, 3039, 3040, 4040, 4042, 4060])
def test_faults_of_the_relay_are_not_for_the_terminal_to_repeat(error_id: int) -> None:
    """They concern everybody behind this relay."""
    refusal = reasons.counter_refused(error_id, "")

    assert refusal.retry_after_seconds == 0
    assert "do not retry" in refusal.advice


@pytest.mark.parametrize("error_id", [131, 140, 141])
def test_a_due_password_is_advised_to_be_changed_in_this_session(error_id: int) -> None:
    """The session stays open for it."""
    assert "in this session" in reasons.password_due_advice(error_id)


def test_no_password_advice_for_other_logins() -> None:
    """0 is a login that went well."""
    assert reasons.password_due_advice(0) == ""
    assert reasons.password_due_advice(3) == ""


def test_numbers_nobody_knows_are_told_as_numbers() -> None:
    """With the text if there is one."""
    assert reasons.counter_refused(98765, "").message == "ErrorID 98765"
    assert reasons.counter_refused(98765, "某种错误").message == "某种错误"
