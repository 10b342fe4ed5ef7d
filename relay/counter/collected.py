"""What was collected of a terminal's machine beside CTP's system info, and which kinds a counter wants.

A kind names a collector: `hundsun`, `kingstar`, `femas`, `esunny`, `cts:<vendor>`. CTP's own is the system info of the login
and of the report; its kind is `ctp`, and it is never an item of the list.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

CTP = "ctp"
"""the kind of CTP_GetSystemInfo's bytes"""
BINARY, TEXT = "binary", "ascii"
"""the two encodings: any bytes; printable ASCII"""


@dataclass(frozen=True, slots=True)
class CollectedInfo:
    """What one collector gave, byte for byte; the relay never makes one."""

    kind: str
    info: bytes = field(repr=False)
    length: int
    """what the collector said it wrote"""
    return_code: int = 0
    """the collector's; what it means depends on the kind"""
    completeness: bytes = field(default=b"", repr=False)
    """what it says of the items it could not collect, where it says so beside the info"""
    collector_version: str = ""

    def as_evidence(self) -> dict[str, object]:
        """What the ledger keeps of it."""
        return {
            "kind": self.kind,
            "info": base64.b64encode(self.info).decode(),
            "length": self.length,
            "sha256": hashlib.sha256(self.info).hexdigest(),
            "return_code": self.return_code,
            "completeness": base64.b64encode(self.completeness).decode(),
            "collector_version": self.collector_version,
        }


@dataclass(frozen=True, slots=True)
class WantedInfo:
    """A kind that a counter wants, and how it must look."""

    kind: str
    """or a group of kinds: `cts:*`"""
    required: bool = False
    """whether no login succeeds without it; what is not required may depend on the account"""
    encoding: str = TEXT
    """BINARY or TEXT"""
    shortest: int = 1
    longest: int = 2048
    differs: bool = False
    """whether the collector never gives the same twice, so that the same again is a replay"""

    @property
    def is_text(self) -> bool:
        """Whether it must be printable ASCII."""
        return self.encoding == TEXT

    def is_of(self, kind: str) -> bool:
        """Whether this kind is meant."""
        return kind.startswith(self.kind[:-1]) if self.kind.endswith("*") else kind == self.kind


CTP_WANTED = WantedInfo(CTP, required=True, encoding=BINARY, shortest=264, longest=273, differs=True)
"""what every counter of CTP's wants"""
