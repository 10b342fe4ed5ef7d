"""Whether a demonstration showed what it is there to show."""

from __future__ import annotations

import dataclasses
import json

import pytest

from demo.cast import CASTS, Cast
from demo.outcome import DemoOutcome

CAST, _ = CASTS["ctp"]
BRIDGE, _ = CASTS["bridge"]
CTS, _ = CASTS["cts"]
GOOD = DemoOutcome(
    system="ctp", exchanges=["SHFE"], boards=[], collected_kinds=["ctp"], mode="many_to_many", investor_id="100001", collector_code=0, system_info_length=265, system_info_sha256="a",
    ledger_system_info_sha256="a", counter_system_info_sha256="a", report_system_info_sha256="a",
    report_kind="register", report_public_ip="127.0.0.1", report_app_id="terminal_1.0",
    report_call="RegisterUserSystemInfo", return_code=0, relay_app_id="relay_1.0", relay_app_type="2",
    order_status="all_traded", trades=1, position=1, ledger_entries=9, ledger_verified=True, seconds=1.5,
)  # fmt: skip


REFUSED = DemoOutcome(
    system="bridge", mode="many_to_many", exchanges=["2"], boards=["2.N0"], collected_kinds=[],
    ledger_entries=9, ledger_verified=True, seconds=1.5, refusal="no_investor_sessions",
)  # fmt: skip


def problems(**changed: object) -> list[str]:
    return problems_of(CAST, GOOD, **changed)


def problems_of(cast: Cast, good: DemoOutcome, **changed: object) -> list[str]:
    return dataclasses.replace(good, **changed).problems(cast, "terminal_1.0")  # type: ignore[arg-type]


def test_everything_as_it_must_be_is_no_problem() -> None:
    """Equal digests, an accepted report, a filled order and a whole ledger."""
    assert problems() == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"ledger_system_info_sha256": "b"}, "unchanged"),
        ({"counter_system_info_sha256": "b"}, "unchanged"),
        ({"report_system_info_sha256": "b"}, "unchanged"),
        ({"return_code": -6}, "-6"),
        ({"report_app_id": "relay_1.0"}, "terminal"),
        ({"report_public_ip": ""}, "address"),
        ({"relay_app_type": "3"}, "AppType"),
        ({"order_status": "no_trade_queueing"}, "no_trade_queueing"),
        ({"trades": 0}, "order"),
        ({"ledger_verified": False}, "ledger"),
        ({"exchanges": []}, "exchange"),
    ],
)
def test_each_fact_that_is_wrong_is_named(changed: dict[str, object], word: str) -> None:
    """One wrong fact is one problem."""
    found = problems(**changed)

    assert len(found) == 1
    assert word in found[0]


def test_a_counter_without_room_for_an_address_need_not_have_one() -> None:
    """Nor an AppType."""
    assert problems_of(CTS, GOOD, report_public_ip="", relay_app_type="") == []


def test_without_investors_sessions_a_login_must_be_refused() -> None:
    """For that reason, and exchanges and boards are registered all the same."""
    assert problems_of(BRIDGE, REFUSED) == []
    assert len(problems_of(BRIDGE, REFUSED, refusal="")) == 1
    assert len(problems_of(BRIDGE, REFUSED, refusal="terminal_not_accepted")) == 1
    assert len(problems_of(BRIDGE, REFUSED, boards=[])) == 1


def test_a_program_reads_it_from_one_line() -> None:
    """All facts by their names, on one line."""
    line = GOOD.as_json()

    assert "\n" not in line
    assert json.loads(line) == dataclasses.asdict(GOOD)
