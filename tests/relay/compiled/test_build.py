"""Parts are made of what was copied, appear whole, replace what is damaged, and do not pile up."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay.compiled import build
from relay.compiled.folder import BUILDING, hold, why_not_whole
from relay.compiled.parts import LIBRARY, compiled_modules, key, key_of, place_of


class Mypyc:
    """Writes files in the place of mypyc."""

    def __init__(self) -> None:
        self.runs = 0
        self.text = "a part"

    def compile(self, copy: Path, made: Path) -> None:
        assert (copy / "relay").is_dir()
        self.runs += 1
        for module in {*compiled_modules(), LIBRARY}:
            file = made / place_of(module)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text)


@pytest.fixture
def mypyc(monkeypatch: pytest.MonkeyPatch) -> Mypyc:
    double = Mypyc()
    monkeypatch.setattr(build, "_compile", double.compile)
    monkeypatch.setattr(build, "why_not_here", lambda: None)
    monkeypatch.setattr(build, "_CARRIED", Path("/proc/none"))
    return double


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the parts in a cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", "/proc/none")  # what this machine keeps is not looked into
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    return tmp_path / "ctp-relay" / "compiled"


def folders(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir() if one.is_dir())


def test_an_edit_while_the_parts_are_made_does_not_change_their_key(
    mypyc: Mypyc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is the copy's: parts of an older source under the key of a newer one would be taken for it."""
    source = tmp_path / "turns.py"
    source.write_text("before")
    listed = [(source, Path("relay/turns.py"))]
    monkeypatch.setattr(build, "sources", lambda: iter(listed))
    before = key_of(listed)

    def edited(copy: Path, made: Path) -> None:
        source.write_text("after")
        mypyc.compile(copy, made)

    monkeypatch.setattr(build, "_compile", edited)

    assert build.compile_into(tmp_path / "made") == tmp_path / "made" / before
    assert key_of(listed) != before


def test_an_edit_before_the_copy_is_in_its_key(mypyc: Mypyc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "turns.py"
    source.write_text("after this process took its own key")
    monkeypatch.setattr(build, "sources", lambda: iter([(source, Path("relay/turns.py"))]))

    assert build.compile_into(tmp_path / "made").name != key()
    assert mypyc.runs == 1


def test_parts_that_are_there_are_not_made_again(mypyc: Mypyc, tmp_path: Path) -> None:
    """Neither in the cache nor in the folder of a package."""
    first = build.compile_into(tmp_path)

    assert build.compile_into(tmp_path) == first
    assert mypyc.runs == 1
    assert folders(tmp_path) == [key()]


def test_of_two_builders_into_one_folder_both_get_the_parts(
    mypyc: Mypyc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds those of the first where it puts its own."""

    def overtaken(copy: Path, made: Path) -> None:
        monkeypatch.setattr(build, "_compile", mypyc.compile)
        build.compile_into(tmp_path)
        mypyc.text = "a part of the second"
        mypyc.compile(copy, made)

    monkeypatch.setattr(build, "_compile", overtaken)

    parts = build.compile_into(tmp_path)

    assert why_not_whole(parts) is None
    assert (parts / place_of(LIBRARY)).read_text() == "a part"
    assert mypyc.runs == 2
    assert folders(tmp_path) == [key()]


@pytest.mark.parametrize("how", ["cut", "gone", "no list"])
def test_damaged_parts_are_made_again(mypyc: Mypyc, cache: Path, how: str) -> None:
    file = build.compile_here() / place_of(LIBRARY)
    match how:
        case "cut":
            os.truncate(file, 3)
        case "gone":
            file.unlink()
        case _:
            (file.parent / "parts.json").write_text("[]")

    assert why_not_whole(build.compile_here()) is None
    assert mypyc.runs == 2
    assert folders(cache) == [key()]


def test_parts_of_another_mypy_are_replaced_but_not_under_a_relay_that_runs_them(
    mypyc: Mypyc, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They serve all the same: a relay that loads some of them late must find the same ones."""
    file = build.compile_here() / place_of(LIBRARY)
    monkeypatch.setattr(build, "version", lambda _: "999")
    mypyc.text = "a better part"
    held = hold(cache / key())
    build.compile_here()
    assert (file.read_text(), mypyc.runs) == ("a part", 1)

    os.close(held)
    build.compile_here()

    assert (file.read_text(), mypyc.runs) == ("a better part", 2)


def test_a_relay_that_did_not_take_damaged_parts_does_not_keep_them_from_being_replaced(
    mypyc: Mypyc, cache: Path
) -> None:
    """Whoever reads its log compiles again while it runs in Python."""
    os.truncate(build.compile_here() / place_of(LIBRARY), 3)
    program = (
        "import sys, types\nfrom relay.compiled import choice\n"
        "print(choice.choose(types.SimpleNamespace(relay=types.SimpleNamespace(compiled='auto'))), flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        assert "is not what was compiled" in relay.stdout.readline()

        assert why_not_whole(build.compile_here()) is None
        relay.stdin.close()
    assert mypyc.runs == 2
    assert folders(cache) == [key()]


@pytest.fixture
def old_parts(cache: Path) -> list[Path]:
    """Of many sources, the first used longest ago."""
    made = [cache / f"{number:032x}" for number in range(20)]
    for number, folder in enumerate(made):
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    return made


def test_parts_that_were_not_used_for_long_go(mypyc: Mypyc, cache: Path, old_parts: list[Path]) -> None:
    """Every edit of the source makes new ones."""
    build.compile_here()

    assert mypyc.runs == 1
    assert folders(cache) == [*(folder.name for folder in old_parts[-8:]), key()]


def test_parts_that_a_relay_runs_stay(mypyc: Mypyc, cache: Path, old_parts: list[Path]) -> None:
    """It may load some of them late. Taking them counts as use, too, for the time after its end."""
    held = hold(old_parts[1])
    at = old_parts[1].stat().st_mtime
    os.utime(old_parts[1], (0, 0))
    build.compile_here()
    os.close(held)

    assert mypyc.runs == 1
    assert old_parts[1].name in folders(cache)
    assert time.time() - at < 3_600


def test_what_a_killed_builder_left_goes(cache: Path, tmp_path: Path, mypyc: Mypyc) -> None:
    """A real one, killed in the middle; the next start finds no parts, and the next builder its room."""
    program = (
        "import time\nfrom pathlib import Path\nfrom relay.compiled import build\n"
        "build.why_not_here = lambda: None\nbuild._CARRIED = Path('/proc/none')\n"
        "build._compile = lambda copy, made: (print('compiles', flush=True), time.sleep(600))\nbuild.compile_here()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1, text=True) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "compiles\n"
        assert [name[: len(BUILDING)] for name in folders(cache)] == [BUILDING]
        builder.send_signal(signal.SIGKILL)
    assert list(build.compiled_parts()) == []

    assert why_not_whole(build.compile_here()) is None
    assert folders(cache) == [key()]


def test_a_builder_waits_for_another_and_takes_what_it_made(mypyc: Mypyc, cache: Path) -> None:
    """Two start at once; one compiles."""
    program = "from relay.compiled import build\nprint('starts', flush=True)\nprint(build.compile_here())"
    cache.mkdir(parents=True)
    with (cache / "builder.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([sys.executable, "-c", program], stdout=-1, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "starts\n"
            build.compile_into(cache)
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.stdout.read() == f"{cache / key()}\n"
    assert mypyc.runs == 1


def test_where_nothing_can_be_kept_nothing_is_compiled(mypyc: Mypyc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary folder would go with this process."""
    monkeypatch.setattr(build, "lasting_directory", lambda: None)
    monkeypatch.setattr(build, "cache_places", lambda: iter(()))

    with pytest.raises(build.PartsUnavailable, match="set XDG_CACHE_HOME"):
        build.compile_here()
    assert mypyc.runs == 0


def test_a_folder_may_be_named_from_here(mypyc: Mypyc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler works in another one."""
    monkeypatch.chdir(tmp_path)

    assert build.compile_into(Path("made")) == tmp_path / "made" / key()
    assert mypyc.runs == 1


def test_the_command_says_in_a_line_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "relay.compiled.build", str(tmp_path / "file" / "made")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert done.stderr.startswith("the order path was not compiled: ")
    assert done.stderr.count("\n") == 1
