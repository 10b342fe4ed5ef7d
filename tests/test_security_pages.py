"""SECURITY.md and docs/security.md name tests that are there, and both languages say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("SECURITY.md", "docs/security.md", "docs/security.zh.md")
_NAMED = re.compile(r"`([\w/]+)::(test_\w+)`")


def _named(page: str) -> list[tuple[str, str]]:
    return _NAMED.findall((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_a_page_names_is_there(page: str) -> None:
    missing = [
        f"{module}::{name}"
        for module, name in _named(page)
        if f"def {name}(" not in _text_of(ROOT / "tests" / f"{module}.py")
    ]

    assert missing == []
    assert _named(page)


def test_both_languages_name_the_same_tests_in_the_same_order() -> None:
    assert _named("docs/security.md") == _named("docs/security.zh.md")


def test_both_languages_have_the_same_parts() -> None:
    english, chinese = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES[1:])

    assert [len(re.findall(sign, english, re.MULTILINE)) for sign in (r"^## ", r"^\* ")] == [
        len(re.findall(sign, chinese, re.MULTILINE)) for sign in (r"^## ", r"^\* ")
    ]


def test_each_promise_names_a_test() -> None:
    rows = [line for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]

    assert [row for row in rows[1:] if not _NAMED.search(row)] == []


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
