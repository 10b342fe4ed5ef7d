"""The packages that are installed: one version and the hashes of each, and nothing that has none."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import hashes
from tests.test_house import ROOT


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of requirements, to be spoiled."""
    folder = tmp_path / "requirements"
    shutil.copytree(ROOT / "requirements", folder)
    monkeypatch.setattr(hashes, "FOLDER", folder)
    return folder


def test_the_files_are_those_of_the_constraints() -> None:
    """Every package that is asked for, at its version, with a hash; and none twice."""
    assert list(hashes.problems(hashes.read_projects())) == []


@pytest.mark.parametrize(
    ("file", "spoil", "says"),
    [
        ("relay.txt", lambda text: text.replace("grpcio==1", "grpcio==2"), "relay.txt: grpcio is not there"),
        (
            "relay.txt",
            lambda text: text.replace("openctp-ctp==", "openctp-ctp2=="),
            "relay.txt: openctp-ctp is not there",
        ),
        (
            "relay.txt",
            lambda text: text + "stray==1 --hash=sha256:" + "0" * 64,
            "relay.txt: stray is needed by nothing",
        ),
        (
            "test.txt",
            lambda text: re.sub(r"(ruff==[0-9.]+)( .\n +--hash=sha256:\w+)+", r"\1", text),
            "ruff has no hash",
        ),
        ("test.txt", lambda text: text.replace("--hash=sha256:", "--hash=sha256:0"), "test.txt: atheris has no hash"),
    ],
    ids=["version", "name", "stray", "no hash", "no SHA-256"],
)
def test_what_does_not_fit_is_named(copied: Path, file: str, spoil: Callable[[str], str], says: str) -> None:
    """By file and package."""
    path = copied / file
    path.write_text(spoil(path.read_text()))

    assert [problem for problem in hashes.problems(hashes.read_projects()) if says in problem] != []


@pytest.mark.parametrize("file", ["scripts/set-up", "Dockerfile"])
def test_nothing_is_installed_without_its_hash(file: str) -> None:
    """Ours are the folders beside; everything else is in the files, and no build fetches more."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for part in text.split("&&") for line in part.split("\n")]
    installs = [
        line
        for line in lines
        if re.search(r"pip_install |pip install ", line)
        and "() {" not in line
        and "quietly" not in line
        and not line.startswith("#")
    ]

    assert len(installs) == 2
    assert ["--require-hashes" in line or "--no-build-isolation" in line for line in installs] == [True, True]
    assert "--no-deps" in text


@pytest.mark.parametrize(
    ("file", "variable"), [("Dockerfile", "TTS"), ("scripts/deb", "CTP_RELAY_DEB_TTS")], ids=["image", "Debian package"]
)
def test_the_binding_of_tts_comes_by_its_hash_where_it_is_asked_for(file: str, variable: str) -> None:
    """By a variable of the build, which the manual names; without it, nothing of TTS's is inside."""
    text = (ROOT / file).read_text(encoding="utf-8")
    (line,) = re.findall(r"^.*requirements/relay\.txt \$.*$", text, re.MULTILINE)
    (added,) = re.findall(r"\$\{.*?\}", line)

    for value, expected in (("yes", "-r requirements/tts.txt"), ("", "")):
        shell = subprocess.run(
            ["sh", "-c", f"echo {added}"], env={variable: value}, capture_output=True, check=True, text=True
        )
        assert shell.stdout.strip() == expected
    for language in ("zh", "en"):
        assert f"{variable}=yes" in (ROOT / f"docs/manual/{language}/settings.md").read_text(encoding="utf-8")


def test_every_supported_machine_finds_its_wheel() -> None:
    """Packages with compiled parts have several hashes; the binding is for one machine only, by its marker."""
    of_relay = hashes.read_files()["relay.txt"]

    assert len(of_relay["grpcio"][2]) >= 6
    assert of_relay["openctp-ctp"][1] == 'sys_platform == "linux" and platform_machine == "x86_64"'
    assert len(of_relay["openctp-ctp"][2]) == 1
