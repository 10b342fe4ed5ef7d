"""What a line says that C or C++ code printed: cut from a stream of bytes, decoded, its secrets hidden, gRPC's parts told apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from relay.outside_text import shown

LONGEST_TEXT: Final = 1000
LONGEST_LINE: Final = 8192
"""bytes; what is longer is cut, and the rest of it left out"""
Level = Literal["debug", "info", "warning", "error", "critical"]

_SECRET = re.compile(
    r"pass[ _-]?wor[dt]|passwd|pwd|auth[ _-]?(?:code|info)|token|secret|system[ _-]?info|private[ _-]?key|credential"
    r"|authorization|bearer|密码|口令|授权码",
    re.IGNORECASE,
)
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{64,}")
"""keys and system info have no word beside them where somebody prints them alone"""
_GRPC = re.compile(r"(?P<level>[DIWEF])\d{4} \d\d:\d\d:\S+\s+\d+ (?P<where>[\w./-]+:\d+)\]\s?(?P<text>.*)", re.DOTALL)
_GRPC_BEGINS = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR"
_GRPC_LEVELS: Final[dict[str, Level]] = {"D": "debug", "I": "info", "W": "warning", "E": "error", "F": "critical"}


@dataclass(frozen=True, slots=True)
class NativeLine:
    """One line, harmless to look at."""

    text: str
    grpc_level: Level | None = None
    """of gRPC's own lines"""
    where: str = ""
    """file and line in gRPC's source"""


@dataclass(slots=True)
class LineCutter:
    """Cuts one stream into lines, and keeps a beginning that has no end yet."""

    rest: bytes = b""
    _skips: bool = field(default=False)
    """until the end of a line that was too long"""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that have come to their end, or to the longest there may be."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if self._skips and lines:
            del lines[0]
            self._skips = False
        if self._skips:
            self.rest = b""
        elif len(self.rest) > LONGEST_LINE:
            lines.append(self.rest)
            self.rest, self._skips = b"", True
        return lines

    def take_rest(self) -> bytes:
        """What has no end yet, as a line of its own."""
        taken, self.rest = self.rest, b""
        return taken


def read_line(line: bytes) -> NativeLine:
    """What it says."""
    text = _decoded(line[:LONGEST_LINE]).rstrip()
    if text.startswith(_GRPC_BEGINS):
        return NativeLine(text[:LONGEST_TEXT], "debug")
    if (found := _GRPC.fullmatch(text)) is not None:
        return NativeLine(_harmless(found["text"]), _GRPC_LEVELS[found["level"]], found["where"])
    return NativeLine(_harmless(text))


def _decoded(line: bytes) -> str:
    """The vendor's library speaks GB18030, everything else UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("gb18030", "backslashreplace")


def _harmless(text: str) -> str:
    secret = _SECRET.search(text)
    # What stands behind such a word may be a secret in any notation, so nothing behind it is kept.
    kept = text if secret is None else f"{text[: secret.end()]} ***"
    kept = _LONG_RUN.sub(lambda run: f"<{len(run[0])} characters>", kept)
    return shown(kept[:LONGEST_TEXT])
