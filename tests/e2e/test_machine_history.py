"""The relay compares what it can see of a machine with earlier logins: over a real relay, with the real collector."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from relay.counter.port import Mode
from terminal_client import Collected, LoginRejected
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, Site, collect_now, eventually, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


@both_modes
async def test_a_machine_that_says_it_misses_other_items_is_noted(start_site: StartRelay, mode: Mode) -> None:
    """It trades, and the ledger, the log and the metric say what differs; a second time it is known."""
    site = await start_site(mode)
    await _visit(site, await collect_now())
    await eventually("the machine is known", lambda: _machines(site) == 1)
    for _ in range(2):
        await _visit(site, _other(await collect_now()))
        await eventually("the other is known", lambda: _machines(site) == 2)

    (entry,) = [entry.data for entry in site.relay.ledger() if entry.kind == "system_info_unlike_before"]
    assert [row["what"] for row in entry["differences"]] == ["collector_code"]
    assert entry["investor_id"] == INVESTORS[0]
    assert sum('"event": "system_info_unlike_before"' in line for line in site.relay.output.splitlines()) == 1


async def test_where_the_firm_wants_it_the_machine_is_refused_until_it_is_let_in(start_site: StartRelay) -> None:
    """By the command that forgets what was known of the investor."""
    site = await start_site(Mode.MANY_TO_ONE, verification__unlike_before="refuse")
    await _visit(site, await collect_now())
    await eventually("the machine is known", lambda: _machines(site) == 1)

    with pytest.raises(LoginRejected) as caught:
        await _visit(site, _other(await collect_now()))
    done = await asyncio.to_thread(site.relay.command, "investor", "forget-machines", INVESTORS[0])
    await _visit(site, _other(await collect_now()))

    assert caught.value.reason == "system_info_unlike_before"
    assert "forget-machines" in caught.value.refusal.advice
    assert (done.returncode, "machines forgotten: 1" in done.stdout) == (0, True)


async def test_a_genuine_first_block_with_a_made_up_rest_is_let_in_once_and_never_again(start_site: StartRelay) -> None:
    """What the vendor's library cannot see is seen at the second use: the collector never makes that block again."""
    site = await start_site(Mode.MANY_TO_ONE)
    genuine = await collect_now()
    await _visit(site, _with_another_rest(genuine))

    for copy in (genuine, _with_another_rest(genuine)):
        with pytest.raises(LoginRejected) as caught:
            await _visit(site, copy)
        assert caught.value.reason == "system_info_replayed"


async def _visit(site: Site, collected: Collected) -> None:
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTORS[0], collected)
        await trade(terminal)


def _other(collected: Collected) -> Collected:
    return replace(collected, code=collected.code ^ 1)


def _with_another_rest(collected: Collected) -> Collected:
    return replace(collected, system_info=collected.system_info[:16] + os.urandom(collected.length - 16))


def _machines(site: Site) -> int:
    return site.relay.rows("machine")
