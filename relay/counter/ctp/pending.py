"""Which answer belongs to which terminal's request, by the request id the counter echoes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from ctpabi.catalog import Method
from relay.counter.ctp.link import CtpLink
from relay.domain.query_cache import Key

_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a terminal on its way."""

    link: CtpLink
    method: Method
    request_id: int
    """the terminal's own; 0 for what the relay asks by itself"""
    cache_key: Key | None = None
    """of a public query: whoever asked the same gets the answer too"""
    new_password: str = field(default="", repr=False)
    """of a password change: what the relay logs in with once the counter has accepted it"""
    done: asyncio.Future[int] | None = None
    """of what the relay asks by itself: the answer's ErrorID"""


class Pending:
    """The requests of one counter session that may still be answered.

    An accepted order is never answered by OnRspOrderInsert, so entries cannot simply wait for their answer: the
    oldest are forgotten beyond a limit no living question reaches.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[int, Asked] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, counter_request_id: int, asked: Asked) -> None:
        self._asked[counter_request_id] = asked
        if len(self._asked) > _LIMIT:
            self._asked.popitem(last=False)

    def answered(self, counter_request_id: int, *, is_last: bool) -> Asked | None:
        """Whose answer this is; forgotten with the last one."""
        asked = self._asked.get(counter_request_id)
        if asked is not None and is_last:
            del self._asked[counter_request_id]
        return asked

    def forget(self, link: CtpLink) -> None:
        """The terminal is gone: its answers go to nobody. Public queries go on, others may wait for them too."""
        for request_id in [key for key, asked in self._asked.items() if asked.link is link and not asked.cache_key]:
            del self._asked[request_id]

    def drain(self) -> list[Asked]:
        """Everything unanswered; the counter session is lost and none of it will be answered."""
        asked = list(self._asked.values())
        self._asked.clear()
        return asked
