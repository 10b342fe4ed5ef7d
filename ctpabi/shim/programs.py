"""Which Python runs a program, and which CTP binding that Python has: what the shim must be built for."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctpabi.catalog import Distribution, Interface
from ctpabi.shim import substitute
from ctpabi.shim.substitute import BindingMissing, Target

_OLDEST = (3, 11)
"""of the interpreters that can read a binding"""
_TIMEOUT_SECONDS = 60
_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_LONG_SHEBANG = re.compile(r"""'''exec' "?([^"]+?)"? "\$0" "\$@\"""")
"""what pip writes where the interpreter's path is too long, or has a space, for a first line"""
_WITH_VALUE = ("-W", "-X")
_ENDS_OPTIONS = ("-c", "-m")
_VNPY = "vnpy_ctp"
_VNPY_EXTENSIONS = {Interface.TRADER: "vnctptd", Interface.MARKET_DATA: "vnctpmd"}
_OTHERS = {"ctp": "ctp-python", "pyctp": "pyctp"}
_PACKAGES = tuple(distribution.package for distribution in Distribution)
_PLAYED_FOR = "openctp-ctp, openctp-tts and vnpy_ctp"
_VERSION_QUESTION = """
import ctypes, sys
ask = ctypes.CDLL(sys.argv[1])[sys.argv[2]]
ask.restype = ctypes.c_char_p
print(ask().decode("ascii", "replace"))
"""
_QUESTION = """
import importlib.util, json, os, sys
if sys.path and sys.path[0] in ("", os.getcwd()):
    sys.path[0] = sys.argv[1]
def place(name):
    spec = importlib.util.find_spec(name)
    return os.path.dirname(os.path.abspath(spec.origin)) if spec and spec.origin else ""
print()
print(json.dumps([sys.version_info[:2], {name: place(name) for name in sys.argv[2:]}]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and what decides which modules a program finds in it."""

    command: tuple[str, ...]
    """the interpreter and its options"""
    first_place: str = ""
    """where it looks for modules first: the script's directory; empty: the working directory"""


def target_of(program: Sequence[str], environment: Mapping[str, str], python: str = "") -> Target:
    """What to build for the command `program`; `python` names its interpreter where that cannot be seen.

    A program that is no Python script is taken for one that starts the Python this counter runs in.
    Raises BindingMissing, FileNotFoundError.
    """
    interpreter = Interpreter((python,)) if python else interpreter_of(program, environment.get("PATH", ""))
    return _target(interpreter or Interpreter((sys.executable,)), {**environment, **_assignments(program)})


def interpreter_of(program: Sequence[str], path: str) -> Interpreter | None:
    """The Python that runs `program`, found on `path` as a shell finds it; None where it is not Python's.

    Raises FileNotFoundError.
    """
    name, *arguments = program
    if Path(name).name == "env" and (started := _without_assignments(arguments)):
        return interpreter_of(started, path)
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(f"there is no program {name}")
    if _PYTHON.fullmatch(Path(found).name):
        return _called_directly(found, arguments)
    return _of_script(Path(found), path)


def _called_directly(python: str, arguments: Sequence[str]) -> Interpreter:
    options: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument.startswith(_ENDS_OPTIONS) or argument == "-":
            break
        if not argument.startswith("-"):
            return Interpreter((python, *options), str(Path(argument).resolve().parent))
        options.append(argument)
        if argument in _WITH_VALUE:
            options.append(next(waiting, ""))
    return Interpreter((python, *options))


def _of_script(script: Path, path: str) -> Interpreter | None:
    with script.open("rb") as file:
        first, second = file.readline(1000).decode(errors="replace"), file.readline(1000).decode(errors="replace")
    if not first.startswith("#!"):
        return None
    long = _LONG_SHEBANG.search(second)
    words = [long[1]] if long else shlex.split(first[2:])
    if words and Path(words[0]).name == "env":
        words = _without_assignments(words[1:])
    found = shutil.which(words[0], path=path) if words else None
    if found is None or not _PYTHON.fullmatch(Path(found).name):
        return None
    return Interpreter((found, *words[1:]), str(script.resolve().parent))


def _without_assignments(words: Sequence[str]) -> list[str]:
    """What `env` starts: without its options and NAME=VALUE."""
    rest = list(words)
    while rest and (rest[0].startswith("-") or "=" in rest[0]):
        rest.pop(0)
    return rest


def _assignments(program: Sequence[str]) -> dict[str, str]:
    """What `env` sets before it starts the program."""
    if Path(program[0]).name != "env":
        return {}
    count = len(program) - 1 - len(_without_assignments(program[1:]))
    pairs = (word.partition("=") for word in program[1 : 1 + count])
    return {name: value for name, separator, value in pairs if separator}


def _target(interpreter: Interpreter, environment: Mapping[str, str]) -> Target:
    python = interpreter.command[0]
    version, places = _ask(interpreter, environment)
    for distribution in Distribution:  # a Python that has both is taken to use openctp-ctp
        if place := places[distribution.package]:
            target = replace(substitute.installed(Path(place).parent, distribution), python=python, user=python)
            return target if version >= _OLDEST else _read_elsewhere(python, target.callers, distribution)
    if places[_VNPY]:
        return _read_elsewhere(python, _vnpy_callers(Path(places[_VNPY]) / "api"), "vnpy_ctp")
    other = next((name for package, name in _OTHERS.items() if places[package]), "")
    if other:
        raise BindingMissing(f"{python} has {other}; the simulated counter plays for {_PLAYED_FOR}")
    raise BindingMissing(f"{python} has no openctp-ctp: pip install openctp-ctp, or name another one by --python")


def _ask(interpreter: Interpreter, environment: Mapping[str, str]) -> tuple[tuple[int, ...], dict[str, str]]:
    """Version, and where each binding is or an empty text; nothing is imported."""
    command = [*interpreter.command, "-c", _QUESTION, interpreter.first_place, *_PACKAGES, _VNPY, *_OTHERS]
    try:
        result = subprocess.run(
            command, env=dict(environment), capture_output=True, check=True, timeout=_TIMEOUT_SECONDS
        )
        version, places = json.loads(result.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise BindingMissing(f"{interpreter.command[0]} does not answer as a Python does: {error}") from error
    return tuple(version), places


def _vnpy_callers(directory: Path) -> dict[Interface, Path]:
    found = {item: sorted(directory.glob(f"{name}.*so")) for item, name in _VNPY_EXTENSIONS.items()}
    if not all(found.values()):
        raise BindingMissing(f"vnpy_ctp in {directory} was not built")
    return {interface: paths[0] for interface, paths in found.items()}


def _read_elsewhere(python: str, callers: Mapping[Interface, Path], what: str) -> Target:
    """For a binding that cannot be read itself: the installed one of its kind, when it is of the very same CTP."""
    own = substitute.installed(distribution=_distribution_of(what))
    wanted, have = (
        {interface: _api_version(caller, interface) for interface, caller in side.items()}
        for side in (callers, own.callers)
    )
    if wanted != have:
        raise BindingMissing(
            f"{what} of {python} is for CTP {wanted[Interface.TRADER]} and can be read only through an {own.distribution} of the same; "
            f"the one beside ctp-simcounter is for {have[Interface.TRADER]}"
        )
    return Target(callers, own.site, own.python, python, own.distribution)


def _distribution_of(what: str) -> Distribution:
    return Distribution(what) if what in set(Distribution) else Distribution.CTP


def _api_version(caller: Path, interface: Interface) -> str:
    """What the vendor's own library says of itself: v6.7.11_20250617 16:22:00.10369. Equal ones have equal interfaces."""
    name = substitute.needed_library(caller, interface)
    beside = (caller.parent, caller.parent.with_name(f"{caller.parent.name}.libs"))
    library = next((place / name for place in beside if (place / name).exists()), None)
    if library is None:
        raise BindingMissing(f"{caller.name} needs {name}, which is not beside it")
    class_name = f"CThostFtdc{interface}Api"
    question = [
        sys.executable,
        "-c",
        _VERSION_QUESTION,
        str(library),
        f"_ZN{len(class_name)}{class_name}13GetApiVersionEv",
    ]
    try:
        result = subprocess.run(question, capture_output=True, text=True, check=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise BindingMissing(f"{library} does not say its version: {error}") from error
    return result.stdout.strip()
