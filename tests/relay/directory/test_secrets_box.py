"""The key file and what it encrypts."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.directory.secrets_box import SecretsBox, SecretUnreadable
from relay.settings.secret_files import SecretFileRefused


def test_what_was_locked_can_be_unlocked_after_a_restart(tmp_path: Path) -> None:
    """The key is made once, private, and found again."""
    path = tmp_path / "new" / "secrets.key"
    locked = SecretsBox.open_or_create(path).lock("ABCDEFGHJKLMNPQ1")

    assert SecretsBox.open_or_create(path).unlock(locked) == "ABCDEFGHJKLMNPQ1"
    assert SecretsBox.open(path).unlock(locked) == "ABCDEFGHJKLMNPQ1"
    assert b"ABCDEFGH" not in locked
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_key_unlocks_nothing(tmp_path: Path) -> None:
    """A database restored beside the wrong key is told as such."""
    locked = SecretsBox.open_or_create(tmp_path / "one").lock("secret")

    with pytest.raises(SecretUnreadable, match="key file"):
        SecretsBox.open_or_create(tmp_path / "two").unlock(locked)


def test_a_running_relay_makes_no_key(tmp_path: Path) -> None:
    """Without its key the directory is unreadable; a new one would hide that."""
    with pytest.raises(SecretFileRefused, match="no such file"):
        SecretsBox.open(tmp_path / "secrets.key")


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    """With the command that repairs it."""
    path = tmp_path / "secrets.key"
    SecretsBox.open_or_create(path)
    path.chmod(0o644)

    with pytest.raises(SecretFileRefused, match="chmod 600"):
        SecretsBox.open(path)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    """And not shown."""
    path = tmp_path / "secrets.key"
    path.touch(mode=0o600)
    path.write_text("hunter2\n")

    with pytest.raises(SecretFileRefused, match="no key") as caught:
        SecretsBox.open(path)
    assert "hunter2" not in str(caught.value)
