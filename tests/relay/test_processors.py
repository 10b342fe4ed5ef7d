"""The processors that the relay stays on."""

from __future__ import annotations

import pytest

from relay.processors import stay_on


def test_processors_that_are_not_there_are_named() -> None:
    """A typing error must not leave the relay on all of them, nor on none."""
    stay_on([])

    with pytest.raises(SystemExit, match="4095"):
        stay_on([4095])
