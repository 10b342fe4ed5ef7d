"""Which investors' notices are kept in many-to-one: those of the directory, read again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

import structlog

from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.investors import Investors
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_READ_EVERY_SECONDS = 60.0
"""an investor who is registered meanwhile is told to query what happened before"""

Replace = Callable[[Iterable[tuple[str, tuple[str, ...]]]], None]
"""takes every investor id with its account ids"""


class KnownInvestors:
    """The directory's investors of one broker, as the counter side asks for them."""

    def __init__(self, access: DirectoryAccess, investors: Investors, broker_id: str, replace: Replace) -> None:
        self._access = access
        self._investors = investors
        self._broker_id = broker_id
        self._replace = replace

    async def read(self) -> None:
        """Read the directory once; where it is away, what was known stays."""
        try:
            found = await self._access.run(self._investors.all)
        except DirectoryUnavailable as away:
            _log.warning("investors_not_read", why=away.why)
            return
        self._replace((one.investor_id, one.account_ids) for one in found if one.broker_id == self._broker_id)

    async def keep_reading(self) -> None:
        """Read it every minute, without end."""
        while True:
            await asyncio.sleep(_READ_EVERY_SECONDS)
            await self.read()


@contextlib.asynccontextmanager
async def kept_known(
    access: DirectoryAccess, investors: Investors, broker_id: str, replace: Replace
) -> AsyncIterator[None]:
    """`replace` gets the directory's investors with their accounts, now and as long as the context lasts."""
    tasks = Tasks()
    reader = KnownInvestors(access, investors, broker_id, replace)
    await reader.read()
    tasks.start(reader.keep_reading(), "investors of the directory")
    try:
        yield
    finally:
        await tasks.cancel()
