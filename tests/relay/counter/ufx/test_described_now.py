"""What UFX is said to offer: before any login, live, while it is away, and after; and the day that is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.ufx.pack import encode_pack, table_of
from tests.relay.counter.ufx.rig import INVESTOR, UfxRig, ufx_rig
from tests.relay.counter.ufx.t2.conftest import counter_config

__all__ = ["counter_config"]
PORTFOLIOS = 30003


def up(made: UfxRig) -> dict[str, bool]:
    """The levels of login, as they are described now."""
    return {level.name: level.up for level in made.counter.describe().levels}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_levels_of_login_are_those_of_now(counter_config: CounterConfig, tmp_path: Path, mode: Mode) -> None:
    """The connection is the relay's in both modes."""
    operator = {"operator": True} if mode is Mode.MANY_TO_ONE else {}
    async with ufx_rig(counter_config, mode, tmp_path, start=False) as made:
        seen = [up(made)]
        await made.counter.start()
        await made.until(lambda: made.counter.ready, "it is connected")
        seen.append(up(made))
        terminal = await made.attach()
        seen.append(up(made))
        await made.simulated.stop_listening()
        await terminal.wait("recovering")
        seen.append(up(made))
        await made.simulated.listen()
        await terminal.wait("live")
        seen.append(up(made))

    live = {"connection": True, **operator, "token": True}
    away = dict.fromkeys(live, False)
    assert seen == [away, {**live, "token": False}, live, away, live]


async def test_what_is_behind_after_a_break_replaces_what_was(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Another counter may answer at the address: the relay and the terminal's login go by what it says."""
    portfolio = {"account_code": INVESTOR, "market_no_list": "3", "futu_invest_type": "a"}
    content = encode_pack([table_of([{"ErrorCode": "0"}]), table_of([portfolio])]).hex()
    async with ufx_rig(counter_config, Mode.MANY_TO_ONE, tmp_path) as made:
        sources = {one.source for one in made.counter.describe().exchanges}
        terminal = await made.attach()
        first = made.counter.describe()
        await made.simulated.stop_listening()
        await terminal.wait("recovering")
        kept = made.counter.describe()
        made.command("ufx_content", function=PORTFOLIOS, content=content, times=0)
        await made.simulated.listen()
        offered = (await terminal.wait("live")).attached.offered
        after = made.counter.describe()

    assert sources == {"settings"}
    assert {one.source for one in first.exchanges} == {"counter"}
    assert (kept.exchanges, kept.trading_day) == (first.exchanges, first.trading_day)
    assert len(first.exchanges) > 1
    assert [(one.native_code, [board.native_code for board in one.boards]) for one in after.exchanges] == [("3", ["a"])]
    assert (offered.exchanges, offered.accounts) == (after.exchanges, (INVESTOR,))
