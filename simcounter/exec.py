"""How an unmodified CTP program is started so that it trades with the simulated counter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NoReturn

from simcounter import programs, substitute
from simcounter.build import Shim, build


def program_environment(base: Mapping[str, str], front: str | None = None, shim: Shim | None = None) -> dict[str, str]:
    """The environment for a program's process: the shim, built if need be, in the vendor libraries' place.

    With `front` ("tcp://127.0.0.1:17001") every address the program registers becomes this one, so a program with its
    broker's addresses inside runs as it is. Without a `shim` it is the installed openctp-ctp's. Raises what `build` raises.
    """
    return substitute.environment(base, (shim or build()).libraries, front)


def shim_for(program: Sequence[str], python: str = "") -> Shim:
    """The shim for the binding that `program` will use. Raises what `target_of` and `build` raise."""
    return build(programs.target_of(program, os.environ, python))


def run_program(arguments: Sequence[str], front: str | None = None, python: str = "") -> NoReturn:
    """Become the program: same process id, terminal and signals; its exit status is this process's.

    Raises FileNotFoundError for an unknown program, and what `shim_for` raises.
    """
    environment = program_environment(os.environ, front, shim_for(arguments, python))
    os.execvpe(arguments[0], list(arguments), environment)  # noqa: S606 - no shell is wanted
