"""Whom a push is given to: one terminal of each desk, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from relay.counter.port import Mode
from relay.counter.translated.desk import AccountDesk
from relay.counter.ufx.pushes import PushHearers
from simcounter.config import CounterConfig
from tests.relay.counter.ufx.rig import INVESTOR, OTHER, ufx_rig
from tests.relay.counter.ufx.t2.conftest import counter_config

__all__ = ["counter_config"]
PUSH = {
    "msgtype": "b", "market_no": "3", "stock_code": "rb2701", "entrust_direction": "1", "futures_direction": "1",
    "entrust_price": "3000", "entrust_amount": "3", "third_reff": "",
}  # fmt: skip


class Ear:
    """A terminal's account."""

    def __init__(self, *, live: bool = True) -> None:
        self.live = live

    def heard(self, row: Mapping[str, str]) -> None:
        """See `PushHearer`."""

    def missed(self, operator_no: str) -> None:
        """See `PushHearer`."""


def test_one_of_each_desk_hears_and_a_live_one_where_there_is_one() -> None:
    """Two investors may have one account; who is gone hears nothing."""
    hearers, dead, live, other = PushHearers(), Ear(live=False), Ear(), Ear()
    for desk, ear in (("A", dead), ("A", live), ("A", live), ("B", other)):
        hearers.add("1", desk, ear)
    before = hearers.of("1"), list(hearers), hearers.of("2")
    hearers.remove("1", "A", live)
    hearers.remove("1", "B", other)
    hearers.remove("1", "B", other)
    only_dead = hearers.of("1")
    hearers.remove("1", "A", dead)

    assert before == ([live, other], [live, other], [])
    assert only_dead == [dead]
    assert list(hearers) == []


async def test_a_burst_costs_its_pushes_and_not_pushes_times_terminals(
    counter_config: CounterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty terminals of one account and one of another: each push is read once, and reaches all of its account."""
    heard: list[str] = []
    hear = AccountDesk.heard_order

    def counted(self: AccountDesk, state: Any) -> None:
        heard.append(self.investor_id)
        hear(self, state)

    async with ufx_rig(counter_config, Mode.MANY_TO_ONE, tmp_path, sweep_seconds=0) as made:
        terminals = [await made.attach() for _ in range(20)]
        other = await made.attach(OTHER)
        monkeypatch.setattr(AccountDesk, "heard_order", counted)
        operator = made.command("ufx_logins")[0]["operator_no"]
        for number in range(100):
            row = {**PUSH, "account_code": INVESTOR, "entrust_no": str(9000 + number)}
            made.command("ufx_push", operator_no=operator, row=row)
        for terminal in terminals:
            await terminal.wait("OnRtnOrder", lambda said: said.rtn_order.order_sys_id.strip() == "9099")

        assert heard == [INVESTOR] * 100
        assert "OnRtnOrder" not in [name for name, _ in other.got]
