"""The side process as its parent meets it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ctpabi.api.binding import vendor_library
from tests.test_house import ROOT


@contextmanager
def side_process(**environment: str) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
    """The process, and the lines between it and us."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        command = [sys.executable, "-m", "relay.admission.genuineness", "--edition", "production"]
        process = subprocess.Popen(
            [*command, "--descriptor", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
        )
        theirs.close()
        with process, ours.makefile("rwb", buffering=0) as lines:
            try:
                yield process, lines  # type: ignore[misc]
            finally:
                ours.shutdown(socket.SHUT_RDWR)
                process.wait(60)


def said(lines: BinaryIO) -> Any:
    return json.loads(lines.readline())


def test_it_judges_and_ends_with_its_parent() -> None:
    """Ready, an answer with the question's id, nothing on standard output, and no process left behind."""
    with side_process() as (process, lines):
        assert "ready" in said(lines)
        lines.write(json.dumps({"id": 7, "system_info": base64.b64encode(bytes(265)).decode()}).encode() + b"\n")
        answer = said(lines)

    assert (answer["id"], answer["code"]) == (7, -6)
    assert process.returncode == 0


def test_its_standard_output_stays_empty() -> None:
    """The library's own lines do not get into the relay's log."""
    with side_process() as (process, lines):
        said(lines)
        lines.write(json.dumps({"id": 1, "system_info": ""}).encode() + b"\n")
        said(lines)
        assert process.stdout is not None

        assert process.stdout.read() == b""


def test_another_library_does_not_judge(tmp_path: Path) -> None:
    """Preloaded by whatever way: an instance made by any other file than the wheel's is refused, even a copy of it."""
    copy = shutil.copy(vendor_library(), tmp_path / "td.so")

    with side_process(LD_PRELOAD=str(copy)) as (_, lines):
        assert "td.so" in said(lines)["unfit"]


@pytest.mark.parametrize("arguments", [[], ["--descriptor", "3"], ["--edition", "other", "--descriptor", "3"]])
def test_it_is_not_started_by_hand(arguments: list[str]) -> None:
    """Without its socket or with an unknown edition it explains itself."""
    command = [sys.executable, "-m", "relay.admission.genuineness", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert result.returncode == 2
    assert "usage" in result.stderr


IN_THE_SIDE_PROCESS = """
import ctypes, sys
from relay.admission import genuineness
def unfit(*_, **__):
    raise genuineness.Unfit(str(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)))
genuineness._make_judge = unfit
genuineness.main()
"""


@pytest.mark.parametrize(("options", "dumpable"), [((), "0"), (("--core-dumps",), "1")])
def test_no_other_program_of_the_user_reads_its_memory(options: tuple[str, ...], dumpable: str) -> None:
    """It says so for itself: what the relay said of itself ended where this program began."""
    ours, theirs = socket.socketpair()
    descriptor = str(theirs.fileno())
    command = [sys.executable, "-c", IN_THE_SIDE_PROCESS, "--descriptor", descriptor, "--edition", "production"]
    with ours, theirs:
        subprocess.run([*command, *options], pass_fds=(theirs.fileno(),), cwd=ROOT, check=True, timeout=60)
        assert json.loads(ours.recv(1000)) == {"unfit": dumpable}
