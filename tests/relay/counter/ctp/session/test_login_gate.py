"""The gate of all logins: one that tried for all and heard nothing has used the try."""

from __future__ import annotations

import asyncio

import pytest

from relay.counter.breaker import Breaker
from relay.counter.ctp.session.login_gate import LoginGate
from relay.logs.alarms import Alarms
from tests.relay.hand_loop import HandLoop

PAUSE_SECONDS = 300.0


@pytest.mark.parametrize("asked", [False, True])
async def test_a_try_that_was_used_without_an_answer_is_not_given_to_the_next_at_once(asked: bool) -> None:
    """The counter may have counted it: each further one makes a lock of the relay's address last longer."""
    loop, breaker = HandLoop(), Breaker(pause_seconds=PAUSE_SECONDS)
    gate, session = LoginGate(10.0, breaker, Alarms()), object()
    gate.refused(143, "the address is locked")
    await loop.move(PAUSE_SECONDS)
    await gate.turn(session)
    if asked:
        gate.asked()

    gate.decided_nothing(session)

    now = asyncio.get_running_loop().time()
    assert (breaker.seconds_left(now) > 0) == asked
    assert (breaker.refusal(now) is not None) == asked
