"""The chain notices every change, and names the entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields, replace
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.ledger.chain import (
    Entry,
    Head,
    Problem,
    SecretInLedger,
    canonical,
    empty_head,
    head_after,
    link,
    verify,
)

CHAIN = "relay"
LENGTH = 6
NAMES = [field.name for field in fields(Entry) if field.name != "sequence"]


def chain_of(length: int, chain: str = CHAIN) -> list[Entry]:
    entries: list[Entry] = []
    head = empty_head(chain)
    for number in range(length):
        data = canonical({"number": number, "姓名": "张三"})
        at = f"2026-11-22T09:00:0{number}+08:00"
        # As an earlier version wrote it first; then the chain goes from one hash function to another and back.
        later = {"trading_day": "20261123", "digest": ("sm3", "sha256")[number % 2]} if number else {}
        entries.append(link(head, at=at, kind="terminal_admitted", session="s-1", data=data, **later))
        head = head_after(entries[-1])
    return entries


WHOLE = chain_of(LENGTH)
HEAD = head_after(WHOLE[-1])


def problems(entries: Sequence[Entry], head: Head | None = HEAD) -> list[Problem]:
    return list(verify(CHAIN, entries, head))


def test_a_chain_as_written_is_whole() -> None:
    """No problem, also with no entry at all."""
    assert problems(WHOLE) == []
    assert problems([], None) == []
    assert problems([], empty_head(CHAIN)) == []


@given(
    st.integers(0, LENGTH - 1),
    st.sampled_from(NAMES),
    st.integers(0, 10_000),
    st.characters(codec="utf-8"),
)
def test_any_changed_character_names_its_entry(index: int, name: str, position: int, character: str) -> None:
    """Whatever field, whatever place: the entry is named, and no entry before it."""
    text = getattr(WHOLE[index], name)
    position %= len(text) or 1
    if text[position : position + 1] == character:
        return
    changed = replace(WHOLE[index], **{name: text[:position] + character + text[position + 1 :]})
    found = problems([*WHOLE[:index], changed, *WHOLE[index + 1 :]])

    assert index + 1 in {problem.sequence for problem in found}
    assert all(problem.sequence > index for problem in found)


@given(st.integers(0, LENGTH - 1), st.integers(-3, LENGTH + 3))
def test_a_changed_sequence_is_noticed(index: int, sequence: int) -> None:
    """The number is part of the hash."""
    if sequence == index + 1:
        return
    changed = replace(WHOLE[index], sequence=sequence)

    assert problems([*WHOLE[:index], changed, *WHOLE[index + 1 :]]) != []


@given(st.integers(0, LENGTH - 1), st.integers(1, LENGTH))
def test_removed_entries_are_named(first: int, count: int) -> None:
    """At the start, inside, and at the end of the chain."""
    found = problems(WHOLE[:first] + WHOLE[first + count :])

    assert first + 1 in {problem.sequence for problem in found}
    assert any("missing" in problem.what for problem in found)


@given(st.permutations(range(LENGTH)))
def test_reordered_entries_are_noticed(order: list[int]) -> None:
    """Only the written order is whole."""
    found = problems([WHOLE[index] for index in order])

    assert (found == []) == (order == sorted(order))


def test_swapped_contents_name_both_entries() -> None:
    """Two entries that changed places under each other's numbers."""
    one, two = replace(WHOLE[1], sequence=4), replace(WHOLE[3], sequence=2)
    found = problems([WHOLE[0], two, WHOLE[2], one, *WHOLE[4:]])

    assert {2, 4} <= {problem.sequence for problem in found}


def test_a_rewritten_entry_with_a_fitting_hash_is_named() -> None:
    """Its successor was linked to another one."""
    forged = link(head_after(WHOLE[1]), at=WHOLE[2].at, kind="harmless", session="", data="{}")
    found = problems([*WHOLE[:2], forged, *WHOLE[3:]])

    assert [problem.sequence for problem in found] == [3]


def test_a_rewritten_last_entry_is_named_by_the_head() -> None:
    """It has no successor; the recorded head tells."""
    forged = link(head_after(WHOLE[-2]), at=WHOLE[-1].at, kind="harmless", session="", data="{}")

    assert [problem.sequence for problem in problems([*WHOLE[:-1], forged])] == [LENGTH]


def test_a_removed_or_old_head_is_noticed() -> None:
    """The head is kept apart from the entries for this."""
    assert [problem.sequence for problem in problems(WHOLE, None)] == [LENGTH]
    assert [problem.sequence for problem in problems(WHOLE, head_after(WHOLE[2]))] == [4]


def test_entries_of_another_chain_do_not_fit() -> None:
    """A whole chain copied from another relay is not this one."""
    assert problems(chain_of(LENGTH, "other")) != []


def test_problems_read_as_sentences() -> None:
    """What the command prints."""
    assert [str(problem) for problem in problems(WHOLE[:2] + WHOLE[4:])] == [
        "relay entry 3: entries 3 to 4 are missing"
    ]
    changed = replace(WHOLE[0], kind="x")
    assert [str(problem) for problem in problems([changed, *WHOLE[1:]])] == ["relay entry 1: was changed"]


class _Word(StrEnum):
    HELLO = "hello"


def test_data_is_kept_as_sorted_json() -> None:
    """Bytes as Base64, times as ISO 8601, lists and enums plainly, what UTF-8 cannot carry replaced."""
    data = {
        "z": b"\0\xff",
        "a": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "m": _Word.HELLO,
        "l": (1, 2.5, None, True),
        "s": "张\ud800",
        "n": {"inner": frozenset({"b", "a"})},
    }

    assert canonical(data) == (
        '{"a":"2026-01-02T00:00:00+00:00","l":[1,2.5,null,true],"m":"hello","n":{"inner":["a","b"]},'
        '"s":"张\ufffd","z":"AP8="}'
    )


@pytest.mark.parametrize(
    "key",
    ["password", "Password", "new_password", "auth_code", "AuthCode", "resume_token", "auth_info", "client_secret"],
)
def test_keys_that_sound_like_secrets_are_not_taken(key: str) -> None:
    """At any depth; the message does not show the value."""
    with pytest.raises(SecretInLedger) as caught:
        canonical({"outer": [{key: "hunter2"}]})

    assert "hunter2" not in str(caught.value)


def test_what_cannot_be_kept_exactly_is_an_error() -> None:
    """No silent str() of an object, no NaN."""
    with pytest.raises(TypeError, match="object"):
        canonical({"x": object()})
    with pytest.raises(ValueError, match="JSON"):
        canonical({"x": float("nan")})
