"""A seal: what a day's or a month's file covers, signed; the same bytes in the database, the file and every proof.

The manifest names the heads each chain stands between, how many entries lie there, and the root of the tree over their
lines. The signature covers its canonical text, so a proof needs the manifest and one path, and none of the other lines.
`previous` is the hash of the seal before it of the same kind: the seals are a chain of their own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from relay.ledger.chain import GENESIS_HASH
from relay.ledger.digests import DIGESTS
from relay.ledger.export_file import public_key_of
from relay.ledger.file_lines import parts_of
from relay.ledger.reader import Stretch

FORMAT = 1
SIGNED_FIRST = b"ctp-relay ledger seal 1\n"
"""what is signed begins so: the key's signature cannot be taken for one of something else"""
_HEX = re.compile(r"[0-9a-f]{64}")
_NAMES = {"day": re.compile(r"\d{4}-\d\d-\d\d"), "month": re.compile(r"\d{4}-\d\d")}


class SealBroken(ValueError):
    """It is no seal; the message says what is missing."""


class SealKind(StrEnum):
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Seal:
    manifest: str
    """canonical JSON, as it was signed"""
    public_key: str
    signature: str
    """Base64"""

    @classmethod
    def sign(cls, content: Mapping[str, object], key: Ed25519PrivateKey) -> Self:
        """The same content and key give the same seal."""
        text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        signature = base64.b64encode(key.sign(SIGNED_FIRST + text.encode())).decode()
        return cls(text, public_key_of(key), signature)

    @property
    def content(self) -> SealContent:
        """What it says. Raises SealBroken; whether it is signed is another question."""
        return _content_of(self.manifest)

    @property
    def fingerprint(self) -> str:
        """What the next seal names as the one before it."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()

    def is_signed(self) -> bool:
        """Whether the signature is this public key's, over this manifest."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))
            raw = base64.b64decode(self.signature, validate=True)
            key.verify(raw, SIGNED_FIRST + self.manifest.encode())
            return base64.b64encode(raw).decode() == self.signature  # Base64 has more than one text for some bytes
        except (ValueError, binascii.Error, InvalidSignature):
            return False

    def as_row(self) -> dict[str, Any]:
        """For the last line of a file, and a proof."""
        shown = {"algorithm": "Ed25519", "public_key": self.public_key, "value": self.signature}
        return {"seal": self.manifest, "signature": shown}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """Raises SealBroken."""
        try:
            shown = row["signature"]
            texts = row["seal"], shown["public_key"], shown["value"]
        except (KeyError, TypeError):
            raise SealBroken("it has no seal, or no signature") from None
        if not all(isinstance(text, str) and text.isascii() for text in texts) or not _HEX.fullmatch(texts[1]):
            raise SealBroken("its seal or signature is no text, or not a key's")
        return cls(*texts)


@dataclass(frozen=True, slots=True)
class SealContent:
    kind: SealKind
    name: str
    """2026-01-05, or 2026-01"""
    relay: str
    made_at: str
    digest: str
    """of the tree"""
    entries: int
    root: str
    parts: Mapping[str, Stretch]
    counts: Mapping[str, int]
    """entries of each chain"""
    counter_named: bool
    """whether the counter named this trading day at a login; of a month, any day of it"""
    previous: str = GENESIS_HASH


def _content_of(text: str) -> SealContent:
    try:
        row = json.loads(text)
        _require_format(row["seal"])
        kind = SealKind(row["kind"])
        found = SealContent(
            kind,
            _matching(_NAMES[kind], row["name"]),
            str(row["relay"]),
            str(row["made_at"]),
            row["digest"],
            int(row["entries"]),
            _matching(_HEX, row["root"]),
            parts_of(row["chains"]),
            {str(chain): int(part["entries"]) for chain, part in row["chains"].items()},
            row["counter_named"] is True,
            _matching(_HEX, row["previous"]),
        )
    except SealBroken:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise SealBroken("the seal's manifest is not one that the relay writes") from None
    if found.digest not in DIGESTS:
        raise SealBroken("the seal's tree is made with an unknown hash function")
    return found


def _require_format(form: object) -> None:
    if type(form) is not int or form != FORMAT:
        raise SealBroken(f"a seal of format {form!r:.20}, this version reads {FORMAT}")


def _matching(pattern: re.Pattern[str], text: object) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError
    return text
