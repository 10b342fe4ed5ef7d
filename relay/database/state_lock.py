"""One relay process for one place: a second one on the same files would write over the first one's.

The locked file also keeps the numbers of the processes that had the place, one after another: what one of them left
unfinished, the present one may finish, and no other.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

_READ_BYTES = 65_536
"""some eight thousand starts; what is older is of another day"""


class AlreadyRunning(OSError):
    """Another relay process is at work there; `why` says what to do."""

    def __init__(self, what: str) -> None:
        self.why = f"another relay process runs on {what}; give each process its own, or stop the other one"
        super().__init__(errno.EBUSY, self.why)


class StateLock:
    """A file locked for as long as this process lives, however it ends. Use as `with StateLock(…)`."""

    def __init__(self, file: Path, what: str) -> None:
        """`what` names the place to the operator. Raises AlreadyRunning, and OSError where it cannot be locked."""
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise AlreadyRunning(what) from None
            raise

    def note(self, number: int) -> tuple[int, ...]:
        """Add this process's number; returns the latest ones, this one last."""
        size = os.fstat(self._file).st_size
        known = os.pread(self._file, _READ_BYTES, max(0, size - _READ_BYTES)).split(b"\n")[:-1]
        line = f"\n{number}\n".encode()  # on a line of its own, whatever a crash left
        if os.pwrite(self._file, line, size) != len(line):
            raise OSError(errno.ENOSPC, "the number of this process cannot be kept")
        return (*(int(text) for text in known if text.isdigit()), number)

    def release(self) -> None:
        """Let it go without a process having been there."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
