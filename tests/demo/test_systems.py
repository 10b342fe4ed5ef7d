"""The table of counter systems: each can be asked for, has both modes, and says what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import systems
from demo.__main__ import SystemName
from demo.cast import CASTS
from demo.systems import SYSTEMS, SystemMissing


def test_each_system_has_a_row_a_cast_and_a_name() -> None:
    """And both modes, once."""
    assert set(SYSTEMS) == set(CASTS) == {name.value for name in SystemName}
    assert {tuple(cast.mode for cast in casts) for casts in CASTS.values()} == {("many_to_many", "many_to_one")}
    assert {cast.system for casts in CASTS.values() for cast in casts} == set(SYSTEMS)


def test_without_hundsuns_library_the_words_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing else is used in its place."""
    monkeypatch.setattr(systems, "T2SDK", tmp_path / "libt2sdk.so")

    with pytest.raises(SystemMissing, match="T2SDK"):
        SYSTEMS["ufx"].needs()
