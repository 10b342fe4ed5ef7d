"""What errors tell beside the counter's own words."""

from __future__ import annotations

import pytest

from ctpabi.facts.errors import ERRORS
from ctpabi.facts.return_codes import REQUEST_CODES
from terminal_client.errors import CallNotSent, CounterRejected


def test_a_rejection_says_what_can_be_done() -> None:
    """In both languages, behind the counter's text."""
    rejected = CounterRejected("order_insert", 31, "CTP:资金不足")

    assert rejected.advice == str(ERRORS[31].advice)
    assert str(rejected) == f"order_insert: counter error 31: CTP:资金不足 — {rejected.advice}"


@pytest.mark.parametrize("error_id", [77, 143, 64, 98_765])
def test_what_the_relay_does_about_its_own_login_is_not_said_of_a_call(error_id: int) -> None:
    """No alarm is raised because a call was answered so; and nothing is made up about an unknown number."""
    assert CounterRejected("qry_order", error_id, "CTP:无此功能").advice == ""


@pytest.mark.parametrize("code", [-1, -2, -3])
def test_a_return_code_is_named_as_the_relay_names_it(code: int) -> None:
    """Nothing was sent with any of them."""
    assert str(CallNotSent("order_insert", code)).endswith(REQUEST_CODES[code].words.english)
    assert "not sent" in str(CallNotSent("order_insert", code))
