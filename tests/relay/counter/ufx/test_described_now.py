"""What UFX is said to offer: before any login, live, while it is away, and after; and the day that is said of it."""

from __future__ import annotations

from dataclasses import replace
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
async def test_it_is_described_as_it_is_now(counter_config: CounterConfig, tmp_path: Path, mode: Mode) -> None:
    """The connection is the relay's in both modes; what another counter behind the address says replaces what the first said."""
    operator = {"operator": True} if mode is Mode.MANY_TO_ONE else {}
    portfolio = {"account_code": INVESTOR, "market_no_list": "3", "futu_invest_type": "a"}
    async with ufx_rig(counter_config, mode, tmp_path, start=False) as made:
        before, known = up(made), {one.source for one in made.counter.describe().exchanges}
        await made.counter.start()
        await made.until(lambda: made.counter.ready, "it is connected")
        waiting = up(made)
        terminal = await made.attach()
        live, first = up(made), terminal.link.attached.offered
        await made.simulated.stop_listening()
        await terminal.wait("recovering")
        gone, kept = up(made), made.counter.describe()
        content = encode_pack([table_of([{"ErrorCode": "0"}]), table_of([portfolio])]).hex()
        made.command("ufx_content", function=PORTFOLIOS, content=content, times=0)
        terminal.forget()
        await made.simulated.listen()
        back = (await terminal.wait("live")).attached
        again, after = up(made), made.counter.describe()

    assert before == dict.fromkeys(live, False)
    assert known == {"settings"}
    assert waiting == {"connection": True, **operator, "token": False}
    assert live == again == {"connection": True, **operator, "token": True}
    assert gone == dict.fromkeys(live, False)
    assert first is not None
    assert kept.exchanges == first.exchanges
    assert len(first.exchanges) > 1
    assert [(one.native_code, [board.native_code for board in one.boards]) for one in after.exchanges] == [("3", ["a"])]
    assert back.offered == replace(after, accounts=(INVESTOR,), levels=back.offered.levels)
    assert all(level.up for level in back.offered.levels)
