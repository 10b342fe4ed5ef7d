"""CTP's messages as vn.py's own objects: what has no value, strange days, other programs' orders."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.program import program_variables


@pytest.fixture(scope="module")
def cases(programs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of them, from one program."""
    done = subprocess.run(
        [str(programs_python), str(Path(__file__).with_name("tables.py"))],
        cwd=tmp_path_factory.mktemp("tables"),
        env=program_variables(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_price_without_a_value_is_zero(cases: dict[str, Any]) -> None:
    """All five levels, the Chinese name; and no tick where it says no time."""
    assert cases["tick"] == ["rb2701.SHFE", "螺纹钢2701", 3501.0, 0.0, 3496.0, 7, None]


def test_the_day_of_a_tick_is_the_one_it_was(cases: dict[str, Any]) -> None:
    """In the night one exchange writes Monday, another nothing; around midnight the day before is meant."""
    assert cases["times"] == [
        "2026-11-27 21:29:59+08:",
        "2026-11-27 21:29:59+08:",
        "2026-11-27 21:29:59+08:",
        "2026-11-27 15:00:00+08:",
        "2026-11-27 23:59:59.500",
    ]


def test_an_order_that_vnpy_has_no_word_for_is_shown_as_the_nearest(cases: dict[str, Any]) -> None:
    """A forced close, a best-price order, an unknown exchange, a time that is missing: nothing raises."""
    assert cases["strange_orders"] == ["1_-2_3", "CLOSE", "CANCELLED", "MARKET", True, None, 0.0, True]


def test_the_records_of_one_side_are_one_position(cases: dict[str, Any]) -> None:
    """Today's and yesterday's; then zero, once they are gone."""
    assert cases["positions"] == [[3, 1, 1, 3466.67], [0, 0, 0, 0.0]]
