"""Which files and folders another user could change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.settings.file_modes import why_changeable


def folder(path: Path, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o770])
def test_what_only_chosen_users_write_is_let_be(tmp_path: Path, mode: int) -> None:
    """The owner and the group, which an administrator chose."""
    assert why_changeable(folder(tmp_path / "state", mode)) == ""


@pytest.mark.parametrize("mode", [0o777, 0o702, 0o1777])
def test_what_every_user_writes_is_named_with_the_command(tmp_path: Path, mode: int) -> None:
    """Also with the sticky bit: others could put files there before the relay does."""
    place = folder(tmp_path / "state", mode)

    assert why_changeable(place) == f"{place}: every user can write there; run: chmod o-w {place}"


def test_the_folders_above_count(tmp_path: Path) -> None:
    """Who writes there can put another folder in its place; a sticky one keeps others from that."""
    above = folder(tmp_path / "above", 0o777)
    state = folder(above / "state", 0o700)
    assert str(above) in why_changeable(state)
    assert str(above) in why_changeable(state / "not" / "there" / "yet")

    above.chmod(0o1777)
    assert why_changeable(state) == ""


def test_the_folders_above_a_links_other_end_count(tmp_path: Path) -> None:
    """Who writes there can put another folder where the link leads; and who writes beside the link, another link."""
    elsewhere, above = folder(tmp_path / "elsewhere", 0o777), folder(tmp_path / "above", 0o755)
    folder(elsewhere / "state", 0o700)
    link = above / "state"
    link.symlink_to(elsewhere / "state")
    assert str(elsewhere) in why_changeable(link)
    assert str(elsewhere) in why_changeable(link / "not yet there")

    elsewhere.chmod(0o755)
    assert why_changeable(link) == ""
    above.chmod(0o777)
    assert str(above) in why_changeable(link)


def test_a_link_that_leads_to_itself_is_said(tmp_path: Path) -> None:
    """Not a traceback."""
    link = tmp_path / "state"
    link.symlink_to(link)

    assert "symbolic links" in why_changeable(link)


def test_what_belongs_to_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless that is root, or this process is."""
    place = folder(tmp_path / "state", 0o700)
    owner = place.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    theirs = "" if owner == 0 else f"{place}: belongs to another user (uid {owner})"
    assert why_changeable(place).startswith(theirs)
    assert bool(why_changeable(place)) == bool(theirs)

    if os.getuid() == 0:
        os.chown(place, 12345, -1)
        assert "belongs to another user (uid 12345)" in why_changeable(place)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert why_changeable(place) == ""
