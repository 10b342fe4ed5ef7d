"""The terminal's identity as the vendor's collector (采集库) gives it.

CTP_GetSystemInfo runs in a child process: it prints, it is not thread-safe, it starts other programs, and a
crash in it must not take the terminal along (CTP fact 42).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctpabi.api import binding
from ctpabi.facts.collector import CollectorItem, missing_items
from terminal_client import collector_child
from terminal_client.errors import CollectorFailed

CTP = "ctp"
"""this collector's kind, among those a counter may want"""
CHILD = Path(collector_child.__file__)
# The collector stamps the process's local time and the regulator wants UTC+8. POSIX form, because
# a bare machine has no time zone database and would silently take "Asia/Shanghai" for UTC.
CHINA_TIME = "CST-8"
CHINA = dt.timezone(dt.timedelta(hours=8))
# The collector reads disk and BIOS serials with dmidecode and the like, which live in sbin.
TOOL_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
# A preloaded library would be loaded into the collector too, and could stand in for it.
NOT_INHERITED = ("LD_PRELOAD", "LD_AUDIT", "TZ")


@dataclass(frozen=True, slots=True)
class Collected:
    """One collection: what a login reports about this machine."""

    system_info: bytes
    """byte for byte what CTP_GetSystemInfo wrote; binary, differs at every call"""
    length: int
    """what CTP_GetSystemInfo said it wrote"""
    code: int
    """its return value: a bitmask of the items it could not collect; 0 is complete"""
    version: str
    """CTP_GetDataCollectApiVersion's text, or the library's file name"""
    library: Path
    collected_at: dt.datetime
    """aware, UTC+8"""
    missing: tuple[CollectorItem, ...]
    """the items of `code` in words"""

    def __repr__(self) -> str:
        return f"Collected(length={self.length}, code={self.code}, version={self.version!r})"


def collect(
    library: Path | None = None,
    *,
    edition: str = "production",
    deadline_seconds: float = 30.0,
    now: Callable[[dt.tzinfo], dt.datetime] = dt.datetime.now,
) -> Collected:
    """Collect this machine's system info; blocks for about 0.1 s (Linux) up to some seconds (Windows).

    `library` is the vendor's collector; by default the one inside the installed openctp-ctp.
    `edition` is production or evaluation (评测) and must be that of the counter. CollectorFailed says why not.
    """
    path = library if library is not None else installed_library()
    if not path.is_file():
        raise CollectorFailed("library_missing", f"collector library not found: {path}")
    answer = answer_of(run_child(CHILD, [str(path), edition], path.name, deadline_seconds), path, edition)
    content = base64.b64decode(answer["system_info"])
    return Collected(
        system_info=content,
        length=answer["length"],
        code=answer["code"],
        version=answer["version"] or path.name,
        library=path,
        collected_at=now(CHINA),
        missing=missing_items(answer["code"]),
    )


def installed_library() -> Path:
    """The vendor library inside the installed openctp-ctp, which contains the collector."""
    try:
        return binding.vendor_library()
    except Exception as error:
        raise CollectorFailed("library_missing", f"no collector library in openctp-ctp: {error}") from error


def child_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The collector's environment: China time, the system's tools, nothing preloaded."""
    environment = {name: value for name, value in inherited.items() if name not in NOT_INHERITED}
    if os.name == "posix":
        folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder]
        folders += [folder for folder in TOOL_FOLDERS if folder not in folders]
        environment["PATH"] = os.pathsep.join(folders)
        environment["TZ"] = CHINA_TIME
    return environment


def run_child(program: Path, arguments: Sequence[str], name: str, seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Run one of the programs here that call a collector; `name` is the library's. CollectorFailed where it takes too long."""
    return run_collector([sys.executable, "-I", str(program), *arguments], name, seconds)


def run_collector(command: Sequence[str], name: str, seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Run a collector, with China's time and nothing preloaded."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(os.environ),
        start_new_session=True,
    ) as child:
        try:
            output, errors = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill_group(child)
            raise CollectorFailed("timed_out", f"the collector {name} did not finish within {seconds:g} s") from None
    return subprocess.CompletedProcess(command, child.returncode, output, errors)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and the programs the collector started, which hold our pipes open."""
    if os.name == "posix":
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.communicate()


def answer_of(child: subprocess.CompletedProcess[bytes], path: Path, edition: str) -> dict[str, Any]:
    """What the child wrote: a whole collection. CollectorFailed where it is none."""
    if child.returncode != 0:
        tail = child.stderr.decode("utf-8", "replace").strip()[-300:]
        raise CollectorFailed("crashed", f"the collector {path.name} ended with {child.returncode}: {tail}")
    answer = _object(child.stdout, path)
    why = str(answer.get("why", ""))
    if answer.get("failed") == "symbol_missing":
        raise CollectorFailed(
            "symbol_missing", f"{path.name} is not a collector of the {edition} edition: it has no {why}"
        )
    if answer.get("failed") == "library_missing":
        raise CollectorFailed("library_missing", f"the collector library cannot be loaded: {why}")
    if not _is_whole(answer):
        raise CollectorFailed("bad_answer", f"what came of {path.name} is no collection")
    if answer["length"] != len(base64.b64decode(answer["system_info"])):
        raise CollectorFailed("bad_answer", f"{path.name} claims {answer['length']} bytes, more than its buffer")
    return answer


def _object(output: bytes, path: Path) -> dict[str, Any]:
    """The child's answer. The vendor's library ran in that process and may have written anywhere, so nothing is sure."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise CollectorFailed("bad_answer", f"what came of {path.name} is no JSON object")
    return answer


def _is_whole(answer: dict[str, Any]) -> bool:
    try:
        base64.b64decode(answer["system_info"], validate=True)
        return type(answer["length"]) is int and type(answer["code"]) is int and isinstance(answer["version"], str)
    except (KeyError, TypeError, ValueError):
        return False
