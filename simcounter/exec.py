"""How an unmodified CTP program is started so that it trades with the simulated counter."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ctpabi.shim import programs, substitute
from ctpabi.shim.build import BuildFailed, Shim, build, is_built
from ctpabi.shim.substitute import Target

Say = Callable[[str], object]
"""where words for a person go"""

_TIMEOUT_SECONDS = 60
_WHAT_IS_MAPPED = "print(open('/proc/self/maps', errors='replace').read())"


def program_environment(base: Mapping[str, str], front: str | None = None, shim: Shim | None = None) -> dict[str, str]:
    """The environment for a program's process: the shim, built if need be, in the vendor libraries' place.

    With `front` ("tcp://127.0.0.1:17001") every address the program registers becomes this one, so a program with its
    broker's addresses inside runs as it is. Without a `shim` it is the installed openctp-ctp's. Raises what `build` raises.
    """
    return substitute.environment(base, (shim or build()).libraries, front)


def shim_for(program: Sequence[str], python: str = "", say: Say = str) -> Shim:
    """The shim for the binding that `program` will use. Raises what `target_of` and `build` raise."""
    target = programs.target_of(program, os.environ, python)
    if not is_built(target):
        names = " and ".join(f"{caller.parent.name}/{caller.name}" for caller in target.callers.values())
        say(f"ctp-simcounter: building the libraries for {names}, once, in some twenty seconds")
    shim = build(target)
    _require_that_it_is_loaded(target, shim)
    return shim


def _require_that_it_is_loaded(target: Target, shim: Shim) -> None:
    """A preloaded library that does not load is passed over by the linker, and the program would dial its real front."""
    command = [target.user, "-c", _WHAT_IS_MAPPED]
    environment = program_environment(os.environ, None, shim)
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    missing = [library.name for library in shim.libraries if str(library.resolve()) not in result.stdout]
    if missing:
        raise BuildFailed(
            f"{target.user} does not load {', '.join(missing)}: {result.stderr.strip() or 'not preloaded'}"
        )


def run_program(arguments: Sequence[str], front: str | None = None, python: str = "", say: Say = str) -> NoReturn:
    """Become the program: same process id, terminal and signals; its exit status is this process's.

    Raises FileNotFoundError for an unknown program, and what `shim_for` raises.
    """
    environment = program_environment(os.environ, front, shim_for(arguments, python, say))
    os.execvpe(arguments[0], list(arguments), environment)  # noqa: S606 - no shell is wanted
