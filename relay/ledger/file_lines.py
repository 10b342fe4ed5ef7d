"""What every ledger file has in common: lines that may be any bytes, entries one a line, heads that chains stand between.

A line ends with a line feed and with nothing else. The reader believes nothing of a file, and keeps one line in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, BinaryIO

from relay.ledger.chain import ChainWalk, Entry, Head, Problem
from relay.ledger.export_columns import entry_of, is_sequence
from relay.ledger.reader import Audit, RequiredHeads, Stretch

_LONGEST_LINE = 16 * 1024 * 1024
"""bytes; an entry has some thousand"""
_MOST_PROBLEMS = 100
"""of one chain that are listed"""
_HASH = re.compile(r"[0-9a-f]{64}")


class NoLedgerFile(ValueError):
    """The file is not one that the relay writes; the message says which line and why."""


class NothingToVerify(Exception):
    """There is no entry, and no head that says that there was one: nothing that could be whole."""


@dataclass(frozen=True, slots=True)
class FileAudit:
    chains: tuple[Audit, ...]
    parts: Mapping[str, Stretch]
    signed_by: str
    """the public key's 64 hexadecimal digits; empty where the signature is missing or wrong"""
    problems: tuple[str, ...]


class FileWalk:
    """Takes a file's entries in any order of chains, and compares each chain with the heads the file names."""

    def __init__(self, parts: Mapping[str, Stretch], required: RequiredHeads) -> None:
        self._parts = parts
        self._required = required
        self._walks = {chain: ChainWalk(part.before) for chain, part in parts.items()}
        self._problems: dict[str, list[Problem]] = {chain: [] for chain in parts}
        self._headless: dict[str, int] = {}
        for part in parts.values():
            required.see(part.before)

    def take(self, entry: Entry) -> None:
        """The next entry."""
        self._required.see(entry)
        walk = self._walks.get(entry.chain)
        if walk is None:
            if entry.chain not in self._headless:
                problem = Problem(entry.chain, entry.sequence, "the file names no head for it")
                self._problems[entry.chain] = [problem]
            self._headless[entry.chain] = self._headless.get(entry.chain, 0) + 1
            return
        self._note(entry.chain, walk.take(entry))

    def end(self) -> tuple[Audit, ...]:
        """What became of each chain."""
        for chain, part in self._parts.items():
            self._required.see(part.after)
            self._note(chain, self._walks[chain].end(part.after))
        return tuple(
            Audit(
                chain,
                self._walks[chain].entries if chain in self._walks else self._headless[chain],
                self._parts[chain].after if chain in self._parts else None,
                tuple(self._problems[chain]),
            )
            for chain in sorted(self._problems)
        )

    def _note(self, chain: str, found: Iterable[Problem]) -> None:
        kept = self._problems[chain]
        for problem in found:
            if len(kept) < _MOST_PROBLEMS:
                kept.append(problem)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines with their ends. Raises NoLedgerFile for one that is longer than any entry, before it is in memory."""
    for number in count(1):
        line = file.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise NoLedgerFile(f"line {number} has more than {_LONGEST_LINE} bytes")
        if not line:
            return
        yield line


def with_last(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes, bool]]:
    """Each line with its number, and whether it is the last one."""
    before: bytes | None = None
    number = 0
    for line in lines:
        if before is not None:
            yield number, before, False
        before, number = line, number + 1
    if before is not None:
        yield number, before, True


def json_of(line: bytes) -> Any:
    """Raises ValueError, RecursionError: also for a name that stands twice, which other readers may take otherwise."""
    return json.loads(line.decode(), object_pairs_hook=_once_each)


def entry_at(number: int, line: bytes) -> Entry:
    """The entry of this line. Raises NoLedgerFile."""
    try:
        row = json_of(line)
        if not isinstance(row, dict):
            raise NoLedgerFile
        return entry_of(row)
    except (ValueError, RecursionError):
        raise NoLedgerFile(f"line {number} is not an exported entry") from None


def part_rows(parts: Mapping[str, Stretch]) -> dict[str, dict[str, Any]]:
    """The heads that chains stand between, as files have them."""
    return {chain: {"before": _head_row(part.before), "after": _head_row(part.after)} for chain, part in parts.items()}


def parts_of(rows: Mapping[str, Any]) -> dict[str, Stretch]:
    """The other way round. Raises KeyError, TypeError, AttributeError."""
    return {
        str(chain): Stretch(_head_of(chain, heads["before"]), _head_of(chain, heads["after"]))
        for chain, heads in rows.items()
    }


def misfits(files: Iterable[FileAudit]) -> Iterator[str]:
    """Where a file does not begin where the one before it ended; the files in the order of their days."""
    for earlier, later in pairwise(files):
        for chain, part in earlier.parts.items():
            follows = later.parts.get(chain)
            if follows is None:
                yield f"{chain}: is missing in the file that follows"
            elif follows.before != part.after:
                yield (
                    f"{chain}: the file that follows begins after entry {follows.before.sequence},"
                    f" the one before it ends with entry {part.after.sequence}"
                    + (" of another hash" if follows.before.sequence == part.after.sequence else "")
                )


def _head_row(head: Head) -> dict[str, object]:
    return {"sequence": head.sequence, "hash": head.hash}


def _head_of(chain: str, row: Mapping[str, Any]) -> Head:
    sequence, digest = row["sequence"], row["hash"]
    if not is_sequence(sequence) or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise TypeError
    return Head(chain, sequence, digest)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
