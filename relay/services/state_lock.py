"""One relay process for one place: a second one on the same files would write over the first one's."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Self


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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
