"""The socket between program and carrier is this user's, and no other's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface
from ctpabi.shim.wire import FrameReader, FrameType, json_body, json_frame
from terminal_client.exec.carrier import carrier
from terminal_client.exec.instance import CarriedFront, ProgramRefused
from terminal_client.exec.meeting_place import LONGEST_PATH, meeting_place

ANOTHER_USER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
except OSError as error:
    sys.exit(error.errno)
peer.settimeout(20)
try:
    peer.sendall(bytes.fromhex(sys.argv[2]))
    sys.exit(0 if peer.recv(1) else 200)
except OSError:
    sys.exit(200)
"""


def refusing(_interface: Interface, _hello: Mapping[str, Any], _put: Any) -> CarriedFront:
    raise ProgramRefused("not here")


def come_as_another_user(path: Path) -> int:
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user; to run it: sudo make test TESTS=tests/terminal_client/exec")
    return subprocess.run(
        [sys.executable, "-c", ANOTHER_USER, str(path), json_frame(FrameType.HELLO, {}).encode().hex()],
        timeout=60,
        check=False,
    ).returncode


def test_its_folder_lets_no_other_user_in() -> None:
    """Mode 0700, and gone afterwards."""
    with carrier(refusing) as path:
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert come_as_another_user(path) == 13  # EACCES
    assert not path.parent.exists()


def test_a_user_that_comes_in_all_the_same_is_not_listened_to() -> None:
    """The kernel says who it is, whatever becomes of the folder."""
    with carrier(refusing) as path:
        path.parent.chmod(0o755)
        path.chmod(0o777)

        assert come_as_another_user(path) == 200  # closed without a word


def test_a_long_runtime_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path has 107 bytes at most."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with meeting_place() as path:
        assert len(str(path)) <= LONGEST_PATH
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with meeting_place() as path:
        assert path.parent.parent == tmp_path


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        ({"interface": "Trader", "abi_hash": "another"}, "its libraries and ctp-terminal are of different versions"),
        ({"interface": "Trader"}, "its libraries and ctp-terminal are of different versions"),
    ],
)
def test_libraries_of_another_version_are_refused(hello: dict[str, Any], why: str) -> None:
    """They would read each other's structs differently."""
    opened: list[RawEvent] = []
    with carrier(refusing) as path, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(json_frame(FrameType.HELLO, hello).encode())
        peer.settimeout(20)
        (answer,) = FrameReader().feed(peer.recv(1 << 16))
        assert peer.recv(1) == b""

    assert json_body(answer)["ok"] is False
    assert json_body(answer)["why"].startswith(why)
    assert opened == []
