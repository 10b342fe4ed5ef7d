"""Which Python runs a program, and which binding that Python has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.catalog import Distribution, Interface
from ctpabi.shim import substitute
from ctpabi.shim.programs import Interpreter, interpreter_of, target_of
from ctpabi.shim.substitute import BindingMissing
from tests.ctpabi.other_bindings import binding_of

PATH = os.environ["PATH"]


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A Python without any binding."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    return str(tmp_path / "bare/bin/python")


@pytest.mark.parametrize(
    ("arguments", "options", "script"),
    [
        (["program.py", "-x"], (), True),
        (["-u", "-W", "ignore", "program.py"], ("-u", "-W", "ignore"), True),
        (["-I", "-m", "program"], ("-I",), False),
        (["-c", "pass"], (), False),
        (["-X", "dev", "-"], ("-X", "dev"), False),
        ([], (), False),
    ],
)
def test_a_python_is_asked_as_it_is_called(
    tmp_path: Path, arguments: list[str], options: tuple[str, ...], script: bool
) -> None:
    """Its options decide which modules it finds, and so does the directory of the script."""
    words = [str(tmp_path / word) if word == "program.py" else word for word in arguments]

    found = interpreter_of([sys.executable, *words], PATH)

    assert found == Interpreter((sys.executable, *options), str(tmp_path) if script else "")


@pytest.mark.parametrize(
    "first_lines",
    [
        "#!{python} -s\n",
        "#!/usr/bin/env -S {python} -s\n",
        "#!/usr/bin/env MODE=x {python} -s\n",
    ],
)
def test_a_scripts_first_line_names_its_python(tmp_path: Path, first_lines: str) -> None:
    """Installed commands are such scripts."""
    script = executable(tmp_path / "command", first_lines.format(python=sys.executable) + "pass\n")

    assert interpreter_of([script, "x"], PATH) == Interpreter((sys.executable, "-s"), str(tmp_path))


def test_a_path_too_long_for_a_first_line_is_read_too(tmp_path: Path) -> None:
    """pip lets the shell start such a Python."""
    script = executable(tmp_path / "command", f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n")

    assert interpreter_of([script], PATH) == Interpreter((sys.executable,), str(tmp_path))


def test_a_script_is_found_on_the_path_of_its_environment(tmp_path: Path) -> None:
    """As a shell finds it."""
    executable(tmp_path / "gateway", f"#!{sys.executable}\n")

    assert interpreter_of(["gateway"], str(tmp_path)) == Interpreter((sys.executable,), str(tmp_path))
    with pytest.raises(FileNotFoundError, match="gateway"):
        interpreter_of(["gateway"], "/nowhere")


def test_what_is_no_python_is_taken_for_one_that_starts_ours(tmp_path: Path) -> None:
    """A shell script may start any Python; the shim itself refuses a binding it was not built for."""
    script = executable(tmp_path / "start.sh", "#!/bin/sh\nexec python program.py\n")

    assert interpreter_of([script], PATH) is None
    assert interpreter_of(["env"], PATH) is None
    assert target_of([script], os.environ) == substitute.installed()


def test_the_programs_own_environment_decides(tmp_path: Path) -> None:
    """Another openctp-ctp beside the script, in PYTHONPATH, or set by `env`, is the one that is built for."""
    other = binding_of("6.7.7.1")
    script = tmp_path / "program.py"
    script.write_text("")
    expected = substitute.installed(other)
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/openctp_ctp").symlink_to(other / "openctp_ctp")
    beside = shutil.copy(script, tmp_path / "beside")

    assert target_of([sys.executable, str(script)], os.environ) == substitute.installed()
    assert target_of([sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(other)}) == expected
    assert target_of(["env", f"PYTHONPATH={other}", sys.executable, str(script)], os.environ) == expected
    assert target_of([sys.executable, str(beside)], os.environ).site == tmp_path / "beside"


def test_a_python_without_a_binding_is_refused(bare: str) -> None:
    """In one line that says which Python was asked and what helps."""
    with pytest.raises(BindingMissing, match=r"bare/bin/python has no openctp-ctp: pip install .* --python"):
        target_of([bare, "-c", "pass"], os.environ)


def test_the_interpreter_can_be_named(bare: str) -> None:
    """For programs from which it cannot be seen; it is asked instead of the one in the command."""
    assert target_of([bare, "-c", "pass"], os.environ, python=sys.executable) == substitute.installed()
    with pytest.raises(BindingMissing, match="/nowhere/python does not answer as a Python does"):
        target_of([bare], os.environ, python="/nowhere/python")


def test_a_python_with_openctp_tts_alone_gets_its_library(bare: str, tmp_path: Path) -> None:
    """Its calls use other slots and its library another name; nothing of it is imported to find out."""
    site = tmp_path / "openctp_tts"
    site.mkdir()
    (site / "__init__.py").write_text("raise SystemExit('imported')")
    for word in ("thosttraderapi", "thostmduserapi"):
        (site / f"_{word}.so").touch()

    target = target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(tmp_path)}, python=bare)

    assert (target.distribution, target.site) == (Distribution.TTS, tmp_path)


def test_another_binding_is_refused_by_name(bare: str, tmp_path: Path) -> None:
    """There is no library for it; its calls would arrive in the wrong slots."""
    (tmp_path / "ctp").mkdir()
    (tmp_path / "ctp/__init__.py").write_text("raise SystemExit('imported')")

    with pytest.raises(BindingMissing, match="has ctp-python; the simulated counter plays for openctp-ctp"):
        target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(tmp_path)})


def vnpy_ctp(directory: Path, binding: Path) -> None:
    """What vnpy_ctp looks like once it is built, made of the parts of an openctp-ctp: extensions beside their libraries."""
    api = directory / "vnpy_ctp/api"
    api.mkdir(parents=True)
    (directory / "vnpy_ctp/__init__.py").write_text("raise SystemExit('imported')")
    for interface, name in ((Interface.TRADER, "vnctptd"), (Interface.MARKET_DATA, "vnctpmd")):
        extension = substitute.binding_extension(binding, interface)
        (api / f"{name}.cpython-311-x86_64-linux-gnu.so").symlink_to(extension)
    for library in (binding / "openctp_ctp.libs").iterdir():
        (api / library.name).symlink_to(library)


def test_vnpys_binding_is_read_through_an_openctp_ctp_of_the_same_ctp(bare: str, tmp_path: Path) -> None:
    """It cannot be introspected; but the vendor's library says which CTP it is, and equal ones have equal slots."""
    own = substitute.installed()
    vnpy_ctp(tmp_path, own.site)

    target = target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(tmp_path)})

    assert {path.name.split(".")[0] for path in target.callers.values()} == {"vnctptd", "vnctpmd"}
    assert (target.site, target.python, target.user) == (own.site, sys.executable, bare)


def test_vnpys_binding_of_another_ctp_is_refused(bare: str, tmp_path: Path) -> None:
    """Both versions are named."""
    vnpy_ctp(tmp_path, binding_of("6.7.7.1"))

    with pytest.raises(BindingMissing, match=r"vnpy_ctp of \S+ is for CTP v6\.7\.7.* is for v6\.7\.11"):
        target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(tmp_path)})


def test_an_older_python_is_served_through_ours(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its openctp-ctp cannot be read by it; the one of ctp-simcounter can, when it is of the same CTP."""
    monkeypatch.setattr("ctpabi.shim.programs._OLDEST", (4, 0))
    own = substitute.installed()
    other = binding_of("6.7.7.1")

    target = target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(own.site)})

    assert (target.site, target.python, target.user) == (own.site, sys.executable, bare)
    with pytest.raises(BindingMissing, match=r"openctp-ctp of \S+ is for CTP v6\.7\.7"):
        target_of([bare, "-c", "pass"], {**os.environ, "PYTHONPATH": str(other)})
