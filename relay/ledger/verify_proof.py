#!/usr/bin/env python3
"""Check a proof of one ledger entry (台账单条证明核验). Needs Python 3.9 and `cryptography`; no relay, database or network.

    python3 verify_proof.py proof.json --public-key 5a1e...

It checks, in this order:

1. that the seal was signed (Ed25519) with the public key you were given by the futures firm, not by this file;
2. that the entry's line is a leaf of the tree whose root the seal names, at the place the proof names (RFC 6962, 2.1.1);
3. that the place is one that the entry's own chain and number have in the sealed heads.

Exit code 0: proved, and the entry is printed. 1: not proved. 2: wrong usage.
"""

import argparse
import base64
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNED_FIRST = b"ctp-relay ledger seal 1\n"
NOT_PROVED = ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, UnsupportedAlgorithm


def digest(name: str, content: bytes) -> bytes:
    if name == "sha256":
        return hashlib.sha256(content).digest()
    if name == "sm3":
        made = hashes.Hash(hashes.SM3())
        made.update(content)
        return made.finalize()
    raise ValueError(f"unknown hash function {name!r}")


def root_of(name: str, leaf: bytes, index: int, leaves: int, path: "list[bytes]") -> bytes:
    """The root above this leaf. An inner node is hashed with 1 in front, a leaf with 0: neither passes for the other."""
    if not 0 <= index < leaves:
        raise ValueError("the place is not in the tree")
    node, last, root = index, leaves - 1, digest(name, b"\0" + leaf)
    for beside in path:
        if last == 0:
            raise ValueError("the path is too long")
        if node % 2 or node == last:
            root = digest(name, b"\1" + beside + root)
            while node % 2 == 0:
                node, last = node // 2, last // 2
        else:
            root = digest(name, b"\1" + root + beside)
        node, last = node // 2, last // 2
    if last:
        raise ValueError("the path is too short")
    return root


def place_of(entry: "dict[str, Any]", chains: "dict[str, Any]") -> int:
    """Where the entry stands among the sealed lines: by chain, then by number."""
    place = 0
    for chain in sorted(chains):
        first, last = chains[chain]["before"]["sequence"] + 1, chains[chain]["after"]["sequence"]
        if chain == entry["chain"]:
            if not first <= entry["sequence"] <= last:
                break
            return place + int(entry["sequence"]) - int(first)
        place += int(chains[chain]["entries"])
    raise ValueError("the seal does not cover the entry's chain and number")


def verify(proof: "dict[str, Any]", public_key: str) -> "tuple[dict[str, Any], dict[str, Any]]":
    """The entry and the seal's manifest; raises one of NOT_PROVED with what is wrong."""
    manifest, shown = str(proof["seal"]), proof["signature"]
    if shown["public_key"] != public_key.strip().lower():
        raise ValueError("the seal is signed by another key: " + str(shown["public_key"])[:64])
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(shown["public_key"]))
    try:
        key.verify(base64.b64decode(shown["value"]), SIGNED_FIRST + manifest.encode())
    except InvalidSignature:
        raise ValueError("the signature does not fit the seal") from None
    sealed, line, path = json.loads(manifest), str(proof["line"]), [base64.b64decode(step) for step in proof["path"]]
    root = root_of(sealed["digest"], line.encode(), int(proof["index"]), int(sealed["entries"]), path)
    if root.hex() != sealed["root"]:
        raise ValueError("the line is not the one that was sealed at this place")
    entry = json.loads(line)
    if place_of(entry, sealed["chains"]) != int(proof["index"]):
        raise ValueError("the entry's chain and number belong to another place")
    return entry, sealed


def main() -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console that cannot show Chinese
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof")
    parser.add_argument("--public-key", required=True, help="64 hexadecimal digits, from the futures firm")
    given = parser.parse_args()
    try:
        entry, sealed = verify(json.loads(Path(given.proof).read_bytes()), given.public_key)
    except (OSError, *NOT_PROVED) as error:
        print(f"NOT PROVED (未通过): {error!r:.300}", file=sys.stderr)
        return 1
    print(f"proved (已核验): {sealed['kind']} {sealed['name']}, sealed at {sealed['made_at']} by {sealed['relay']}")
    print(json.dumps(entry, ensure_ascii=True, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
