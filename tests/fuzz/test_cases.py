"""The corpus: every case is played."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fuzz.cases import FOLDER, cases_of
from fuzz.targets import TARGETS


def test_every_file_of_the_corpus_is_a_targets() -> None:
    """A target that is renamed takes its corpus along."""
    names = {target.name for target in TARGETS}

    assert {path.stem for path in FOLDER.iterdir()} <= names
    assert all(isinstance(case, bytes) for name in names for case in cases_of(name))


def test_what_is_no_bytes_literal_is_no_case(tmp_path: Path) -> None:
    """A case that is not played would be thought to pass."""
    (tmp_path / "proxy_header.txt").write_text("# why\n\nb'ipv4:'\n", encoding="ascii")
    (tmp_path / "settings.txt").write_text("'text'\n", encoding="ascii")

    assert cases_of("proxy_header", tmp_path) == [ast.literal_eval("b'ipv4:'")]
    with pytest.raises(ValueError, match="line 1"):
        cases_of("settings", tmp_path)
