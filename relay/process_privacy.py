"""That this process's memory and files are read by no other user, and its memory by no other program.

Its memory has passwords on their way to the counter, auth codes and the TLS key. Each process says it for itself: a
program that it starts begins with the system's own rule again.
"""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4


def make_private(*, core_dumps: bool) -> None:
    """What is created from here on is the owner's alone; unless `core_dumps`, the memory is as well. Raises OSError."""
    os.umask(0o077)  # the vendor's library makes its flow files for everybody
    if not core_dumps:
        _forbid_core_dumps()


def _forbid_core_dumps() -> None:
    """No core file from here on, and no debugger of the same user; root's still works.

    Only root can raise the limit again, so this holds until the process ends.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"core dumps cannot be switched off: {os.strerror(number)}")
