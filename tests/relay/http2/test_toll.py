"""What frames that are dear, or for nothing, cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ctprelay.wire.frames import ErrorCode, ProtocolBroken
from relay.http2.bucket import Bucket
from relay.http2.toll import Toll


def _many(charge: Callable[[], object]) -> int:
    """How many are let through."""
    charges = list[None]()

    def charge_on() -> None:
        for _ in range(1000):
            charge()
            charges.append(None)

    with pytest.raises(ProtocolBroken, match=r"^too many frames that are for nothing") as broken:
        charge_on()
    assert broken.value.code is ErrorCode.ENHANCE_YOUR_CALM
    return len(charges)


def _toll(tokens: float) -> Toll:
    return Toll(Bucket(0.0, tokens), lambda: 0.0)


def test_as_many_pass_as_there_are_tokens() -> None:
    """The last token is taken, too."""
    assert _many(_toll(8.0).charge) == 8


def test_a_late_frame_costs_a_twentieth() -> None:
    toll = _toll(8.01)  # twentieths are no exact numbers

    assert _many(toll.charge_late) == 160


def test_a_ping_is_free_when_something_was_sent_since_the_last() -> None:
    """Also the first one, which measures the line before anything else."""
    toll = _toll(2.0)
    toll.charge_ping()
    for _ in range(100):
        toll.sent += 1
        toll.charge_ping()

    assert _many(toll.charge_ping) == 2


def test_two_windows_are_free_for_each_frame_that_was_sent() -> None:
    """However late they come."""
    toll = _toll(1.01)
    toll.sent += 50

    assert _many(toll.charge_window) == 100 + 20
