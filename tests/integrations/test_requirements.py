"""The programs that the integrations are tested with are pinned by version and hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import integration_packages as packages
from scripts.hashes import ROOT


def test_the_files_are_those_of_the_constraints() -> None:
    """Every package at its version, with a hash, and none besides."""
    assert list(packages.problems()) == []


def test_what_the_terminal_needs_is_what_the_project_has() -> None:
    """The programs run with the packages that everything else is tested with."""
    of_relay = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    there = (packages.FOLDER / "requirements.txt").read_text(encoding="utf-8")

    pins = re.findall(r"^(h2|protobuf|openctp-ctp|cryptography)==(\S+)", there, re.MULTILINE)

    assert len(pins) == 4
    assert [pin for pin in pins if "==".join(pin) not in of_relay] == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("vnpy==4", "vnpy==3", "vnpy is not there as"),
        ("\nvnpy==", "\nstray==1 --hash=sha256:0\nvnpy==", "stray is needed by nothing"),
    ],
    ids=["version", "stray"],
)
def test_what_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, says: str
) -> None:
    """By file and package."""
    for name in ("constraints.txt", *packages.wanted()):
        text = (packages.FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(old, new) if name == "requirements.txt" else text, encoding="utf-8")
    monkeypatch.setattr(packages, "FOLDER", tmp_path)

    assert [problem for problem in packages.problems() if says in problem] != []


def test_nothing_is_installed_without_its_hash() -> None:
    """Each installation goes through one function, which asks for hashes and takes nothing else along."""
    text = (ROOT / "scripts/set-up-integrations").read_text(encoding="utf-8")

    assert text.count("pip install") == 1
    assert "pip install --disable-pip-version-check --no-deps --require-hashes" in text
