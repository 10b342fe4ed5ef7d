"""What happens in a run, made of its seed before it begins.

A plan is a list of acts, each with a number, a time and dice of its own. To leave an act out changes no other act, so a plan
that breaks a rule can be shrunk to the acts that are needed. How wild a run is belongs to the seed too: each kind of fault has
a rate that the seed draws, often none at all, because a fault that comes always hides those behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

HOUR = 3600.0
SESSIONS = ((20.9 * HOUR, 23.0 * HOUR), (32.9 * HOUR, 39.3 * HOUR))
"""when the counter is open, from the midnight before: the night session of a trading day, and its day session"""
_CALLS = ("order",) * 5 + ("keyed",) * 5 + ("repeat",) * 2 + ("cancel",) * 4 + ("query", "public", "burst")
_TERMINAL_FAULTS = ("hang_up", "slow", "logout", "move")
_CUTS = ("cut_login",) * 6 + ("cut_call",) * 3 + ("cut_drain",)
_FAULTS = (
    "break",
    "break_all",
    "mute",
    "refuse",
    "busy_api",
    "slow_counter",
    "forced_out",
    "database_away",
    "database_slow",
    "answer_lost",
    "disk_full",
    "kill",
    "kill_twice",
    "restart",
    "renew",
    "foreign",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run has."""

    terminals: int = 8
    days: int = 1
    calls: int = 40
    """of each terminal and day"""
    faults: int = 40
    """a day, of the wildest kind"""
    hours: float = 2.4
    """of a day; with less than 24 everything of it is shorter in proportion, but for the relay's own times"""

    def sessions(self) -> list[tuple[int, float, float]]:
        """Every session of every day: the number of the day, when it begins, when it ends."""
        scale = self.hours / 24
        days = [(day, day * self.hours * HOUR) for day in range(self.days)]
        return [(day, at + begin * scale, at + end * scale) for day, at in days for begin, end in SESSIONS]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens."""

    number: int
    at: float
    kind: str
    terminal: int = -1
    """who does it; -1 is the world"""

    @property
    def tag(self) -> int:
        """Of the order that it makes; of several, the first."""
        return self.number * 10

    def dice(self, seed: int) -> Random:
        """Its own."""
        return Random(f"{seed}/act/{self.number}")

    def __str__(self) -> str:
        who = f"terminal {self.terminal}" if self.terminal >= 0 else "world"
        return f"{self.number:>7}  {clock(self.at)}  {who:12}  {self.kind}"


def clock(seconds: float) -> str:
    """A time of the run, to read: which day, and when."""
    day, rest = divmod(seconds, 24 * HOUR)
    hours, rest = divmod(rest, HOUR)
    return f"{int(day)}d {int(hours):02}:{int(rest // 60):02}:{rest % 60:06.3f}"


def day_name(day: int) -> str:
    """The trading day of this number."""
    return f"202611{23 + day:02}"


def make_plan(seed: int, size: Size) -> list[Act]:
    """Every act of this seed, in order."""
    dice = Random(f"{seed}/plan")
    made: list[tuple[float, str, int]] = []
    rates = {kind: dice.choice((0.0, 0.1, 0.3, 1.0)) for kind in (*_FAULTS, *_TERMINAL_FAULTS)}
    for day in range(size.days):
        opens = [(begin, end) for of, begin, end in size.sessions() if of == day]
        busy = [_busy(dice, begin, end) for begin, end in opens for _ in range(6)]
        for terminal in range(size.terminals):
            made += [(_moment(dice, busy), dice.choice(_CALLS), terminal) for _ in range(size.calls)]
            for kind in _TERMINAL_FAULTS:
                times = _times(dice, rates[kind] * size.calls / 10)
                made += [(_moment(dice, busy), kind, terminal) for _ in range(times)]
        for kind in _FAULTS:
            times = _times(dice, rates[kind] * size.faults / 8)
            made += [(_moment(dice, busy), kind, -1) for _ in range(times)]
    made.sort()
    return [Act(number, *one) for number, one in enumerate(made, 1)]


def plan_of_cuts(seed: int, size: Size, cuts: int) -> list[Act]:
    """Streams that end at random steps of a login, of calls and of a drain, a moment apart; orders between them."""
    dice = Random(f"{seed}/cuts")
    _, begin, end = size.sessions()[0]
    made: list[tuple[float, str, int]] = []
    for _ in range(cuts):
        kind = dice.choice(_CUTS)
        made.append(
            (dice.uniform(begin + 60, end - 60), kind, -1 if kind == "cut_drain" else dice.randrange(size.terminals))
        )
        made.append((dice.uniform(begin + 60, end - 60), dice.choice(_CALLS), dice.randrange(size.terminals)))
    made.sort()
    return [Act(number, *one) for number, one in enumerate(made, 1)]


def _busy(dice: Random, begin: float, end: float) -> tuple[float, float]:
    """A stretch of a minute or so in which much happens at once."""
    at = dice.uniform(begin + 60, end - 300)  # the terminals come in the first minute
    return at, at + dice.choice((1.0, 20.0, 240.0))


def _moment(dice: Random, busy: list[tuple[float, float]]) -> float:
    return dice.uniform(*dice.choice(busy))


def _times(dice: Random, mean: float) -> int:
    return int(mean) + (dice.random() < mean % 1)
