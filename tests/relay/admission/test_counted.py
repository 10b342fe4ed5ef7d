"""What one worker counted of a login, as the machine's other workers get it."""

from __future__ import annotations

import json

import pytest

from relay.admission.counted import Counted, CountedAs


@pytest.mark.parametrize("outcome", CountedAs)
def test_a_packet_brings_all_that_was_counted(outcome: CountedAs) -> None:
    """Each outcome as itself, not as its word; who failed against which subjects."""
    counted = Counted(
        outcome, "100001", "a_1.0", "198.51.100.7", known=True, subjects=("investor_slowed", "address_slowed")
    )

    got = Counted.unpacked(counted.packed())

    assert got == counted
    assert got.outcome is outcome
    assert isinstance(got.subjects, tuple)


def test_the_words_on_the_way_stay_what_they_are() -> None:
    """Two workers of different versions meet while one takes over from the other."""
    sent = json.loads(Counted(CountedAs.WRONG, "100001").packed())

    assert [one.value for one in CountedAs] == ["failed", "succeeded", "wrong", "right"]
    assert sent == {
        "outcome": "wrong",
        "investor_id": "100001",
        "app_id": "",
        "place": "",
        "known": False,
        "subjects": [],
    }
