"""What other collectors gave: the shape any login must have, and what one counter wants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.collected import MOST_BYTES, MOST_KINDS, check_collected, check_shape, infos_of, never_twice
from relay.counter.collected import CTP_WANTED, WantedInfo

HUNDSUN = WantedInfo("hundsun", required=True, shortest=10, longest=1024, differs=True)
VENDORS = WantedInfo("cts:*")


def item(kind: str = "hundsun", info: bytes = b"A" * 20, **more: Any) -> pb.CollectedInfo:
    return pb.CollectedInfo(**{"kind": kind, "info": info, "length": len(info), **more})


def login(*items: pb.CollectedInfo, **more: Any) -> pb.Login:
    return pb.Login(collected=items, **more)


def shape(*items: pb.CollectedInfo) -> str:
    refusal = check_shape(items)
    return "" if refusal is None else refusal.message


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([item(f"k{number}") for number in range(MOST_KINDS + 1)], "9 items, 8 at most"),
        ([item(), item()], "two items of one kind"),
        ([item("ctp")], "kind ctp, which is sent as system_info"),
        ([item("Hundsun")], "a kind that is none"),
        ([item("")], "a kind that is none"),
        ([item("cts:a b")], "a kind that is none"),
        ([item("cts:*\n")], "a kind that is none"),
        ([item(info=b"A" * (MOST_BYTES + 1))], "more than 2048 bytes"),
        ([item(completeness=b"A" * 257)], "more than 2048 bytes, or 256 of completeness"),
        ([item(collector_version="1\x1b[31m")], "collector_version that is not printable"),
        ([item(collector_version="1" * 129)], "or longer than 128 bytes"),
    ],
)
def test_a_shape_that_no_terminal_sends_is_malformed(items: list[pb.CollectedInfo], says: str) -> None:
    """Before the proof, and without the value: it may be anything."""
    assert says in shape(*items)


def test_eight_kinds_of_the_longest_are_taken() -> None:
    """Completeness and version at their bounds too."""
    most = [
        item(f"k{number}", b"A" * MOST_BYTES, completeness=b"B" * 256, collector_version="v" * 128)
        for number in range(MOST_KINDS)
    ]

    assert shape(*most) == ""


def reason(said: pb.Login, *wanted: WantedInfo, clean: frozenset[str] = frozenset()) -> str:
    refusal = check_collected(said, wanted, clean)
    return "" if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (login(item()), ""),
        (login(), "collected_info_missing"),
        (login(item(), item("kingstar")), "collected_info_not_wanted"),
        (login(item(info=b"A" * 9)), "collected_info_length"),
        (login(item(info=b"A" * 1025)), "collected_info_length"),
        (login(item(length=19)), "collected_info_length"),
        (login(item(info=b"A" * 19 + b"\0")), "collected_info_not_text"),
        (login(item(completeness="机".encode())), "collected_info_not_text"),
        (login(item(return_code=3)), ""),
    ],
)
def test_what_a_counter_wants_is_asked_of_the_login(said: pb.Login, expected: str) -> None:
    """It is there, as long and as printable as the kind is; nothing else comes along."""
    assert reason(said, HUNDSUN) == expected


def test_an_error_of_the_collector_is_passed_on_unless_the_firm_refuses_it() -> None:
    """For one kind, for every kind, and for CTP's bitmask as well."""
    broken, ctp = login(item(return_code=-3)), login(system_info=b"x" * 264, collector_code=4)

    assert reason(broken, HUNDSUN, clean=frozenset({"kingstar"})) == ""
    assert reason(broken, HUNDSUN, clean=frozenset({"hundsun"})) == "collector_not_clean"
    assert reason(broken, HUNDSUN, clean=frozenset({"*"})) == "collector_not_clean"
    assert reason(ctp, CTP_WANTED, clean=frozenset({"ctp"})) == "collector_not_clean"


def test_a_group_of_kinds_takes_any_of_them_and_none_else() -> None:
    """Which vendor an account needs is known only at its login."""
    assert reason(login(item("cts:vendorA"), item("cts:b")), VENDORS) == ""
    assert reason(login(), VENDORS) == ""
    assert reason(login(item("ctsx")), VENDORS) == "collected_info_not_wanted"


def test_a_terminal_that_sends_ctps_alone_is_as_before() -> None:
    """An older one knows nothing of other kinds."""
    assert reason(login(system_info=b"x" * 264), CTP_WANTED) == ""
    assert reason(login(), CTP_WANTED) == "", "its length is refused where the bytes are verified"


def test_only_what_differs_each_time_is_looked_up_as_used() -> None:
    """A text that is the same at each collection is no replay."""
    items = infos_of([item(), item("cts:a")])

    assert [one.kind for one in never_twice(items, [HUNDSUN, VENDORS])] == ["hundsun"]


@given(st.lists(st.builds(item, st.text(max_size=40), st.binary(max_size=40), length=st.integers(0, 2**32 - 1))))
def test_nothing_a_stranger_sends_raises(items: list[pb.CollectedInfo]) -> None:
    """A refusal, or none."""
    check_shape(items)
    check_collected(login(*items), [HUNDSUN, VENDORS])
