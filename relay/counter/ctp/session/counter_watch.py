"""What the counter sessions of this process say about the counter as a whole: its fronts, the operator, the relay itself.

Every session reports its events here. In many-to-one one session decides. In many-to-many each terminal has one, so a
front counts as down when no session of the process is connected, and that for longer than a moment: one that a counter
cuts alone is back at once. What only a next login could contradict is in doubt when it has grown old: it stands, and
keeps no terminal away, because a relay that is not ready may never be sent that login.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ctpabi.facts.errors import LoginVerdict, verdict_of
from relay.counter.breaker import Breaker
from relay.counter.ctp.session import events
from relay.faults.faults import Faults
from relay.faults.flapping import PairOfLines
from relay.faults.table import Fault
from relay.logs.alarms import AlarmName

_log = structlog.get_logger(__name__)
GRACE_SECONDS = 2.0
"""how long no session may be connected before the front counts as down: the API reconnects within a second"""
_FIRST_SECONDS = 8.0
"""the same of sessions that were never connected"""
_OLD_SECONDS = 30.0
_CONNECT = "connect"
_NOT_INITIALISED = frozenset({7, 8})
_AUTH_CODE_WRONG = 63
_BY_OPERATOR = (Fault.OPERATOR_REFUSED, Fault.OPERATOR_FORCED_OUT)
_BY_ANY_LOGIN = (
    Fault.COUNTER_SILENT,
    Fault.RELAY_AUTH_CODE_WRONG,
    Fault.COUNTER_NOT_INITIALISED,
    Fault.LOGINS_STOPPED,
    Fault.RELAY_APP_TYPE_WRONG,
)


@dataclass(slots=True)
class _Silence:
    """What is known of a counter that takes connections and answers nothing."""

    at: float = 0.0
    """when it was found last"""
    step: str = ""
    """which step was left unanswered"""
    answered_at: float = -math.inf
    """when a step of a login was answered last"""
    speechless: bool = False
    """whether a session could not connect, and none has since: a port that is open all the same says nothing"""
    open_since: float | None = None
    """since when plain connections are accepted, where no session gets one"""


class CounterWatch:
    """Of one process. Fed on the loop; `look` and the figures may be asked on any thread."""

    def __init__(
        self,
        faults: Faults,
        breaker: Breaker,
        clock: Callable[[], float] = time.monotonic,
        no_descriptor: Callable[[], str] = lambda: "",
    ) -> None:
        """`no_descriptor` says why this process cannot open one file more: then nothing is known of a front."""
        self._faults = faults
        self._no_descriptor = no_descriptor
        self.breaker = breaker
        self._clock = clock
        self._sessions: dict[str, float] = {}
        """those that are open: since when they are not connected, 0 where they are"""
        self._were: set[str] = set()
        """those that have been connected before"""
        self._breaks: dict[str, PairOfLines] = {}
        """lines about the connections that broke, of those whose did"""
        self._failed: set[str] = set()
        """those whose connection the API said to be broken, or not to be made"""
        self._refused_at = 0.0
        self._silence = _Silence()
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

    @property
    def asks_for_probe(self) -> bool:
        """Whether a plain connection would say more: no session is open, or none gets a connection."""
        return self.is_idle or self._faults.stands(Fault.FRONT_DOWN) or self._is_speechless

    def opened(self, session: str) -> None:
        """An instance of the API begins to connect."""
        self._sessions[session] = self._clock()

    def closed(self, session: str) -> None:
        """Released; whether the front is there is no longer known by it."""
        self._sessions.pop(session, None)
        self._were.discard(session)
        self._failed.discard(session)
        self._breaks.pop(session, None)

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
                self._authenticated()
            case events.LoggedIn(trading_day):
                self._logged_in(trading_day, operator=operator)
            case events.Reported(code):
                self.reported(code)
            case events.ForcedOut() if operator:
                self._faults.begin(Fault.OPERATOR_FORCED_OUT, "the counter logged the operator out")
            case _:
                pass
        self._decided(commands, refused=session in self._failed)

    def _decided(self, commands: Sequence[events.Command], *, refused: bool) -> None:
        """`refused` is whether the API has said of this session's connection that it failed."""
        for command in commands:
            if isinstance(command, events.Alarm) and command.name is AlarmName.RELAY_APP_TYPE_WRONG:
                self._faults.begin(Fault.RELAY_APP_TYPE_WRONG, command.text)
            if isinstance(command, events.CounterSessionEnded) and command.step == _CONNECT:
                self._silence.speechless = not refused
                self._unreachable(command.text)
            if isinstance(command, events.StepUnanswered):
                self._unanswered(command)

    def reported(self, code: int) -> None:
        """One more report at the API."""
        self.reports[code] = self.reports.get(code, 0) + 1

    def look(self) -> None:
        """What time alone decides."""
        now = self._clock()
        self._say_what_settled()
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
        if now - self._silence.at > _OLD_SECONDS:
            self._faults.doubt(Fault.COUNTER_SILENT)
        if self.breaker.refusal(now) is None:  # the next login is tried, and decides
            for fault in (Fault.LOGINS_STOPPED, Fault.RELAY_AUTH_CODE_WRONG):
                self._faults.doubt(fault)

    def _say_what_settled(self) -> None:
        for session, lines in tuple(self._breaks.items()):
            if (said := lines.settled()) is not None:
                _log.info("front_back", session=session, **said)

    def probed(self, why_not: str) -> None:
        """A front was tried by a plain connection, because no session has one."""
        if self.connected:
            return
        now = self._clock()
        if why_not:
            self._silence.speechless, self._silence.open_since = False, None
            if self._silence.step == _CONNECT:
                self._faults.end(Fault.COUNTER_SILENT)
            self._faults.begin(Fault.FRONT_DOWN, why_not)
            return
        self._silence.open_since = now if self._silence.open_since is None else self._silence.open_since
        # The API needs some seconds until it finds that a front is back; longer than that, and nothing speaks behind the port.
        if not self.is_idle and now - self._silence.open_since <= _FIRST_SECONDS:
            return
        if (self._silence.speechless or not self.is_idle) and not self._is_speechless:
            self._silent(_CONNECT, "a plain connection is accepted, and the API hears nothing")
        self._faults.end(Fault.FRONT_DOWN)

    @property
    def _is_speechless(self) -> bool:
        """Whether it is known that a front's port is open, and nothing speaks behind it."""
        return self._silence.step == _CONNECT and self._faults.stands(Fault.COUNTER_SILENT)

    def _unanswered(self, step: events.StepUnanswered) -> None:
        if (
            self._clock() - self._silence.answered_at > 0.9 * step.seconds
        ):  # otherwise it answered another session meanwhile
            self._silent(step.step, f"{step.step}: no answer within {step.seconds:g} s")

    def _silent(self, step: str, why: str) -> None:
        self._silence.at, self._silence.step = self._clock(), step
        self._faults.begin(Fault.COUNTER_SILENT, why, step=step)

    def _authenticated(self) -> None:
        self._silence.answered_at = self._clock()
        self._faults.end(Fault.RELAY_AUTH_CODE_WRONG)
        if self._silence.step != "login":  # a login that is never answered comes behind each authentication
            self._faults.end(Fault.COUNTER_SILENT)

    def _connected(self, session: str) -> None:
        since, self._sessions[session] = self._sessions.get(session, 0.0), 0.0
        if since and session in self._were:
            self.reconnects += 1
            if (lines := self._breaks.get(session)) is not None and (said := lines.ends()) is not None:
                _log.info("front_back", session=session, seconds=round(self._clock() - since, 3), **said)
        self._were.add(session)
        self._silence.speechless, self._silence.open_since = False, None
        self._faults.end(Fault.FRONT_DOWN)

    def _disconnected(self, session: str, reason: int) -> None:
        self._failed.add(session)
        if self._sessions.get(session) == 0.0:  # it was connected: the API says every failed try as well
            self._sessions[session] = self._clock()
            self.lost += 1
            if (said := self._breaks.setdefault(session, PairOfLines(self._clock)).begins()) is not None:
                _log.warning("front_lost", session=session, reason=reason, **said)

    def _unreachable(self, why: str) -> None:
        if self.connected:
            return
        if lacking := self._no_descriptor():
            self._faults.begin(Fault.DESCRIPTORS_GONE, lacking)
        elif self._is_speechless:
            self._silent(_CONNECT, why)
        else:
            self._faults.begin(Fault.FRONT_DOWN, why)

    def _refused(self, error_id: int, text: str, *, operator: bool) -> None:
        self._refused_at = self._silence.answered_at = self._clock()
        self._faults.end(Fault.COUNTER_SILENT)
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
        self._silence.answered_at = self._clock()
        if trading_day != self._trading_day:
            if self._trading_day:
                _log.info("trading_day_changed", before=self._trading_day, now=trading_day)
            self._trading_day = trading_day
        for fault in (*_BY_ANY_LOGIN, *(_BY_OPERATOR if operator else ())):
            self._faults.end(fault)
