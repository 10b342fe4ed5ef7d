"""What the pages say of refusals, requests and states is what is in force: a row that changes is seen by who reads them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("page", ["refusals", "requests", "state_machines"])
def test_a_page_says_what_the_tables_say(page: str) -> None:
    """As `python -m codegen --check` looks at all that is written."""
    module = importlib.import_module(f"codegen.pages.{page}")

    for path, text in module.files().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text
