"""What a terminal reports of its machine: the bytes, the side process that judges them, and the vendor's library in it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from structlog.testing import capture_logs

from ctpabi.catalog.data import load_catalog
from fuzz.mutations import after, any_bytes, json_text, lines_of
from fuzz.targets import Play, promise
from relay.admission import genuineness, system_info
from relay.admission.verifier import Judgement, Verifier, VerifierUnavailable, _Child

_LOOP = asyncio.new_event_loop()


class _Process:
    """A side process that never was."""

    pid = 1

    async def wait(self) -> int:
        return 0


class _Writer:
    def write(self, _: bytes) -> None:
        """Questions go nowhere."""

    def close(self) -> None:
        """Nothing to close."""


def genuineness_answers(data: bytes) -> None:
    """The side process says anything: a judgement, or VerifierUnavailable; never anything else."""
    with capture_logs():
        _LOOP.run_until_complete(_ask(data))


async def _ask(data: bytes) -> None:
    verifier = Verifier(["nothing"], timeout=5.0, queue=4, now=lambda: 0.0)

    async def spawn() -> Any:
        reader = asyncio.StreamReader(limit=4096)
        reader.feed_data(data)
        reader.feed_eof()
        child = _Child(_Process(), reader, _Writer())  # type: ignore[arg-type]
        verifier._child = child  # noqa: SLF001 - in the place of a process
        return child

    verifier._spawn = spawn  # type: ignore[method-assign]  # noqa: SLF001
    try:
        judgement = await verifier.check(bytes(264))
    except VerifierUnavailable as error:
        promise(len(error.why) < 5000, "the reason has a bound")
        promise(verifier.state != "ready", "after a failure it is not ready")
        return
    promise(isinstance(judgement, Judgement), "a judgement is one")
    promise(type(judgement.code) is int, "a code is a number")
    promise(system_info.collected_at(judgement.header) is None or len(judgement.header) >= 8, "a time has its bytes")


def genuineness_questions(data: bytes) -> None:
    """A line of the relay's is judged and answered with its number, or cannot be read."""
    try:
        request = json.loads(data)
        info = base64.b64decode(request["system_info"])
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return
    code, header = _played_judge()(info)
    promise(code == -1 or len(header) == genuineness.WRAPPED_BLOCK, "a header is one block")
    promise(len(info) <= system_info.LONGEST or code == -1, "what does not fit the struct is not passed on")


@functools.cache
def _played_judge() -> Callable[[bytes], tuple[int, bytes]]:
    """The process' own function over a library that gives the bytes back."""

    class Api:
        def unwrap_report(self, _: object, data: bytes) -> tuple[int, bytes]:
            return -3, data

    return genuineness._judge_with(load_catalog(), Api())  # type: ignore[arg-type]  # noqa: SLF001


def genuineness_library(data: bytes) -> None:
    """The vendor's library judges any bytes and lives."""
    code, header = _library()(data)
    promise(code in {-1, -3, -6, -7}, f"a code that is known, not {code}")
    promise(code == -1 or len(header) == genuineness.WRAPPED_BLOCK, "a header is one block")


@functools.cache
def _library() -> Callable[[bytes], tuple[int, bytes]]:
    genuineness._silence_vendor()  # noqa: SLF001 - it prints a line for every judgement
    judge, _ = genuineness._make_judge(Path(tempfile.mkdtemp(dir=Path.cwd())), production=True)  # noqa: SLF001
    return judge


_NOW = dt.datetime(2026, 11, 23, 1, 0, 0, tzinfo=dt.UTC)
_LIMITS = system_info.AgeLimits(oldest=300.0, ahead=60.0)


def system_info_bytes(data: bytes) -> None:
    """Length and time of any bytes are judged, and only what was collected now is let through."""
    stated, header = int.from_bytes(data[:2], "big"), data[2:]
    if system_info.check_length(header, stated) is None:
        promise(264 <= len(header) == stated <= 273, "only the collector's lengths are let through")
    refused = system_info.check_age(header, _NOW, _LIMITS)
    collected = system_info.collected_at(header)
    near = collected is not None and -60 <= (_NOW - collected).total_seconds() <= 300
    promise((refused is None) == near, "only what was collected now is let through")


def _line(data: bytes, most: int, random: Random) -> bytes:
    return (json_text if random.random() < 0.8 else any_bytes)(data, most, random)


_HEADER = base64.b64encode(bytes((1, 48, 26, 11, 23, 9, 0, 0)) + bytes(8)).decode()
_ANSWERS = [
    b'{"ready": "v6.7.11"}\n' + json.dumps({"id": 1, "code": -3, "header": _HEADER}).encode() + b"\n",
    b'{"unfit": "the library made no instance"}\n',
    b'{"ready": "v"}\n{"id": 2, "code": -6, "header": ""}\n',
]

PLAYS = {
    "genuineness_answers": Play(genuineness_answers, _ANSWERS, lines_of(_line), longest=10_000),
    "genuineness_questions": Play(
        genuineness_questions,
        [
            json.dumps({"id": 1, "system_info": base64.b64encode(bytes(size)).decode()}).encode()
            for size in (264, 273, 300)
        ],
        _line,
    ),
    "genuineness_library": Play(
        genuineness_library,
        [bytes(range(16)) * 17, bytes(264), b"", bytes(273), b"\xff" * 400],
        any_bytes,
        longest=1024,
    ),
    "system_info": Play(
        system_info_bytes,
        [b"\x01\x08" + bytes((1, 48, 26, 11, 23, 9, 0, 0)).ljust(264, b"\0"), b"\0\0"],
        after(10, any_bytes),
        longest=300,
    ),
}
"""by target"""
