"""Which faults stand now, since when and why; and what happens once at each edge.

`begin` and `end` may be called on any thread and as often as one likes: the first `begin` is the beginning edge, further
ones only renew why, and the first `end` is the ending edge. At an edge one line goes into the log, and every listener is
called, which must not wait. All of it is under one lock, so that the edges are heard in the order they happened: an end
that overtook its beginning would leave a fault that stands for ever. What is kept: the standing faults, how often each
has begun, and a bounded list of those that have ended.

One that comes and goes would be two lines a second. So with its sixth beginning in five minutes a fault *flaps*: one line
says so, and from there on an end is held back until nothing was found for a minute (`settle`). What is held back stands in
doubt: it is seen everywhere, and keeps no terminal away. Every beginning is counted all the same.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from relay.faults.flapping import FLAP_SECONDS, QUIET_SECONDS, BeginningTimes
from relay.faults.table import RUNBOOK_PAGE, Fault, Gravity, Stops

_log = structlog.get_logger(__name__)
_KEPT_ENDED = 200
_CHINA = dt.timezone(dt.timedelta(hours=8))
_LEVEL = {Gravity.CRITICAL: "error", Gravity.WARNING: "warning", Gravity.NOTICE: "info"}
Now = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class StandingFault:
    """One fault that stands, or that has stood."""

    fault: Fault
    since: dt.datetime
    """aware, UTC+8"""
    why: str
    facts: Mapping[str, object] = field(default_factory=dict)
    """what else is known: a counter's number, free bytes; no secrets"""
    began: float = 0.0
    """by the monotonic clock"""
    seconds: float | None = None
    """how long it stood; None while it stands"""
    in_doubt: bool = False
    """it may be over: only a login could say, or it comes and goes; so no terminal is kept away for it"""
    times: int = 1
    """how often it has begun since `since`: more than once where it comes and goes"""
    away_since: float | None = None
    """by the monotonic clock: since when one that comes and goes was not found any more"""

    @property
    def flaps(self) -> bool:
        """Whether its end is held back, because it came and went too often."""
        return self.times > 1

    def as_json(self) -> dict[str, object]:
        """Everything, for `/readyz`, status and alarms."""
        fault = self.fault
        lasted = time.monotonic() - self.began if self.seconds is None else self.seconds
        return {
            "fault": fault.word,
            "title_zh": fault.title[0],
            "title_en": fault.title[1],
            "remedy_zh": fault.remedy[0],
            "remedy_en": fault.remedy[1],
            "gravity": fault.gravity.value,
            "stops": fault.stops.value,
            "since": self.since.isoformat(timespec="seconds"),
            "seconds": round(lasted, 3),
            "why": self.why,
            "in_doubt": self.in_doubt,
            "times": self.times,
            "runbook": f"{RUNBOOK_PAGE}.md#{fault.anchor}",
            **({"facts": dict(self.facts)} if self.facts else {}),
        }


@dataclass(frozen=True, slots=True)
class FaultEdge:
    """A fault begins, or has ended."""

    of: StandingFault

    @property
    def is_end(self) -> bool:
        return self.of.seconds is not None


Listener = Callable[[FaultEdge], object]


class Faults:
    """The faults of one relay process."""

    def __init__(self, now: Now = lambda: dt.datetime.now(_CHINA), clock: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._clock = clock
        self._standing: dict[Fault, StandingFault] = {}
        self._begun: Counter[Fault] = Counter()
        self._lately: dict[Fault, BeginningTimes] = {}
        self._ended: deque[StandingFault] = deque(maxlen=_KEPT_ENDED)
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call it at each edge from now on, on the thread that found it; at once for what stands already."""
        with self._lock:
            self._listeners.append(listener)
            for stands in self._standing.values():
                _hear(listener, FaultEdge(stands))

    def begin(self, fault: Fault, why: str, **facts: object) -> None:
        """The fault stands from now on, or still; `facts` go into the log and must not hold secrets."""
        with self._lock:
            before = self._standing.get(fault)
            if before is not None:
                self._again(before, why, facts)
                return
            now, times = self._clock(), self._times(fault)
            stands = StandingFault(fault, self._now(), why, facts, now, times=times)
            self._standing[fault] = stands
            say = getattr(_log, _LEVEL[fault.gravity])
            what = " / ".join(fault.title)
            say("fault_began", fault=fault.word, what=what, why=why, stops=fault.stops.value, **facts)
            if stands.flaps:
                _log.warning("fault_flaps", fault=fault.word, what=what, times=times, seconds=FLAP_SECONDS)
            self._announce(FaultEdge(stands))

    def end(self, fault: Fault) -> None:
        """The fault is over; nothing happens where it did not stand. Of one that comes and goes the end is held back."""
        with self._lock:
            stood = self._standing.get(fault)
            if stood is None:
                return
            if not stood.flaps:
                self._end(stood)
            elif stood.away_since is None:
                self._standing[fault] = replace(stood, in_doubt=True, away_since=self._clock())

    def settle(self) -> None:
        """End what came and went, and has been away long enough. To be called now and then, on any thread."""
        with self._lock:
            now = self._clock()
            for stood in tuple(self._standing.values()):
                if stood.away_since is not None and now - stood.away_since >= QUIET_SECONDS:
                    self._end(stood)

    def _again(self, before: StandingFault, why: str, facts: Mapping[str, object]) -> None:
        """It stands already, or is held back and has come again."""
        times = before.times
        if before.away_since is not None:
            self._begun[before.fault] += 1
            times += 1
        found = replace(before, why=why, facts=facts, in_doubt=False, times=times, away_since=None)
        self._standing[before.fault] = found

    def _times(self, fault: Fault) -> int:
        """Count one more beginning; returns 1, or how many there were lately where they are too many to be said."""
        self._begun[fault] += 1
        return self._lately.setdefault(fault, BeginningTimes()).count(self._clock())

    def _end(self, stood: StandingFault) -> None:
        fault = stood.fault
        del self._standing[fault]
        stood = replace(stood, seconds=self._clock() - stood.began)
        self._ended.append(stood)
        what, times = " / ".join(fault.title), {"times": stood.times} if stood.flaps else {}
        _log.warning("fault_ended", fault=fault.word, what=what, seconds=_rounded(stood), why=stood.why, **times)
        self._announce(FaultEdge(stood))

    def doubt(self, fault: Fault) -> None:
        """It stands, and only a login could say whether it still does: from here on none is kept away for it."""
        with self._lock:
            if (before := self._standing.get(fault)) is not None:
                self._standing[fault] = replace(before, in_doubt=True)

    def set(self, fault: Fault, why: str, **facts: object) -> None:
        """Begin it where there is a reason, end it where `why` is empty."""
        if why:
            self.begin(fault, why, **facts)
        else:
            self.end(fault)

    def now(self) -> tuple[StandingFault, ...]:
        """Those that stand, the oldest first."""
        with self._lock:
            return tuple(self._standing.values())

    def stands(self, fault: Fault) -> bool:
        """Whether this one stands now."""
        return fault in self._standing

    def ended(self) -> tuple[StandingFault, ...]:
        """The latest that are over, the newest last."""
        with self._lock:
            return tuple(self._ended)

    def begun(self, fault: Fault) -> int:
        """How often it has begun since the start of the process."""
        return self._begun[fault]

    def keeping_from_ready(self) -> tuple[StandingFault, ...]:
        """Those for which no terminal should be sent here."""
        return tuple(stands for stands in self.now() if stands.fault.stops is not Stops.NOTHING and not stands.in_doubt)

    def _announce(self, edge: FaultEdge) -> None:
        for listener in self._listeners:
            _hear(listener, edge)


def _hear(listener: Listener, edge: FaultEdge) -> None:
    try:
        listener(edge)
    except Exception:  # noqa: BLE001 - a fault of one listener must not keep the edge from the others
        _log.exception("fault_not_announced", fault=edge.of.fault.word)


def _rounded(stood: StandingFault) -> float:
    return round(stood.seconds or 0.0, 3)
