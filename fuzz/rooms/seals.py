"""Files that go to a regulator and come back: sealed days and months, and proofs of one entry."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from functools import partial
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fuzz.mutations import any_bytes, json_text, lines_of
from fuzz.targets import Play, promise
from relay.ledger import verify_proof
from relay.ledger.chain import GENESIS_HASH, Entry, canonical, empty_head, head_after, link
from relay.ledger.export_columns import json_line
from relay.ledger.export_file import public_key_of
from relay.ledger.file_lines import NoLedgerFile, NothingToVerify, part_rows
from relay.ledger.proof import proof_of, proof_text
from relay.ledger.reader import Stretch
from relay.ledger.seal import FORMAT, Seal, SealKind
from relay.ledger.seal_file import SealTally, entries_of, file_lines_of, seal_of, verify_path

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_PUBLIC = public_key_of(_KEY)
_AT = "2026-01-05T09:00:00.000000+08:00"
_MOST_UNPACKED = 1 << 20


def _chain(name: str, count: int) -> list[Entry]:
    head, entries = empty_head(name), list[Entry]()
    for number in range(count):
        data = canonical({"investor_id": f"10000{number}", "remark": "备注 @ %"})
        entries.append(link(head, at=_AT, kind="terminal_admitted", session="0a", data=data, trading_day="20260105"))
        head = head_after(entries[-1])
    return entries


def _sealed(kind: SealKind, name: str, *chains: list[Entry]) -> tuple[Seal, list[Entry]]:
    parts = {entries[0].chain: Stretch(empty_head(entries[0].chain), head_after(entries[-1])) for entries in chains}
    entries = [entry for chain in chains for entry in chain]
    tally = SealTally(parts, "sha256")
    for entry in entries:
        tally.take(entry, json_line(entry))
    root, counts = tally.end()
    content: dict[str, object] = {
        "seal": FORMAT,
        "kind": kind.value,
        "name": name,
        "relay": "relay-1",
        "made_at": _AT,
        "digest": "sha256",
        "entries": len(entries),
        "root": root.hex(),
        "chains": {chain: row | {"entries": counts[chain]} for chain, row in part_rows(parts).items()},
        "counter_named": True,
        "previous": GENESIS_HASH,
    }
    return Seal.sign(content, _KEY), entries


_DAY = _sealed(SealKind.DAY, "2026-01-05", _chain("one", 5), _chain("two", 2))
_MONTH = _sealed(SealKind.MONTH, "2026-01", _chain("中继", 3))
_FILES = ["".join(file_lines_of(*each)).encode() for each in (_DAY, _MONTH)]
PROOFS = [proof_of(*_DAY, chain, number) for chain, number in (("one", 1), ("one", 5), ("two", 2))]
"""of three entries of one day"""
_LINES = frozenset(json_line(entry) for entry in _DAY[1])


def sealed_files(data: bytes) -> None:
    """Nothing but a file of ours, unchanged, is found whole under our key, packed or not; and what is none is said so."""
    path = Path("sealed")
    path.write_bytes(data)
    for reading in (partial(seal_of, path), lambda: list(entries_of(path))):
        with contextlib.suppress(NoLedgerFile):
            reading()
    try:
        found = verify_path(path, public_keys=[_PUBLIC])
    except (NoLedgerFile, NothingToVerify) as error:
        promise(len(str(error)) < 300, "what is wrong is said shortly")
        return
    "\n".join(map(str, found.problems)).encode()
    if not found.problems and not [problem for chain in found.chains for problem in chain.problems]:
        promise(_unpacked(data) in _FILES, "a changed file is not found whole")
        promise(found.signed_by == _PUBLIC, "it is said who sealed it")


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    return gzip.decompress(data)


def proofs(data: bytes) -> None:
    """No line but one that was sealed is proved; and whatever a firm's own seal says, the verifier ends with a word."""
    try:
        proof = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(*verify_proof.NOT_PROVED):
        verify_proof.verify(proof, _PUBLIC)
        promise(proof["line"] in _LINES, "only a line that was sealed is proved")
    with contextlib.suppress(*verify_proof.NOT_PROVED):
        verify_proof.verify(_signed_anew(proof), _PUBLIC)


def _signed_anew(proof: dict[str, object]) -> dict[str, object]:
    """With a right signature under whatever it says: what lies behind the signature is reached."""
    return proof | Seal.sign(json.loads(str(proof["seal"])), _KEY).as_row()


def _maybe_packed(data: bytes, most: int, random: Random) -> bytes:
    """A change of the lines, or of the packed bytes."""
    if random.random() < 0.2:
        return any_bytes(data, most, random)
    with contextlib.suppress(OSError, EOFError, zlib.error):
        plain = _unpacked(data)[:_MOST_UNPACKED]
        changed = (_seal_changed if random.random() < 0.2 else lines_of(json_text))(plain, most, random)
        return gzip.compress(changed, mtime=0)[:most] if plain is not data else changed
    return any_bytes(data, most, random)


def _seal_changed(data: bytes, most: int, random: Random) -> bytes:
    """What the seal says, a text inside the last line."""
    rest, _, last = data.removesuffix(b"\n").rpartition(b"\n")
    try:
        row = json.loads(last)
        row["seal"] = json_text(row["seal"].encode(), most, random).decode("utf-8", "replace")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return any_bytes(data, most, random)
    return b"%s\n%s\n" % (rest, json.dumps(row).encode())


def _proof_changed(data: bytes, most: int, random: Random) -> bytes:
    """A member, or one inside the line or the seal, which are texts of their own."""
    try:
        proof = json.loads(data)
        inner = random.choice(("", "", "line", "seal"))
        if inner:
            proof[inner] = json_text(str(proof[inner]).encode(), most, random).decode("utf-8", "replace")
            return json.dumps(proof).encode()[:most]
    except (ValueError, KeyError, TypeError, RecursionError):
        return any_bytes(data, most, random)
    return json_text(data, most, random)


PLAYS = {
    "sealed_files": Play(sealed_files, [*_FILES, gzip.compress(_FILES[1], mtime=0), b""], _maybe_packed, longest=6000),
    "proofs": Play(proofs, [proof_text(proof).encode() for proof in PROOFS], _proof_changed, longest=6000),
}
"""by target"""
