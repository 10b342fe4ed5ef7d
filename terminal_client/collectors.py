"""Collectors besides CTP's, for counters that want others: which there are, and what they give.

The relay names what its counter wants with the challenge, and the terminal then runs those collectors that it was set up
with. The challenge is good for ten seconds, so each collector has eight.

* `hundsun`: the firm's HsFutuSystemInfo library, called in a child process, as CTP's is.
* `cts:VENDOR`: RootNet's helper for the vendor. An executable file is run and its output taken, any other file is read;
  each end of a line becomes `^`, as in the counter's own client: an empty line is a field without a value.

What a collector gives is sent as it is. Where it returns an error, that is sent too: the counter judges it.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import hundsun_child
from terminal_client.collector import CTP, answer_of, run_child, run_collector
from terminal_client.errors import CollectorFailed

DEADLINE_SECONDS = 8.0
_LONGEST = 2048
_CTS = "cts:"


@dataclass(frozen=True, slots=True)
class OtherCollected:
    """What one of these collectors gave."""

    kind: str
    info: bytes = field(repr=False)
    length: int
    """what the collector said it wrote"""
    return_code: int = 0
    completeness: bytes = field(default=b"", repr=False)
    version: str = ""

    def message(self) -> pb.CollectedInfo:
        """For the login."""
        return pb.CollectedInfo(
            kind=self.kind,
            info=self.info,
            length=self.length,
            return_code=self.return_code,
            completeness=self.completeness,
            collector_version=self.version,
        )


Collector = Callable[[], OtherCollected]
"""blocks for up to DEADLINE_SECONDS; raises CollectorFailed"""


@dataclass(frozen=True, slots=True)
class Collectors:
    """Those a terminal was set up with, by kind."""

    by_kind: Mapping[str, Collector] = field(default_factory=lambda: MappingProxyType({}))

    async def collect_wanted(self, wanted: Iterable[pb.WantedInfo]) -> tuple[OtherCollected, ...]:
        """What the counter wants and this terminal can collect. CollectorFailed where one fails, or one that must be is not set up."""
        chosen: dict[str, Collector] = {}
        for want in wanted:
            mine = {kind: one for kind, one in self.by_kind.items() if is_of(want.kind, kind)}
            if want.required and want.kind != CTP and not mine:
                raise CollectorFailed(
                    "not_set_up",
                    f"the relay's counter requires info collected by {want.kind}: set up a collector for it",
                )
            chosen |= mine
        return tuple(await asyncio.gather(*(asyncio.to_thread(one) for one in chosen.values())))


def is_of(wanted: str, kind: str) -> bool:
    """Whether a wanted kind, or group of kinds (`cts:*`), means this one."""
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def collectors_of(where: Iterable[str]) -> Collectors:
    """Of settings such as `hundsun=/opt/firm/libHsFutuSystemInfo.so`; ValueError says which is wrong."""
    found: dict[str, Collector] = {}
    for text in where:
        kind, equals, path = text.partition("=")
        if not equals or not path.strip():
            raise ValueError(f"{text!r} is not KIND=FILE")
        found[kind.strip()] = _collector(kind.strip(), Path(path.strip()).expanduser())
    return Collectors(MappingProxyType(found))


def _collector(kind: str, path: Path) -> Collector:
    if kind == "hundsun":
        return lambda: collect_hundsun(path)
    if kind.startswith(_CTS) and kind != _CTS:
        return lambda: collect_lines(kind, path)
    raise ValueError(f"no collector of kind {kind!r} is known; hundsun and cts:VENDOR are")


def collect_hundsun(library: Path) -> OtherCollected:
    """Run Hundsun's collector once."""
    if not library.is_file():
        raise CollectorFailed("library_missing", f"collector library not found: {library}")
    child = run_child(Path(hundsun_child.__file__), [str(library)], library.name, DEADLINE_SECONDS)
    answer = answer_of(child, library, "hundsun")
    return OtherCollected(
        kind="hundsun",
        info=base64.b64decode(answer["system_info"]),
        length=answer["length"],
        return_code=answer["code"],
        completeness=base64.b64decode(str(answer.get("completeness", ""))),
        version=answer["version"] or library.name,
    )


def collect_lines(kind: str, file: Path) -> OtherCollected:
    """What a helper writes, or a file has: lines of printable text."""
    if not file.is_file():
        raise CollectorFailed("library_missing", f"collector not found: {file}")
    code, output = 0, b""
    if os.access(file, os.X_OK):
        child = run_collector([str(file)], file.name, DEADLINE_SECONDS)
        code, output = child.returncode, child.stdout
    else:
        with file.open("rb") as lines:
            output = lines.read(_LONGEST + 1)
    info = b"^".join(output.replace(b"\r\n", b"\n").split(b"\n"))
    if not info.strip(b"^ ") or len(info) > _LONGEST or not (info.isascii() and info.decode("ascii").isprintable()):
        raise CollectorFailed(
            "bad_answer", f"what came of {file.name} is not 1 to {_LONGEST} characters of printable ASCII"
        )
    return OtherCollected(kind, info, len(info), return_code=code, version=file.name)
