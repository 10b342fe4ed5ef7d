"""The ledger's chain: how entries are linked to each other, and what tampering looks like.

Each entry's hash covers all its fields and the hash of the entry before it; the head repeats sequence and hash of the
last entry. Which hash function made it is one of its fields, so a chain may go from one to another. `ChainWalk` takes
the entries once and compares each with the one before:

| what was done | what is found |
|---|---|
| a field changed | the entry's own hash does not fit |
| an entry changed and its hash computed anew | the next entry names another hash as the one before it |
| an entry removed, or two exchanged | the sequence has a gap, or goes back |
| entries cut off at the end | the head names a later entry |
| the head removed or changed | it does not fit the last entry |

What cannot be found: a person who can write the whole database can make a new chain that fits, head included. Against
that, the head must be kept elsewhere and be given to the verification.

An entry is kept as the text that was hashed. `canonical` makes this text: the same data always gives the same bytes, on
every Python and every database. It refuses keys that sound like a secret, because many people read the ledger and it is
kept for decades. Characters that are not seen, or that move what is, are kept by their number, as `outside_text` shows
them: what a reader sees is what was hashed.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, cast

from relay.ledger.digests import DIGESTS, SHA256, digest_of
from relay.outside_text import shown

FIRST_SEQUENCE: Final = 1
GENESIS_HASH: Final = "0" * 64
"""what the first entry names as the hash before it"""

_DENIED = re.compile(r"(?i)password|passwd|auth_?code|auth_?info|token|secret|private_?key|credential")
_SURROGATES = re.compile("[\ud800-\udfff]")
_STORED = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_HASHED = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))


_Hashed = tuple[str, int, str, str, str, str, str]
"""chain, sequence, at, kind, session, data, previous hash"""


class SecretInLedger(ValueError):
    """A key that sounds like a secret; the ledger is read by many and kept for decades."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored entry; every field is text or a number, exactly as stored."""

    chain: str
    sequence: int
    at: str
    """ISO 8601, UTC+8, microseconds"""
    kind: str
    session: str
    """the relay's own id of the terminal session, or empty"""
    data: str
    """canonical JSON"""
    previous_hash: str
    hash: str
    trading_day: str = ""
    """20260105; empty in entries of earlier versions, which `trading_day.day_by_rule` places"""
    digest: str = ""
    """the hash function; empty is SHA-256"""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a chain, as kept apart from the entries."""

    chain: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where a chain is not what was written."""

    chain: str
    sequence: int
    """the entry concerned; of several, the first"""
    what: str

    def __str__(self) -> str:
        return f"{self.chain} entry {self.sequence}: {self.what}"


def canonical(data: Mapping[str, object]) -> str:
    """The JSON text of an entry's data: sorted keys, no spaces, bytes as Base64. Raises SecretInLedger."""
    return stored_text(cast("Mapping[str, object]", _plain(data)))


def stored_text(data: Mapping[str, object]) -> str:
    """The text that was hashed, of an entry's data as JSON gives it back. ValueError for a number that is none."""
    return _STORED.encode(data)


def link(
    head: Head, *, at: str, kind: str, session: str, data: str, trading_day: str = "", digest: str = SHA256
) -> Entry:
    """The entry that follows `head`. Raises DigestUnavailable."""
    name = "" if digest == SHA256 else digest
    fields = head.chain, head.sequence + 1, at, kind, session, data, head.hash
    return Entry(*fields, _hash_of(fields, trading_day, name), trading_day, name)


def empty_head(chain: str) -> Head:
    """The head of a chain without entries."""
    return Head(chain, FIRST_SEQUENCE - 1, GENESIS_HASH)


def head_after(entry: Entry) -> Head:
    """The chain's head once this entry is its last."""
    return Head(entry.chain, entry.sequence, entry.hash)


def verify(chain: str, entries: Iterable[Entry], head: Head | None, *, start: Head | None = None) -> Iterator[Problem]:
    """Every problem of one chain, its entries given in order; `head` None is a head that was removed.

    `start` is the head before the first of the entries, where they are not the chain from its beginning.
    """
    walk = ChainWalk(start or empty_head(chain))
    for entry in entries:
        yield from walk.take(entry)
    yield from walk.end(head)


class ChainWalk:
    """One way along a chain, entry by entry; remembers the last one only."""

    def __init__(self, start: Head) -> None:
        """`start` is the head before the first entry."""
        self._before = start
        self.entries = 0

    def take(self, entry: Entry) -> Iterator[Problem]:
        """What is wrong with the next entry."""
        self.entries += 1
        yield from _compare(self._before, entry)
        self._before = Head(self._before.chain, max(entry.sequence, self._before.sequence), entry.hash)

    def end(self, head: Head | None) -> Iterator[Problem]:
        """What is wrong with the end; `head` None is a head that was removed."""
        yield from _compare_head(self._before, head)


def _compare(before: Head, entry: Entry) -> Iterator[Problem]:
    expected = before.sequence + 1
    if entry.sequence > expected:
        yield Problem(before.chain, expected, f"{_span(expected, entry.sequence - 1)} missing")
    elif entry.sequence < expected:
        yield Problem(before.chain, entry.sequence, "stands out of order, or twice")
    fields = entry.chain, entry.sequence, entry.at, entry.kind, entry.session, entry.data, entry.previous_hash
    known = entry.chain == before.chain and entry.digest in {"", *DIGESTS}
    if not known or _hash_of(fields, entry.trading_day, entry.digest) != entry.hash:
        yield Problem(before.chain, entry.sequence, "was changed")
    elif entry.sequence == expected and entry.previous_hash != before.hash:
        what = (
            "does not start its chain" if expected == FIRST_SEQUENCE else "is not the one its successor was linked to"
        )
        yield Problem(before.chain, max(before.sequence, FIRST_SEQUENCE), what)


def _compare_head(last: Head, head: Head | None) -> Iterator[Problem]:
    if head is None:
        if last.sequence >= FIRST_SEQUENCE:
            yield Problem(last.chain, last.sequence, "the recorded head of the chain is missing")
    elif head.sequence > last.sequence:
        gone = last.sequence + 1
        yield Problem(last.chain, gone, f"{_span(gone, head.sequence)} missing at the end")
    elif head.sequence < last.sequence:
        yield Problem(last.chain, head.sequence + 1, "stands after the recorded head of the chain")
    elif head.hash != last.hash:
        yield Problem(last.chain, last.sequence, "is not the recorded head of the chain")


def _span(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _hash_of(fields: _Hashed, trading_day: str, digest: str) -> str:
    """What an entry's hash must be. Those of earlier versions have no trading day, and are hashed without one."""
    # A JSON array keeps the fields apart: no text can slide from one into the next.
    text = _HASHED.encode((*fields, trading_day, digest) if trading_day or digest else fields)
    return digest_of(digest or SHA256, text.encode("ascii")).hex()


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            if value.isascii() and value.isprintable():
                return value
            return shown(_SURROGATES.sub("\ufffd", value))  # halves of a pair cannot be stored as UTF-8
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode("ascii")
        case dt.datetime():
            return value.isoformat()
        case dict() | Mapping():
            return {_plain_key(str(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [_plain(item) for item in items]
        case _:
            raise TypeError(f"the ledger cannot keep a {type(value).__name__}")


@lru_cache(maxsize=1024)
def _plain_key(key: str) -> str:
    text = shown(_SURROGATES.sub("\ufffd", key))
    if _DENIED.search(text):
        raise SecretInLedger(f"the ledger does not take a key called {text!r}")
    return text
