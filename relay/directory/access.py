"""How the directory's tables are reached from the loop: off it, by a few threads, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from relay.database.database import brief
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refused

_T = TypeVar("_T")


class DirectoryUnavailable(Refused):
    """Terminals and investors cannot be looked up, so the login is refused; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(relay_reasons.directory_unavailable(), why)


class DirectoryAccess:
    """A few threads for database look-ups and password hashing; use as `with DirectoryAccess() as access`."""

    def __init__(self, *, threads: int = 4, timeout: float = 10.0, most_waiting: int = 256) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="directory")
        self.timeout = timeout
        """seconds until a look-up is given up"""
        self._most_waiting = most_waiting
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do the work on a thread; raises DirectoryUnavailable when the database fails or the threads are all busy."""
        if self._waiting >= self._most_waiting:
            raise DirectoryUnavailable(f"{self._waiting} look-ups are waiting")
        self._waiting += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, work)
            async with asyncio.timeout(self.timeout):
                return await future
        except TimeoutError:
            raise DirectoryUnavailable(f"no answer within {self.timeout:g} s") from None
        except SQLAlchemyError as error:
            raise DirectoryUnavailable(brief(error)) from None
        finally:
            self._waiting -= 1
