"""What the counter sessions of this process say about the counter as a whole: its fronts, the operator, the relay itself.

Every session reports its events here. In many-to-one one session decides. In many-to-many each terminal has one, so a
front counts as down when no session of the process is connected, and that for longer than a moment: one that a counter
cuts alone is back at once. What only a next login could contradict is in doubt when it has grown old: it stands, and
keeps no terminal away, because a relay that is not ready may never be sent that login.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from ctpabi.facts.errors import LoginVerdict, verdict_of
from relay.counter.breaker import Breaker
from relay.counter.ctp.session import events
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.logs.alarms import AlarmName

_log = structlog.get_logger(__name__)
GRACE_SECONDS = 2.0
"""how long no session may be connected before the front counts as down: the API reconnects within a second"""
_FIRST_SECONDS = 8.0
"""the same of sessions that were never connected"""
_OLD_SECONDS = 30.0
_NOT_INITIALISED = frozenset({7, 8})
_AUTH_CODE_WRONG = 63
_BY_OPERATOR = (Fault.OPERATOR_REFUSED, Fault.OPERATOR_FORCED_OUT)
_BY_ANY_LOGIN = (
    Fault.RELAY_AUTH_CODE_WRONG,
    Fault.COUNTER_NOT_INITIALISED,
    Fault.LOGINS_STOPPED,
    Fault.RELAY_APP_TYPE_WRONG,
)


class CounterWatch:
    """Of one process. Fed on the loop; `look` and the figures may be asked on any thread."""

    def __init__(self, faults: Faults, breaker: Breaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._faults = faults
        self.breaker = breaker
        self._clock = clock
        self._sessions: dict[str, float] = {}
        """those that are open: since when they are not connected, 0 where they are"""
        self._were: set[str] = set()
        """those that have been connected before"""
        self._refused_at = 0.0
        self._trading_day = ""
        self._by_operator = False
        """whether one session decides, and tries again by itself"""
        self.reconnects = 0
        """connections that came back, since the start"""
        self.reports: dict[int, int] = {}
        """terminals' reports by what the API returned, since the start"""
        self.lost = 0
        """connections that broke, since the start"""

    @property
    def connected(self) -> int:
        """Sessions with a connection to a front."""
        return sum(not since for since in tuple(self._sessions.values()))

    @property
    def open(self) -> int:
        """Sessions there are, connected or not."""
        return len(self._sessions)

    @property
    def is_idle(self) -> bool:
        """Whether no session is open, so that none would find a front that is down, or back."""
        return not self._sessions

    def opened(self, session: str) -> None:
        """An instance of the API begins to connect."""
        self._sessions[session] = self._clock()

    def closed(self, session: str) -> None:
        """Released; whether the front is there is no longer known by it."""
        self._sessions.pop(session, None)
        self._were.discard(session)

    def happened(
        self, session: str, event: events.Event, commands: Sequence[events.Command], *, operator: bool
    ) -> None:
        """A session's machine took this event and decided these commands."""
        self._by_operator = operator
        match event:
            case events.FrontConnected():
                self._connected(session)
            case events.FrontDisconnected(reason):
                self._disconnected(session, reason)
            case events.StepRefused(error_id, text):
                self._refused(error_id, text, operator=operator)
            case events.Authenticated():
                self._faults.end(Fault.RELAY_AUTH_CODE_WRONG)
            case events.LoggedIn(trading_day):
                self._logged_in(trading_day, operator=operator)
            case events.Reported(code):
                self.reported(code)
            case events.ForcedOut() if operator:
                self._faults.begin(Fault.OPERATOR_FORCED_OUT, "the counter logged the operator out")
            case _:
                pass
        self._decided(commands)

    def _decided(self, commands: Sequence[events.Command]) -> None:
        for command in commands:
            if isinstance(command, events.Alarm) and command.name is AlarmName.RELAY_APP_TYPE_WRONG:
                self._faults.begin(Fault.RELAY_APP_TYPE_WRONG, command.text)
            if isinstance(command, events.CounterSessionEnded) and command.step == "connect":
                self._unreachable(command.text)

    def reported(self, code: int) -> None:
        """One more report at the API."""
        self.reports[code] = self.reports.get(code, 0) + 1

    def look(self) -> None:
        """What time alone decides."""
        now = self._clock()
        waits = [
            (now - since, GRACE_SECONDS if name in self._were else _FIRST_SECONDS)
            for name, since in tuple(self._sessions.items())
            if since
        ]
        if waits and all(seconds > grace for seconds, grace in waits):
            self._unreachable(f"no connection for {min(waits)[0]:.0f} s")
        if self._by_operator:
            return
        if now - self._refused_at > _OLD_SECONDS:
            self._faults.doubt(Fault.COUNTER_NOT_INITIALISED)
        if self.breaker.refusal(now) is None:  # the next login is tried, and decides
            for fault in (Fault.LOGINS_STOPPED, Fault.RELAY_AUTH_CODE_WRONG):
                self._faults.doubt(fault)

    def probed(self, why_not: str) -> None:
        """A front was tried by a plain connection, because no session is open."""
        if self.is_idle:
            self._faults.set(Fault.FRONT_DOWN, why_not)

    def _connected(self, session: str) -> None:
        since, self._sessions[session] = self._sessions.get(session, 0.0), 0.0
        if since and session in self._were:
            self.reconnects += 1
            _log.info("front_back", session=session, seconds=round(self._clock() - since, 3))
        self._were.add(session)
        self._faults.end(Fault.FRONT_DOWN)

    def _disconnected(self, session: str, reason: int) -> None:
        if self._sessions.get(session) == 0.0:  # it was connected: the API says every failed try as well
            self._sessions[session] = self._clock()
            self.lost += 1
            _log.warning("front_lost", session=session, reason=reason)

    def _unreachable(self, why: str) -> None:
        if not self.connected:
            self._faults.begin(Fault.FRONT_DOWN, why)

    def _refused(self, error_id: int, text: str, *, operator: bool) -> None:
        self._refused_at = self._clock()
        facts = {"error_id": error_id, "text": text}
        why = f"CTP {error_id}: {text}"
        if error_id == _AUTH_CODE_WRONG:
            self._faults.begin(Fault.RELAY_AUTH_CODE_WRONG, why, **facts)
        elif error_id in _NOT_INITIALISED:
            self._faults.begin(Fault.COUNTER_NOT_INITIALISED, why, **facts)
        elif verdict_of(error_id) is LoginVerdict.STOP_RELAY:
            self._faults.begin(Fault.LOGINS_STOPPED, why, **facts)
        else:
            self._refused_one_user(why, facts, operator=operator)

    def _refused_one_user(self, why: str, facts: Mapping[str, object], *, operator: bool) -> None:
        if self.breaker.alarm is None:  # otherwise it is the answer to an earlier login, and the relay is not admitted
            for fault in _BY_ANY_LOGIN:
                self._faults.end(fault)
        if operator:
            self._faults.begin(Fault.OPERATOR_REFUSED, why, **facts)

    def _logged_in(self, trading_day: str, *, operator: bool) -> None:
        if trading_day != self._trading_day:
            if self._trading_day:
                _log.info("trading_day_changed", before=self._trading_day, now=trading_day)
            self._trading_day = trading_day
        for fault in (*_BY_ANY_LOGIN, *(_BY_OPERATOR if operator else ())):
            self._faults.end(fault)
