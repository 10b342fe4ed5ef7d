"""What refusals made of the counter's numbers say."""

from __future__ import annotations

import pytest

from relay.refusals import counter_reasons
from relay.refusals.login_advice import password_due_advice
from relay.refusals.refusal import Source


@pytest.mark.parametrize("code", [-1, -2, -3, -4, -5, -6, -7, -99])
def test_every_return_code_of_a_report_is_explained(code: int) -> None:
    """The code itself, and what to do; codes nobody documented as well."""
    refusal = counter_reasons.report_refused(code)

    assert refusal.code == code
    assert refusal.advice


def test_who_is_at_fault_for_a_refused_report() -> None:
    """Permission is the relay's setup at the counter; the rest is the terminal's collector."""
    assert counter_reasons.report_refused(-3).source is Source.COUNTER
    assert counter_reasons.report_refused(-4).source is Source.COUNTER
    assert counter_reasons.report_refused(-6).source is Source.COLLECTOR


def test_the_counters_own_text_is_kept() -> None:
    """And an explanation is added to it."""
    refusal = counter_reasons.counter_refused(75, "CTP:连续登录失败次数超限")

    assert refusal.source is Source.COUNTER
    assert refusal.code == 75
    assert refusal.message.startswith("CTP:连续登录失败次数超限 / ")


@pytest.mark.parametrize("error_id", [7, 8, 90, 154, 5002])
def test_passing_refusals_name_a_waiting_time(error_id: int) -> None:
    """The counter is not ready: the same login may succeed later."""
    assert counter_reasons.counter_refused(error_id, "").retry_after_seconds > 0


@pytest.mark.parametrize("error_id", [63, 143, 144, 145, 3039, 3040, 4040, 4042, 4060])
def test_faults_of_the_relay_are_not_for_the_terminal_to_repeat(error_id: int) -> None:
    """They concern everybody behind this relay."""
    refusal = counter_reasons.counter_refused(error_id, "")

    assert refusal.retry_after_seconds == 0
    assert "do not retry" in refusal.advice


@pytest.mark.parametrize("error_id", [131, 140, 141])
def test_a_due_password_is_advised_to_be_changed_in_this_session(error_id: int) -> None:
    """The session stays open for it."""
    assert "in this session" in password_due_advice(error_id)


def test_no_password_advice_for_other_logins() -> None:
    """0 is a login that went well."""
    assert password_due_advice(0) == ""
    assert password_due_advice(3) == ""


def test_numbers_nobody_knows_are_told_as_numbers() -> None:
    """With the text if there is one."""
    assert counter_reasons.counter_refused(98765, "").message == "ErrorID 98765"
    assert counter_reasons.counter_refused(98765, "某种错误").message == "某种错误"
