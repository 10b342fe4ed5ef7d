"""The ledger as a file that proves itself, away from the database and without the days before it.

    first line   what the file covers, and each chain's head before its first entry and after its last
    then         one entry a line, by chain and sequence
    last line    an Ed25519 signature over the SHA-256 of everything before it

The heads let a day's file be verified alone: its first entry is linked to the head before it. The head before a
day is the head after the day before, so the files of following days fit each other. The signature binds the heads;
without it, somebody could leave out entries at the end and shorten the head to match.

The file of a trading day is another one (`seal_file`): sealed once, with a tree that proves single entries.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain as chain_lines
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relay.ledger.chain import Entry
from relay.ledger.export_columns import json_lines
from relay.ledger.file_lines import (
    FileAudit,
    FileWalk,
    NoLedgerFile,
    NothingToVerify,
    entry_at,
    json_of,
    part_rows,
    parts_of,
    with_last,
)
from relay.ledger.reader import RequiredHeads, Stretch

FORMAT = 1
_SIGNED_FIRST = b"ctp-relay ledger file "
"""what is signed begins so: the key's signature cannot be taken for one of something else"""


def public_key_of(key: Ed25519PrivateKey) -> str:
    """The public half, as 64 hexadecimal digits."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def sealed_lines(
    parts: Mapping[str, Stretch], entries: Iterable[Entry], *, key: Ed25519PrivateKey, trading_day: str = ""
) -> Iterator[str]:
    """The file's lines; `entries` are those of `parts`, by chain and sequence. `trading_day` says of which day they are."""
    digest = hashlib.sha256()
    heads = part_rows(parts)
    first = json.dumps({"ledger_file": FORMAT, "trading_day": trading_day, "chains": heads}, ensure_ascii=False)
    for line in chain_lines([first + "\n"], json_lines(entries)):
        digest.update(line.encode())
        yield line
    signature = base64.b64encode(key.sign(_SIGNED_FIRST + digest.digest())).decode()
    shown = {"algorithm": "Ed25519", "public_key": public_key_of(key), "value": signature}
    yield json.dumps({"signature": shown}) + "\n"


def key_set(public_keys: Iterable[str]) -> frozenset[str]:
    """As they are written in files."""
    return frozenset(key.strip().lower() for key in public_keys)


def verify_file(
    file: Iterable[bytes], *, public_keys: Iterable[str] = (), required: RequiredHeads | None = None
) -> FileAudit:
    """Check the chains of one file's lines against its heads, and its signature. Raises NoLedgerFile, NothingToVerify.

    It must be signed by one of `public_keys`, each as 64 hexadecimal digits; without any, every key's signature will do,
    which proves that the file is whole but not who wrote it.
    """
    walk: FileWalk | None = None
    parts: dict[str, Stretch] = {}
    digest, signature = hashlib.sha256(), None
    for number, line, is_last in with_last(file):
        signature = _signature_of(line) if is_last and walk is not None else None
        if signature is None:
            digest.update(line)
        if walk is not None and signature is None:
            walk.take(entry_at(number, line))
        elif walk is None and line.strip():
            parts = _parts_of(line)
            walk = FileWalk(parts, required or RequiredHeads())
    if walk is None:
        raise NothingToVerify("it is empty")
    signed_by, problems = "", ["the file is cut off: its last line, the signature, is missing"]
    if signature is not None:
        signed_by, problems = _check_signature(digest.digest(), signature, key_set(public_keys))
    return FileAudit(walk.end(), parts, signed_by, tuple(problems))


def _parts_of(line: bytes) -> dict[str, Stretch]:
    try:
        row = json_of(line)
        form = row["ledger_file"]
        if type(form) is not int or form != FORMAT:
            raise NoLedgerFile(f"line 1: a ledger file of format {form!r:.40}, this version reads {FORMAT}")
        return parts_of(row["chains"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, NoLedgerFile):
            raise
        raise NoLedgerFile("line 1 is not the first line of a file made by: ctp-relay ledger export") from None


def _signature_of(line: bytes) -> Mapping[str, Any] | None:
    try:
        signature = json_of(line)["signature"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return signature if isinstance(signature, dict) else None


def _check_signature(digest: bytes, signature: Mapping[str, Any], wanted: frozenset[str]) -> tuple[str, list[str]]:
    try:
        raw = bytes.fromhex(str(signature["public_key"]))
        stated = raw.hex()  # what was written in its place may have spaces and line ends in it
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(base64.b64decode(str(signature["value"])), _SIGNED_FIRST + digest)
    except (KeyError, ValueError, InvalidSignature):
        return "", ["the signature does not fit the file: it was changed after it was written"]
    if wanted and stated not in wanted:
        return "", [f"the file is signed by another key: {stated}"]
    return stated, []
