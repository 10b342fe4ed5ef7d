"""How an unmodified openctp-ctp program is started so that it trades with the simulated counter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NoReturn

from simcounter import substitute
from simcounter.build import build


def program_environment(base: Mapping[str, str], front: str | None = None) -> dict[str, str]:
    """The environment for a program's process: the shim, built if need be, in the vendor library's place.

    With `front` ("tcp://127.0.0.1:17001") every address the program registers becomes this one, so a program with its
    broker's addresses inside runs as it is. Raises what `build` raises.
    """
    return substitute.environment(base, build(), front)


def run_program(arguments: Sequence[str], front: str | None = None) -> NoReturn:
    """Become the program: same process id, terminal and signals; its exit status is this process's.

    Raises FileNotFoundError for an unknown program, and what `build` raises.
    """
    os.execvpe(arguments[0], list(arguments), program_environment(os.environ, front))  # noqa: S606 - no shell is wanted
