"""Who has which berth of a state directory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from relay.database.berth import berths, take_berth
from relay.database.state_lock import AlreadyRunning


def test_a_process_alone_has_the_berth_that_was_used_last(tmp_path: Path) -> None:
    """It finds the order map and the waiting entries of the one before."""
    first, second = berths(tmp_path)
    with contextlib.ExitStack() as stack:
        assert take_berth(tmp_path, succeeds=False, stack=stack).own == first
    os.utime(first.lock_file, (1, 1))
    with contextlib.ExitStack() as stack:
        taken = take_berth(tmp_path, succeeds=False, stack=stack)

    assert (taken.own, taken.other, taken.other_is_used) == (second, first, False)


@pytest.mark.parametrize("newest", [0, 1])
def test_the_next_generation_has_the_other_berth(tmp_path: Path, newest: int) -> None:
    """One at a time: a third is refused, and so is a process that nobody asked for."""
    with contextlib.ExitStack() as gone:
        take_berth(tmp_path, succeeds=False, stack=gone)
    os.utime(berths(tmp_path)[1 - newest].lock_file, (1, 1))
    with contextlib.ExitStack() as stack:
        old = take_berth(tmp_path, succeeds=False, stack=stack)
        with pytest.raises(AlreadyRunning):
            take_berth(tmp_path, succeeds=False, stack=stack)
        new = take_berth(tmp_path, succeeds=True, stack=stack)
        with pytest.raises(AlreadyRunning, match="still drains"):
            take_berth(tmp_path, succeeds=True, stack=stack)

    assert old.own == berths(tmp_path)[newest]
    assert (new.own, new.other, new.other_is_used) == (old.other, old.own, True)
