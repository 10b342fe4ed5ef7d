"""What the terminal collects: CTP's system info, the information of a vendor's helper, or both, as its counter wants them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from terminal_client.collector import Collected, collect
from terminal_client.collectors import Collectors, collect_lines, collectors_of

CTS_KIND = "cts:demo"
HELPER_SAYS = "LIN\ndemo\nMAC 00:11:22:33:44:55\nDISK disk0001\n"
"""RootNet's helper for a vendor is not to be had here: a file with made-up lines takes its place"""


@dataclass(frozen=True, slots=True)
class Collection:
    """What is followed on its way, and what goes with it."""

    kind: str
    followed: bytes = field(repr=False)
    collector: str
    code: int
    ctp: Collected | None = None
    others: Collectors = field(default_factory=Collectors)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.followed).hexdigest()


def collect_ctp(hundsun: Path | None = None) -> Collection:
    """CTP's collector, and beside it Hundsun's where there is one; blocks."""
    collected = collect()
    others = collectors_of([f"hundsun={hundsun}"] if hundsun is not None else [])
    return Collection("ctp", collected.system_info, f"CTP {collected.version}", collected.code, collected, others)


def collect_cts(folder: Path) -> Collection:
    """The stand-in of a vendor's helper; its file lies in `folder`."""
    file = folder / "vendor_helper.txt"
    file.write_text(HELPER_SAYS, encoding="ascii")
    found = collect_lines(CTS_KIND, file)
    return Collection(CTS_KIND, found.info, file.name, found.return_code, None, collectors_of([f"{CTS_KIND}={file}"]))
