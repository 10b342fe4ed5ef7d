"""A file is whole or not there: what a killed process left is written anew, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.ledger.whole_file import PartTaken, part_of


def test_what_a_killed_process_left_is_written_anew_and_said(tmp_path: Path) -> None:
    """One name, so that nothing piles up."""
    path = tmp_path / "day.jsonl"
    (tmp_path / ".day.jsonl.part").write_bytes(b"half of something much longer")
    with part_of(path) as part:
        part.file.write(b"whole")
        part.file.flush()
        part.path.rename(path)

    assert (part.was_left, path.read_bytes(), list(tmp_path.iterdir())) == (True, b"whole", [path])
    with part_of(path) as part:
        pass
    assert (part.was_left, path.read_bytes(), list(tmp_path.iterdir())) == (False, b"whole", [path])


def test_two_at_a_time_are_told(tmp_path: Path) -> None:
    """The second writes nothing into the file of the first."""
    with part_of(tmp_path / "a") as part:
        part.file.write(b"mine")
        part.file.flush()
        with pytest.raises(PartTaken, match="another process"), part_of(tmp_path / "a"):
            pass
        assert part.path.read_bytes() == b"mine"


@pytest.mark.parametrize("put", [os.link, os.symlink])
def test_what_was_put_in_its_place_is_not_written_through(tmp_path: Path, put: object) -> None:
    """A link of somebody who may write in the folder."""
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    put(other, tmp_path / ".a.part")  # type: ignore[operator]
    with pytest.raises(OSError, match=r"is no file of its own|symbolic links"), part_of(tmp_path / "a"):
        pass

    assert other.read_bytes() == b"theirs"
