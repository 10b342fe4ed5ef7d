"""The sessions there are, by investor and by address: what a login among thousands looks at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from relay.counter.port import Investor
from relay.sessions.present import Present


def session(investor_id: str, address: str) -> Any:
    """What is looked at of a `TerminalSession`."""
    made = Session()
    made.identity = SimpleNamespace(investor=Investor("9999", investor_id), public_ip=address)
    return made


class Session:
    """One is not another, whoever has it."""

    identity: Any


def test_a_session_is_found_by_its_investor_and_by_its_address() -> None:
    """And by nothing else's."""
    present, one, other = Present(), session("100001", "198.51.100.7"), session("100001", "198.51.100.8")
    present.enters(one)
    present.enters(other)

    assert set(present.of("100001")) == {one, other}
    assert set(present.at("198.51.100.7")) == {one}
    assert (list(present.of("100002")), list(present.at("198.51.100.9"))) == ([], [])
    assert one in present


def test_a_session_that_left_is_found_no_more() -> None:
    """However often it leaves; the others stay, and nothing is kept of who is gone."""
    present, one, other = Present(), session("100001", "198.51.100.7"), session("100001", "198.51.100.7")
    present.enters(one)
    present.enters(other)

    present.leaves(one)
    present.leaves(one)
    left = set(present.of("100001")), set(present.at("198.51.100.7")), one in present, other in present
    present.leaves(other)

    assert left == ({other}, {other}, False, True)
    assert (present._of, present._at) == ({}, {})


def test_one_that_never_came_may_leave() -> None:
    """A login that was broken off before it was in."""
    present = Present()

    present.leaves(session("100001", "198.51.100.7"))

    assert (present._of, present._at) == ({}, {})
