"""The ledger as a file that proves itself, away from the database and without the days before it.

    first line   what the file covers, and each chain's head before its first entry and after its last
    then         one entry a line, by chain and sequence
    last line    an Ed25519 signature over the SHA-256 of everything before it

The heads let a day's file be verified alone: its first entry is linked to the head before it. The head before a
day is the head after the day before, so the files of following days fit each other. The signature binds the heads;
without it, somebody could leave out entries at the end and shorten the head to match.

A line ends with a line feed and with nothing else. The reader believes nothing of a file: it may be any bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain as chain_lines
from itertools import count, pairwise
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relay.ledger.chain import Entry, Head, Problem, verify
from relay.ledger.export_columns import entry_of, is_sequence, json_lines
from relay.ledger.reader import Audit, Stretch

FORMAT = 1
_SIGNED_FIRST = b"ctp-relay ledger file "
"""what is signed begins so: the key's signature cannot be taken for one of something else"""


_LONGEST_LINE = 16 * 1024 * 1024
"""bytes; an entry has some thousand"""
_HASH = re.compile(r"[0-9a-f]{64}")


class NoLedgerFile(ValueError):
    """The file is not one that `ledger export` writes; the message says which line and why."""


class NothingToVerify(Exception):
    """There is no entry, and no head that says that there was one: nothing that could be whole."""


@dataclass(frozen=True, slots=True)
class FileAudit:
    chains: tuple[Audit, ...]
    parts: Mapping[str, Stretch]
    signed_by: str
    """the public key's 64 hexadecimal digits; empty where the signature is missing or wrong"""
    problems: tuple[str, ...]
    hashes: frozenset[str] = field(repr=False)
    """of the entries, and of the heads they stand between"""


def public_key_of(key: Ed25519PrivateKey) -> str:
    """The public half, as 64 hexadecimal digits."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def sealed_lines(
    parts: Mapping[str, Stretch], entries: Iterable[Entry], *, since: str, until: str, key: Ed25519PrivateKey
) -> Iterator[str]:
    """The file's lines; `entries` are those of `parts`, by chain and sequence."""
    heads = {chain: {"before": _head_row(part.before), "after": _head_row(part.after)} for chain, part in parts.items()}
    digest = hashlib.sha256()
    first = json.dumps({"ledger_file": FORMAT, "since": since, "until": until, "chains": heads}, ensure_ascii=False)
    for line in chain_lines([first + "\n"], json_lines(entries)):
        digest.update(line.encode())
        yield line
    signature = base64.b64encode(key.sign(_SIGNED_FIRST + digest.digest())).decode()
    shown = {"algorithm": "Ed25519", "public_key": public_key_of(key), "value": signature}
    yield json.dumps({"signature": shown}) + "\n"


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines with their ends. Raises NoLedgerFile for one that is longer than any entry, before it is in memory."""
    for number in count(1):
        line = file.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise NoLedgerFile(f"line {number} has more than {_LONGEST_LINE} bytes")
        if not line:
            return
        yield line


def verify_file(file: Iterable[bytes], *, public_key: str = "") -> FileAudit:
    """Check the chains of one file's lines against its heads, and its signature. Raises NoLedgerFile, NothingToVerify.

    `public_key`, as 64 hexadecimal digits, is whose signature it must be; without it any key's will do, which proves
    that the file is whole but not who wrote it.
    """
    lines = list(file)
    if not any(line.strip() for line in lines):
        raise NothingToVerify("it is empty")
    parts = _parts_of(lines[0])
    signature = _signature_of(lines[-1])
    body = lines[1:-1] if signature is not None else lines[1:]
    entries = [_entry(number, line) for number, line in enumerate(body, start=2)]
    chains = tuple(_chain_audits(parts, entries))
    signed_by, problems = "", ["the file is cut off: its last line, the signature, is missing"]
    if signature is not None:
        signed_by, problems = _check_signature(lines[:-1], signature, public_key)
    hashes = {entry.hash for entry in entries}
    hashes.update(head.hash for part in parts.values() for head in (part.before, part.after))
    return FileAudit(chains, parts, signed_by, tuple(problems), frozenset(hashes))


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


def _chain_audits(parts: Mapping[str, Stretch], entries: Iterable[Entry]) -> Iterator[Audit]:
    of_chain: dict[str, list[Entry]] = {}
    for entry in entries:
        of_chain.setdefault(entry.chain, []).append(entry)
    for chain in sorted(parts.keys() | of_chain.keys()):
        part, mine = parts.get(chain), of_chain.get(chain, [])
        if part is None:
            yield Audit(chain, len(mine), None, (Problem(chain, mine[0].sequence, "the file names no head for it"),))
            continue
        problems = tuple(verify(chain, mine, part.after, start=part.before))
        yield Audit(chain, len(mine), part.after, problems)


def _head_row(head: Head) -> dict[str, object]:
    return {"sequence": head.sequence, "hash": head.hash}


def _json(line: bytes) -> Any:
    """Raises ValueError, RecursionError: also for a name that stands twice, which other readers may take otherwise."""
    return json.loads(line.decode(), object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _parts_of(line: bytes) -> dict[str, Stretch]:
    try:
        row = _json(line)
        form = row["ledger_file"]
        if type(form) is not int or form != FORMAT:
            raise NoLedgerFile(f"line 1: a ledger file of format {form!r:.40}, this version reads {FORMAT}")
        return {
            str(chain): Stretch(_head_of(chain, heads["before"]), _head_of(chain, heads["after"]))
            for chain, heads in row["chains"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, NoLedgerFile):
            raise
        raise NoLedgerFile("line 1 is not the first line of a file made by: ctp-relay ledger export") from None


def _head_of(chain: str, row: Mapping[str, Any]) -> Head:
    sequence, digest = row["sequence"], row["hash"]
    if not is_sequence(sequence) or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise TypeError
    return Head(chain, sequence, digest)


def _signature_of(line: bytes) -> Mapping[str, Any] | None:
    try:
        signature = _json(line)["signature"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return signature if isinstance(signature, dict) else None


def _entry(number: int, line: bytes) -> Entry:
    try:
        row = _json(line)
        if not isinstance(row, dict):
            raise NoLedgerFile
        return entry_of(row)
    except (ValueError, RecursionError):
        raise NoLedgerFile(f"line {number} is not an exported entry") from None


def _check_signature(signed: Iterable[bytes], signature: Mapping[str, Any], wanted: str) -> tuple[str, list[str]]:
    digest = hashlib.sha256()
    for line in signed:
        digest.update(line)
    try:
        raw = bytes.fromhex(str(signature["public_key"]))
        stated = raw.hex()  # what was written in its place may have spaces and line ends in it
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(base64.b64decode(str(signature["value"])), _SIGNED_FIRST + digest.digest())
    except (KeyError, ValueError, InvalidSignature):
        return "", ["the signature does not fit the file: it was changed after it was written"]
    if wanted and stated != wanted.lower():
        return "", [f"the file is signed by another key: {stated}"]
    return stated, []
