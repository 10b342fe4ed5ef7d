"""The file of a trading day or of a month, sealed once: lines, tree, heads, signature.

    first line   what the file is of, and each chain's head before its first entry and after its last
    then         one entry a line, by chain and sequence; each is a leaf of the tree
    last line    the seal: the signed manifest, with the same heads, the number of entries and the tree's root

The signature covers the manifest alone, and the manifest the root: so one entry can be proved without the others.
A month's file is packed with gzip, without a time in it: the same seal always gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from relay.ledger.chain import ChainWalk, Entry, Problem
from relay.ledger.export_columns import json_line
from relay.ledger.export_file import key_set, verify_file
from relay.ledger.file_lines import (
    FileAudit,
    FileWalk,
    NoLedgerFile,
    NothingToVerify,
    entry_at,
    json_of,
    lines_of,
    part_rows,
    parts_of,
    with_last,
)
from relay.ledger.merkle import MerkleTree
from relay.ledger.reader import RequiredHeads, Stretch
from relay.ledger.seal import Seal, SealBroken, SealContent

FORMAT = 1
PACKED = ".gz"
_MAGIC = b"\x1f\x8b"


class SealMisfit(Exception):
    """The entries that are there are not those that were sealed, or are not whole; the message names them."""


class SealTally:
    """What a seal says of entries, counted while they go by; by chain and sequence."""

    def __init__(self, parts: dict[str, Stretch], digest: str, *, proved: int = -1) -> None:
        self._parts = parts
        self._walks = {chain: ChainWalk(part.before) for chain, part in parts.items()}
        self.tree = MerkleTree(digest, proved=proved)
        self.problems: list[Problem] = []
        self.counter_days: set[str] = set()
        """trading days that the counter named"""

    def take(self, entry: Entry, line: str) -> None:
        """The next entry, and its line without an end."""
        if not self.problems:
            self.problems += self._walks[entry.chain].take(entry)
        self.tree.add(line.encode())
        if entry.kind == "counter_login_answer":
            self.counter_days.add(str(json.loads(entry.data).get("trading_day", "")))

    def end(self) -> tuple[bytes, dict[str, int]]:
        """The root, and how many entries each chain has. Raises SealMisfit where the chains are not whole."""
        for chain, part in self._parts.items():
            self.problems += self._walks[chain].end(part.after)
        if self.problems:
            raise SealMisfit(str(self.problems[0]))
        return self.tree.end(), {chain: walk.entries for chain, walk in self._walks.items()}


def file_lines_of(seal: Seal, entries: Iterable[Entry]) -> Iterator[str]:
    """The sealed file's lines. Raises SealMisfit after the last entry where they are not those that were sealed."""
    content = seal.content
    parts = dict(content.parts)
    yield _first_text(content)
    tally = SealTally(parts, content.digest)
    for entry in entries:
        line = json_line(entry)
        tally.take(entry, line)
        yield line + "\n"
    root, _ = tally.end()
    if root.hex() != content.root:
        raise SealMisfit(f"the entries are not those that {content.kind} {content.name} was sealed with")
    yield _last_text(seal)


def _first_text(content: SealContent) -> str:
    first = {"ledger_seal_file": FORMAT, "kind": content.kind, "name": content.name, "digest": content.digest}
    return json.dumps(first | {"chains": part_rows(content.parts)}, ensure_ascii=True) + "\n"


def _last_text(seal: Seal) -> str:
    return json.dumps(seal.as_row(), ensure_ascii=True) + "\n"


def verify_path(path: Path, *, public_keys: Iterable[str] = (), required: RequiredHeads | None = None) -> FileAudit:
    """Check one file of either form. Raises NoLedgerFile, NothingToVerify, DigestUnavailable, OSError."""
    with opened(path) as file:
        lines = lines_of(file)
        first = next(lines, b"")
        verify = verify_sealed if _is_sealed(first) else verify_file
        return verify(_chained(first, lines), public_keys=public_keys, required=required)


def verify_sealed(
    lines: Iterable[bytes], *, public_keys: Iterable[str] = (), required: RequiredHeads | None = None
) -> FileAudit:
    """Check a sealed file's lines: chains against heads, tree against root, seal against key.

    It must be sealed by one of `public_keys`. Without any, every key's seal will do: that proves the file whole, not who
    sealed it.
    """
    numbered = with_last(lines)
    _, line, _ = next(numbered, (1, b"", True))
    if not line:
        raise NothingToVerify("it is empty")
    (first, parts), first_text = _first_line(line), line
    walk, tree, seal = FileWalk(parts, required or RequiredHeads()), MerkleTree(str(first["digest"])), None
    for number, line, is_last in numbered:
        seal = _seal_at(line) if is_last else None
        if seal is None:
            walk.take(entry_at(number, line))
            tree.add(line.removesuffix(b"\n"))
    chains = walk.end()
    if seal is None:
        return FileAudit(chains, parts, "", ("the file is cut off: its last line, the seal, is missing",))
    problems = list(_misfits(seal, first, parts, tree))
    if not problems and (first_text, line) != (_first_text(seal.content).encode(), _last_text(seal).encode()):
        problems.append("its first or last line is not as it was written")
    signed = seal.is_signed()
    if not signed:
        problems.append("the signature does not fit the seal: it was changed after it was written")
    elif (wanted := key_set(public_keys)) and seal.public_key not in wanted:
        problems.append(f"the file is sealed by another key: {seal.public_key}")
        signed = False
    return FileAudit(chains, parts, seal.public_key if signed else "", tuple(problems))


def seal_of(path: Path) -> Seal:
    """The seal in a file's last line; nothing is verified. Raises NoLedgerFile, OSError."""
    with opened(path) as file:
        last = b""
        for line in lines_of(file):
            last = line
    seal = _seal_at(last)
    if seal is None:
        raise NoLedgerFile("it has no seal in its last line")
    return seal


def entries_of(path: Path) -> Iterator[Entry]:
    """A sealed file's entries; nothing is verified. Raises NoLedgerFile, OSError."""
    with opened(path) as file:
        for number, line, is_last in with_last(lines_of(file)):
            if number > 1 and not is_last:
                yield entry_at(number, line)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file for reading, unpacked where it is packed. Raises NoLedgerFile for a packed one that is damaged."""
    with path.open("rb") as raw:
        is_packed = raw.read(2) == _MAGIC
        raw.seek(0)
        try:
            if not is_packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise NoLedgerFile("it is packed, and damaged or cut off") from None


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _is_sealed(line: bytes) -> bool:
    return line.startswith(b'{"ledger_seal_file"')


def _first_line(line: bytes) -> tuple[dict[str, object], dict[str, Stretch]]:
    try:
        row = json_of(line)
        _require_format(row["ledger_seal_file"])
        MerkleTree(row["digest"]).end()
        return row, parts_of(row["chains"])
    except NoLedgerFile:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise NoLedgerFile("line 1 is not the first line of a file made by: ctp-relay ledger day") from None


def _require_format(form: object) -> None:
    if type(form) is not int or form != FORMAT:
        raise NoLedgerFile(f"line 1: a sealed file of format {form!r:.40}, this version reads {FORMAT}")


def _seal_at(line: bytes) -> Seal | None:
    try:
        row = json_of(line)
        return Seal.of_row(row) if isinstance(row, dict) else None
    except (ValueError, RecursionError):
        return None


def _misfits(seal: Seal, first: dict[str, object], parts: dict[str, Stretch], tree: MerkleTree) -> Iterator[str]:
    """Where the seal is not of this file."""
    leaves, root = tree.leaves, tree.end()
    try:
        content: SealContent = seal.content
    except SealBroken as error:
        yield str(error)
        return
    if (first.get("kind"), first.get("name")) != (content.kind, content.name):
        yield f"the seal is that of {content.kind} {content.name}, and not of this file"
    if first.get("digest") != content.digest or dict(content.parts) != parts:
        yield "the seal stands between other heads than the file's first line says"
    if (content.entries, content.root) != (leaves, root.hex()):
        yield f"the lines are not the {content.entries} that were sealed: the tree has another root"
