"""What counts as holding, and where the figures are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attacks import report
from attacks.catalog import ATTACKS, SPREADS
from attacks.verdicts import Bounds, Measured

GOOD = Measured(
    honest_logins_percent=100.0,
    honest_login_p95_s=0.2,
    order_p99_ratio=1.1,
    rss_growth_mib=3.0,
    recovered_s=0.2,
    rss_left_mib=1.0,
    quiet={},
    order_p99_us=5_000,
    orders_unanswered=0,
    logins_tried=20,
    refusals={},
    written_mib=0.1,
    done={"streams": 1},
    let_in=0,
)
NAME = ATTACKS[0].name


@pytest.mark.parametrize(
    "missed",
    [
        {"honest_logins_percent": 94.9},
        {"order_p99_ratio": 3.01},
        {"rss_growth_mib": 100.1},
        {"rss_left_mib": 50.1},
        {"recovered_s": 5.1},
        {"recovered_s": None},
        {"let_in": 1},
        {"orders_unanswered": 1},
    ],
)
def test_each_limit_can_be_missed(missed: dict[str, float]) -> None:
    """The name of the limit is said, and the attack does not hold."""
    measured = replace(GOOD, **missed)  # type: ignore[arg-type]  # values by name

    assert measured.missed(Bounds()) == list(missed)
    assert not measured.as_json(Bounds())["holds"]
    assert GOOD.missed(Bounds()) == []


def test_the_table_is_replaced_and_the_page_is_not(tmp_path: Path) -> None:
    """What stands before and after the markers stays; the table has a row for each attack, both spreads in a cell."""
    page = tmp_path / "security.md"
    page.write_text(f"# Before\n{report.BEGIN}\nyesterday\n{report.END}\nafter\n", encoding="utf-8")
    other = replace(GOOD, honest_logins_percent=50.0, honest_login_p95_s=None, recovered_s=None)

    report.write_page({(NAME, 1): GOOD, (NAME, 100): other}, "many_to_many", page)

    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "yesterday" not in text
    assert "| 100 % / 50 % | 0.20 s / — |" in text
    assert "| 0.2 s / not | **does not hold** |" in text


def test_results_are_found_by_attack_and_spread() -> None:
    """attack.json names each `<attack>_from_<addresses>` with its figures and whether it holds."""
    content = report.as_json({(NAME, spread): GOOD for spread in SPREADS}, "many_to_many", Bounds())

    assert sorted(content["attacks"]) == sorted(f"{NAME}_from_{spread}" for spread in (1, 100))
    assert content["attacks"][f"{NAME}_from_1"]["order_p99_ratio"] == GOOD.order_p99_ratio
    assert content["holds"]


def test_the_page_has_a_place_for_the_table() -> None:
    """docs/security.md has both markers, in their order."""
    text = report.PAGE.read_text(encoding="utf-8")

    assert 0 < text.find(report.BEGIN) < text.find(report.END)


def test_every_attack_says_what_it_does() -> None:
    """Its docstring is one sentence that stands in the table, so it has no line break and no bar."""
    assert [attack.name for attack in ATTACKS if not attack.words or set("|\n") & set(attack.words)] == []
