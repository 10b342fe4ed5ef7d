"""While an attack goes on, honest terminals at other addresses log in and trade, and nobody gets what is not his.

A short form of `make attack`: the attacks are the same, no time is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from attacks.aim import Aim
from attacks.catalog import ATTACKS, Attack
from attacks.scene import NEWCOMERS, TRADER, VICTIM, Serving
from attacks.trial import BREAKER_ERROR
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from terminal_client import LoginRejected
from tests.attacks.conftest import honest_terminal
from tests.e2e.site import DEADLINE_SECONDS, buy, eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

UNDER_WAY = 40
"""things an attacker has done before honest terminals are looked at"""
UNDER_WAY_OF = {"unfinished_messages": 300}
"""mebibytes: memory is what this one is after"""
MOST_GROWTH = 100 << 20
"""bytes of memory"""

CASES = [(Mode.MANY_TO_MANY.value, attack) for attack in ATTACKS] + [
    (Mode.MANY_TO_ONE.value, attack) for attack in ATTACKS if attack.is_insider
]
"""In many-to-one the relay itself checks passwords, keeps the accounts and has one session for all; what comes before a
login is the same in both modes."""
LONG = {(Mode.MANY_TO_MANY.value, "replays")}
"""collects 180 system infos, and meets in many-to-one what it meets here"""
KNOWN_PLACE = "127.0.10.2"


@asynccontextmanager
async def under_way(attack: Attack, aim: Aim) -> AsyncIterator[asyncio.Future[None]]:
    """The attack goes on within; it is over at the end, whatever became of honest terminals."""
    attacking = asyncio.ensure_future(attack.run(aim))
    try:
        enough = UNDER_WAY_OF.get(attack.name, UNDER_WAY)
        await eventually("the attack is under way", lambda: aim.done.total() >= enough or attacking.done())
        yield attacking
    finally:
        aim.stop()
        await attacking


async def tried_again(relay: Serving) -> None:
    """The counter refuses the relay itself once; logins are tried again when one has succeeded."""
    relay.counter.control.refuse("ReqAuthenticate", BREAKER_ERROR, times=1)
    refusals = []
    while True:
        try:
            async with honest_terminal(relay, VICTIM, KNOWN_PLACE):
                break
        except LoginRejected as rejected:
            refusals.append(rejected.reason)
            await asyncio.sleep(0.05)
    assert refusals[0] == "relay_not_authenticated"
    assert set(refusals[1:]) <= {"counter_unavailable"}


@pytest.mark.parametrize(
    ("mode", "attack"),
    [
        pytest.param(mode, attack, marks=pytest.mark.long if (mode, attack.name) in LONG else ())
        for mode, attack in CASES
    ],
    indirect=["mode"],
    scope="module",
    ids=[f"{mode}-{attack.name}" for mode, attack in CASES],
)
async def test_honest_terminals_are_served_during_an_attack(relay: Serving, attack: Attack, aim: Aim) -> None:
    """One that is logged in trades and asks, another logs in from a fresh address; the attacker is let in nowhere."""
    place = ATTACKS.index(attack) + 1
    resident = relay.resident_bytes()
    if attack.aims_at_one:
        async with honest_terminal(relay, VICTIM, KNOWN_PLACE):
            pass  # the relay knows this place of the investor's from here on
    async with honest_terminal(relay, TRADER, "127.0.10.1") as trader, under_way(attack, aim) as attacking:
        async with asyncio.timeout(DEADLINE_SECONDS):
            if attack.counter_refuses:
                await tried_again(relay)
            async with honest_terminal(relay, NEWCOMERS[place % len(NEWCOMERS)], f"127.0.11.{place}") as newcomer:
                await newcomer.requests.qry_trading_account(ctp.QryTradingAccount())
            if attack.aims_at_one:
                async with honest_terminal(relay, VICTIM, KNOWN_PLACE):
                    pass
            await trader.requests.order_insert(buy())
        assert not attacking.done(), "it ended before honest terminals were served"
        assert relay.resident_bytes() - resident <= MOST_GROWTH

    assert aim.done["let_in"] == 0
