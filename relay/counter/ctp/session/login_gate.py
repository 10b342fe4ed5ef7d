"""The one gate every login at the counter goes through: spaced, and closed while the counter refuses the relay itself.

All sessions of a process share one address towards CTP. A front cuts an address that connects too often (CTP fact 15), and
the counter locks it after too many failures (CTP fact 24), so first and later logins wait in the same queue and count in one breaker.
"""

from __future__ import annotations

import asyncio
import time

from relay.counter.breaker import Breaker
from relay.logs.alarms import AlarmName, Alarms
from relay.refusals import counter_reasons
from relay.refusals.refusal import Refusal

_LOOK_AGAIN = 1.0
"""seconds between looks at a breaker that is open"""


class LoginGate:
    """Shared by all counter sessions of a process."""

    def __init__(self, per_second: float, breaker: Breaker, alarms: Alarms) -> None:
        self._per_second = per_second
        self._breaker = breaker
        self._alarms = alarms
        self._turn = asyncio.Lock()
        self._free_at = 0.0

    async def spaced_turn(self) -> None:
        """Wait for the turn of a new instance; whether logins are tried at all was asked at the terminal's admission."""
        async with self._turn:
            await asyncio.sleep(self._free_at - _now())
            self._free_at = _now() + 1 / self._per_second

    async def turn(self, session: object) -> None:
        """Wait until a session that is to come back may log in again."""
        while self._breaker.admit(_now(), session) is not None:  # noqa: ASYNC110 - time alone closes it
            await asyncio.sleep(_LOOK_AGAIN)
        try:
            await self.spaced_turn()
        except BaseException:
            self.decided_nothing(session)
            raise

    def asked(self) -> None:
        """A session authenticates or logs in now."""
        self._breaker.asked()

    def decided_nothing(self, session: object) -> None:
        """What the session tried came to no answer; where it tried for all, another one may."""
        self._breaker.give_back(_now(), session)

    @property
    def why_closed(self) -> Refusal | None:
        """What stopped all logins; None while one would be tried. May be asked on any thread.

        A relay that is not ready may be sent no terminal, so it is ready again as soon as the next login would decide.
        """
        alarm = self._breaker.alarm
        would_be_tried = self._breaker.refusal(time.monotonic()) is None  # the clock of the event loops
        return None if alarm is None or would_be_tried else counter_reasons.counter_refused(alarm.error_id, alarm.text)

    def refused(self, error_id: int, text: str) -> None:
        """The counter refused an authentication or a login."""
        alarm = self._breaker.refused(error_id, text, _now())
        if alarm is not None:
            self._alarms.sound(AlarmName.LOGINS_STOPPED, error_id=error_id, text=text)

    def succeeded(self) -> None:
        """A login went through."""
        self._breaker.reset()


def _now() -> float:
    return asyncio.get_running_loop().time()
