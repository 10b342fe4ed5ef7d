"""The rows of the return codes, and that the simulated counter's library returns no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ctpabi.facts.return_codes import (
    NO_CONNECTION,
    NOT_PERMITTED,
    REPORT_CODES,
    REQUEST_CODES,
    TOO_MANY_A_SECOND,
    TOO_MANY_UNANSWERED,
    ReturnCode,
    report_code,
)
from ctpabi.facts.words import Concern

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("known", [*REQUEST_CODES.values(), *REPORT_CODES.values()], ids=lambda row: row.reason)
def test_a_code_speaks_both_languages(known: ReturnCode) -> None:
    """Words for all; an advice for all but 0."""
    assert known.words.chinese
    assert known.words.english.isascii()
    assert bool(known.advice.english) == bool(known.advice.chinese) == (known.code != 0)


def test_the_simulated_library_returns_the_same_codes() -> None:
    """Its C++ has names and numbers of its own; each number means the same here."""
    sources = "".join(
        path.read_text(encoding="utf-8") for path in ROOT.glob("*/shim/**/*") if path.suffix in {".cpp", ".h"}
    )
    theirs = dict(
        re.findall(r"constexpr int k(NotConnected|TooMany\w+|WrongLength|Not\w+Relay|Malformed) = (-\d+);", sources)
    )

    assert {name: int(code) for name, code in theirs.items()} == {
        "NotConnected": NO_CONNECTION,
        "TooManyPending": TOO_MANY_UNANSWERED,
        "TooManyPerSecond": TOO_MANY_A_SECOND,
        "WrongLength": by_reason("report_length"),
        "NotInvestorRelay": max(NOT_PERMITTED),
        "NotOperatorRelay": min(NOT_PERMITTED),
        "Malformed": by_reason("report_damaged"),
    }


def by_reason(reason: str) -> int:
    return next(row.code for row in REPORT_CODES.values() if row.reason == reason)


def test_who_may_not_report_is_the_relays_fault() -> None:
    """-3 and -4; the others are about the bytes of the terminal."""
    assert {code for code, row in REPORT_CODES.items() if row.concern is Concern.RELAY} == NOT_PERMITTED


def test_a_code_that_nobody_documented_names_itself() -> None:
    """And sends to the firm."""
    row = report_code(-9)

    assert (row.reason, row.code) == ("report_refused", -9)
    assert "-9" in row.words.english
