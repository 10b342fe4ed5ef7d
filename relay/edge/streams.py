"""One stream on a connection, from its beginning until it is closed, as the terminal service reports it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

CLOSE_SECONDS: Final = 5.0
"""how long a stream that the relay has ended may take to be closed: its last bytes wait for the terminal to read"""
_CLOSE_SECONDS_AFTER_PROOF: Final = 15.0


class Carrier(Protocol):
    """The connection a stream is on."""

    def stream_proved(self) -> None: ...

    def stream_has_session(self) -> None: ...

    def stream_unclosed(self, *, session: bool) -> None: ...

    def stream_closed(self, *, proved: bool, session: bool) -> None: ...


class OpenStream:
    """Each step may be reported once; further reports change nothing."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._proved = False
        self._session = False
        self._closed = False
        self._ending: asyncio.TimerHandle | None = None
        self.on_over: Callable[[], object] = lambda: None
        """called when it is closed, or should have been: what it held is free"""

    @property
    def is_proved(self) -> bool:
        return self._proved

    def proved(self) -> None:
        """Its terminal has proved itself."""
        if not self._proved and not self._closed:
            self._proved = True
            self._carrier.stream_proved()

    def has_session(self) -> None:
        """Its terminal is logged in, or has resumed."""
        self.proved()
        if not self._session and not self._closed:
            self._session = True
            self._carrier.stream_has_session()

    def ended(self) -> None:
        """The relay has said its last word on it: from here on it must be closed in time."""
        if self._ending is None and not self._closed:
            seconds = _CLOSE_SECONDS_AFTER_PROOF if self._proved else CLOSE_SECONDS
            self._ending = asyncio.get_running_loop().call_later(seconds, self._unclosed)

    def closed(self) -> None:
        """Nothing of it is left."""
        if self._closed:
            return
        self._closed = True
        if self._ending is not None:
            self._ending.cancel()
        self.on_over()
        self._carrier.stream_closed(proved=self._proved, session=self._session)

    def _unclosed(self) -> None:
        self.on_over()
        self._carrier.stream_unclosed(session=self._session)
