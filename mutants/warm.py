"""A process that has imported everything no change can touch, and forks for each run of tests.

What a fork imports itself: the changed modules, and whatever imports one of them, however far away. So a change is in
force from the first import on, in tables and classes as in functions, and no module of the fork has seen another.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mutants.copy import COPY
from mutants.places import CHANGED, JUDGES, ROOT, module_name, python_files

_OURS = ("relay", "ctpabi", "terminal_client", "simcounter", "codegen", "proto/ctprelay")
_TIMED_OUT = -1


def warm_up() -> None:
    """Go into the copy and import what no change touches."""
    os.chdir(COPY)
    here = [str(COPY), str(COPY / "proto")]
    sys.path[:0] = here
    os.environ.update(PYTHONPATH=os.pathsep.join(here), PYTHONDONTWRITEBYTECODE="1", HYPOTHESIS_PROFILE="quick", CI="1")
    importlib.import_module("ctpabi.locale").ensure()
    for name in _untouched():
        with suppress(ImportError):
            importlib.import_module(name)
    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()


def in_fork(run: Callable[[], int], seconds: float, output: Path) -> int:
    """What `run` returns in a fork of this process; -1 where it took longer, or ended otherwise.

    Everything that the fork started ends with it.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become_group(output, seconds)
        status = 70
        try:
            status = run()
        except BaseException:  # noqa: BLE001 - whatever it is, it is read in the output, and the fork ends here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    watched = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([watched], [], [], seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(watched)
    return os.WEXITSTATUS(status) if ended and os.WIFEXITED(status) else _TIMED_OUT


def _become_group(output: Path, seconds: float) -> None:
    os.setsid()
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, descriptor), (2, descriptor)):
        os.dup2(source, target)
    busy = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (busy, busy + 5))


def _untouched() -> list[str]:
    """What changed modules and their judges import, and what these import, without what imports a changed module."""
    ours = {module_name(file): file for file in python_files((*_OURS, "tests"), COPY)}
    imports = {name: _imported(file) for name, file in ours.items()}
    touched = {module_name(file) for file in python_files((*CHANGED, *JUDGES), COPY)}
    needed = set(touched)
    while more := {one for name in needed for one in imports.get(name, ())} - needed:
        needed |= more
    while more := {name for name in needed - touched if _reaches(imports.get(name, set()), touched)}:
        touched |= more
    folders = {path.name for path in ROOT.iterdir()} | {"ctprelay"}
    return sorted(name for name in needed - touched if name in ours or name.split(".")[0] not in folders)


def _reaches(wanted: set[str], touched: set[str]) -> bool:
    """Also by the package of what is wanted, whose own module runs first."""
    return any(name in touched or name.rpartition(".")[0] in touched for name in wanted)


def _imported(file: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse((COPY / file).read_bytes())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
    return {name for name in found if not name.startswith(("openctp", "atheris"))}
