"""Compiled parts are taken where they may be trusted and can be loaded; else the relay runs in Python, or says why it does not start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from relay.compiled import build
from relay.compiled.folder import write_list
from relay.compiled.parts import LIBRARY, compiled_modules, key, place_of

CHOOSES = """
import sys
from types import SimpleNamespace
from relay.compiled import choice
from relay.settings.file import SettingsInvalid
try:
    print(choice.choose(SimpleNamespace(relay=SimpleNamespace(compiled=sys.argv[1]))))
except SettingsInvalid as error:
    print(error)
"""
PROGRAM = f"{CHOOSES}import relay.turns\nprint(relay.turns.__file__)\n"


LIBRARY_IN_C = f"""
#include <Python.h>
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "{LIBRARY}", 0, -1, 0, 0, 0, 0, 0}};
PyMODINIT_FUNC PyInit_{LIBRARY}(void) {{ return WHAT; }}
"""


def run(wanted: str, cache: Path, before: str = "", program: str = PROGRAM, **environment: str) -> str:
    """What a process of its own says that chooses with this setting."""
    nowhere = {"CACHE_DIRECTORY": "", "HOME": "/proc/none"}  # what this machine keeps is not looked into
    environment = {**os.environ, **nowhere, "XDG_CACHE_HOME": str(cache), **environment}
    command = [sys.executable, "-c", before + program, wanted]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def library_of(what: str, to: Path) -> None:
    """A real library that gives `what` for its module."""
    include = sysconfig.get_paths()["include"]
    command = ["gcc", "-shared", "-fPIC", "-x", "c", f"-DWHAT={what}", f"-I{include}", "-", "-o", str(to)]
    subprocess.run(command, input=LIBRARY_IN_C, text=True, check=True, timeout=60)


def parts_in(cache: Path, library: str = "PyModule_Create(&module)") -> Path:
    """Parts as a builder leaves them there; but the modules are no libraries."""
    if (why := build.why_not_here()) is not None:
        pytest.skip(why)
    parts = cache / "ctp-relay" / "compiled" / key()
    for module in compiled_modules():
        file = parts / place_of(module)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a part")
    library_of(library, parts / place_of(LIBRARY))
    write_list(parts, made_by="a test")
    return parts


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return parts_in(tmp_path)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A cache with parts that cannot be loaded: such as those of another Python, which miss a name in this one."""
    parts_in(tmp_path, library="PyModule_Create(&module), PyOfAnotherVersion()")
    return tmp_path


@pytest.mark.parametrize("wanted", ["auto", "off"])
def test_without_parts_it_runs_in_python(wanted: str, tmp_path: Path) -> None:
    said = run(wanted, tmp_path)
    assert "is_compiled=False" in said
    assert "turns.py" in said


def test_on_without_parts_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    assert "relay.compiled is on: they are not compiled on this machine; run: python -m relay.compiled.build" in run(
        "on", tmp_path
    )


def test_parts_that_cannot_be_loaded_are_left(broken: Path) -> None:
    said = run("auto", broken)
    assert "the compiled parts cannot be loaded: " in said
    assert "PyOfAnotherVersion" in said
    assert "turns.py" in said


def test_parts_that_others_may_write_are_left(broken: Path) -> None:
    for file in broken.rglob("*.so"):
        file.chmod(0o777)
    said = run("auto", broken)
    assert "others may write" in said
    assert "the compiled parts in it cannot be trusted" in said


def test_a_folder_that_others_may_write_is_not_trusted(parts: Path, tmp_path: Path) -> None:
    """They could put another file in the place of one."""
    parts.chmod(0o777)
    assert "others may write" in run("auto", tmp_path)


@pytest.mark.parametrize("which", [LIBRARY, "relay.turns"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_damaged_parts_are_left_whichever_is_damaged(parts: Path, tmp_path: Path, which: str, how: str) -> None:
    """The first import of that module would end the relay; a file that was cut short, even with SIGBUS."""
    file = parts / place_of(which)
    if how == "cut":
        os.truncate(file, file.stat().st_size // 2)
    else:
        file.unlink()

    said = run("auto", tmp_path)
    assert "is_compiled=False" in said
    assert str(file) in said
    assert "run: python -m relay.compiled.build" in said
    assert "turns.py" in said
    insisted = run("on", tmp_path)
    assert "relay.compiled is on: " in insisted
    assert str(file) in insisted


@pytest.mark.parametrize("text", ["", "[]", '{"files": 1}', '{"files": {}}'])
def test_parts_without_their_list_are_left(parts: Path, tmp_path: Path, text: str) -> None:
    (parts / "parts.json").write_text(text)
    assert "is not the list of the compiled parts; run: python -m relay.compiled.build" in run("auto", tmp_path)


TAKES = "from relay.compiled import choice\nload = choice._load\n"


def test_whole_parts_are_taken_also_from_a_cache_that_cannot_be_written(parts: Path, tmp_path: Path) -> None:
    """An administrator filled it; the relay's unit may only read."""
    only_reads = "import os\nos.access = lambda *_: False\n"
    for before in ("", only_reads):
        assert f"is_compiled=True, why='{parts.name}'" in run("auto", tmp_path, before, CHOOSES)


def test_the_next_place_serves_where_the_first_has_damaged_ones(parts: Path, tmp_path: Path) -> None:
    """Those of a package are damaged, say, and this user compiled others."""
    good = parts_in(tmp_path / "home" / ".cache")
    (parts / place_of(LIBRARY)).unlink()
    said = run("on", tmp_path, program=CHOOSES, HOME=str(tmp_path / "home"))
    assert f"is_compiled=True, why='{good.name}'" in said


def test_no_place_to_look_in_is_no_reason_not_to_start() -> None:
    """Nothing is made for looking, either."""
    assert "they are not compiled" in run("auto", Path("/proc/none"), TMPDIR="/proc/none")


@pytest.mark.parametrize("what", ["choice.hold", "build.key"])
def test_what_cannot_be_read_is_no_reason_not_to_start(parts: Path, tmp_path: Path, what: str) -> None:
    """Of another user's, say: the parts' folder, or a source file that this relay does not need."""
    refuses = (
        "from relay.compiled import build, choice\n"
        f"def refuse(*_): raise PermissionError(13, 'Permission denied', 'a file')\n{what} = refuse\n"
    )
    said = run("auto", tmp_path, before=refuses)
    assert "Permission denied" in said
    assert "turns.py" in said
    assert "relay.compiled is on: [Errno 13] Permission denied: 'a file'" in run("on", tmp_path, before=refuses)


def test_what_runs_in_python_already_is_not_mixed_with_parts(broken: Path) -> None:
    """A class of the one is not a class of the other."""
    assert "relay.turns runs in Python already" in run("auto", broken, before="import relay.turns")


def test_what_is_missing_to_compile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: None if name == "mypyc" else name)
    assert build.why_not_here() == "mypyc cannot be imported: pip install 'ctp-relay[compiled]'"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "apt-get install -y gcc" in str(build.why_not_here())


@pytest.mark.parametrize("module", ["relay.cli.serve", "relay.workers.worker"])
def test_what_serves_loads_no_part_before_it_chooses(module: str) -> None:
    """A part that was loaded in Python would keep all of them out."""
    program = f"import sys, {module}, relay.compiled.parts\nprint(sorted(relay.compiled.parts.compiled_modules() & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
