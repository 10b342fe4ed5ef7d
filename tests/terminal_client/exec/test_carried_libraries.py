"""Libraries that were compiled where g++ is, and carried in a folder to where it is not."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ctpabi.shim import build, for_relay
from terminal_client.cli.app import app
from tests.terminal_client.exec.conftest import exec_command

SHOWS_ITS_LIBRARIES = "import os; print(os.environ['LD_PRELOAD'])"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of g++: a file with a word in it. What was to be compiled is listed."""
    made: list[Path] = []

    def compile_shim(_compiler: str, _catalog: Any, _caller: Any, soname: str, library: Path) -> None:
        library.write_text(soname, encoding="utf-8")
        made.append(library)

    monkeypatch.setattr(build, "compile_shim", compile_shim)
    return made


@pytest.mark.usefixtures("compiled")
def test_a_folder_is_made_and_found_again(tmp_path: Path) -> None:
    """The command makes it, over an older one too; nothing else stays in it."""
    place = tmp_path / "new" / "libraries"
    for _ in range(2):
        assert CliRunner().invoke(app, ["exec", "--build-into", str(place)]).exit_code == 0

    trader, market_data = for_relay.libraries_in(place)
    assert (trader.read_text(), market_data.read_text()) == ("libctp_relay_trader.so", "libctp_relay_market_data.so")
    assert sorted(path.name for path in place.iterdir()) == ["key", market_data.name, trader.name]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("key", [None, "0123456789abcdef0123456789abcdef", "\N{SNOWMAN}"])
def test_a_folder_of_another_version_is_refused(tmp_path: Path, key: str | None) -> None:
    """Its frames or slots could be others. What to run is said in Chinese and English."""
    for_relay.compile_into(tmp_path)
    (tmp_path / for_relay.KEY_FILE).unlink()
    if key is not None:
        (tmp_path / for_relay.KEY_FILE).write_text(key, encoding="utf-8")
    ended = CliRunner().invoke(app, ["exec", "--libraries", str(tmp_path), "--", "true"])

    assert ended.exit_code == 127
    said = ended.output.replace("\n", "")
    assert f"{tmp_path} 中没有本版本 ctp-terminal 的转接库" in said
    assert (
        f"holds no libraries of this version of ctp-terminal; make them with the same version where g++ is: ctp-terminal exec --build-into {tmp_path}"
        in said
    )


@pytest.mark.usefixtures("compiled")
def test_a_folder_that_the_linker_cannot_read_is_refused(tmp_path: Path) -> None:
    """The linker would pass over the libraries, and the program would go to its real front."""
    for_relay.compile_into(tmp_path / "of mine")

    with pytest.raises(build.BuildFailed, match="has a space or a colon"):
        for_relay.libraries_in(tmp_path / "of mine")


def test_a_build_that_fails_changes_nothing(
    tmp_path: Path, compiled: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The libraries of the build before stay, whole."""
    for_relay.compile_into(tmp_path)
    count = len(compiled)

    def fails(*_arguments: object) -> None:
        raise build.BuildFailed("no")

    monkeypatch.setattr(build, "compile_shim", fails)
    with pytest.raises(build.BuildFailed):
        for_relay.compile_into(tmp_path)

    assert len(compiled) == count == 2
    assert len(list(tmp_path.iterdir())) == 3
    assert for_relay.libraries_in(tmp_path)[0].read_text() == "libctp_relay_trader.so"


@pytest.mark.parametrize("words", [[], ["--build-into", "place", "--", "true"]])
def test_it_is_one_or_the_other(words: list[str]) -> None:
    """A program to run, or a folder to fill."""
    ended = CliRunner().invoke(app, ["exec", *words])

    assert ended.exit_code == 2
    assert "give a program, or --build-into alone" in ended.output


def test_a_machine_without_a_compiler_runs_programs(libraries: tuple[Path, ...], tmp_path: Path) -> None:
    """Nothing is compiled, and the carried libraries are those that the program has."""
    carried = tmp_path / "carried"
    carried.mkdir()
    for library in libraries:
        shutil.copy(library, carried)
    shutil.copy(libraries[0].with_name(for_relay.KEY_FILE), carried)
    bare = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "CTP_TERMINAL_LIBRARIES": str(carried)}
    running = exec_command(sys.executable, "-c", SHOWS_ITS_LIBRARIES, folder=tmp_path, **bare)
    output, errors = running.communicate(timeout=60)

    assert (running.returncode, output) == (0, ":".join(str(carried / one.name) for one in libraries) + "\n"), errors
