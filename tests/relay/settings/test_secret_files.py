"""Files with secrets."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from relay.settings.secret_files import SecretFileRefused, check_private, create_private, read_secret


def secret_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "x.secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_first_line_is_the_secret(tmp_path: Path) -> None:
    """Without the line end, and hidden when printed."""
    secret = read_secret(secret_file(tmp_path, b"hunter2 \nmore\n"))

    assert secret.get_secret_value() == "hunter2 "
    assert "hunter2" not in repr(secret)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_files_only_the_owner_and_its_group_read_are_accepted(tmp_path: Path, mode: int) -> None:
    """Group reading is how secrets are mounted into containers."""
    check_private(secret_file(tmp_path, b"x", mode))


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o606, 0o660, 0o620])
def test_files_others_can_use_are_refused_with_the_command(tmp_path: Path, mode: int) -> None:
    """The command repairs it."""
    path = secret_file(tmp_path, b"x", mode)

    with pytest.raises(SecretFileRefused, match=f"chmod 600 {path}"):
        check_private(path)
    path.chmod(0o600)
    check_private(path)


@pytest.mark.parametrize(("content", "says"), [(b"", "is empty"), (b"\nx", "is empty"), (b"\xff\xfe", "not UTF-8")])
def test_files_without_a_secret_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """An empty password would be taken for none."""
    with pytest.raises(SecretFileRefused, match=says):
        read_secret(secret_file(tmp_path, content))


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(SecretFileRefused, match="no such file"):
        read_secret(tmp_path / "nothing")
    with pytest.raises(SecretFileRefused, match="not a regular file"):
        read_secret(tmp_path)


def test_a_new_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    """Whatever the process's umask, and never over an existing file."""
    before = os.umask(0)
    try:
        create_private(tmp_path / "sub" / "new", b"x")
    finally:
        os.umask(before)

    assert (tmp_path / "sub" / "new").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "sub" / "new", b"y")


def test_a_disk_that_is_full_leaves_no_half_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty key file would be taken for the key, and refused, at the next start."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        create_private(tmp_path / "new", b"x")

    assert not (tmp_path / "new").exists()


def test_only_a_line_feed_ends_the_secret(tmp_path: Path) -> None:
    """A password may have what other readers take for a line's end; a file without end is none."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_bytes("a\u0085b\u2028c\x0bd\r\nsecond\n".encode())
    assert read_secret(path).get_secret_value() == "a\u0085b\u2028c\x0bd"

    path.write_bytes(b"x" * 100_000)
    with pytest.raises(SecretFileRefused, match="more than"):
        read_secret(path)
