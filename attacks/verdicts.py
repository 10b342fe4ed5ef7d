"""What honest terminals may notice of an attack at most, and which of these limits a measured one misses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bounds:
    """During every attack, from one address and from a hundred."""

    honest_logins_percent: float = 95.0
    """at least, within 3 s"""
    order_p99_ratio: float = 3.0
    """at most, to the quiet value of the same run"""
    rss_growth_mib: float = 100.0
    """at most"""
    rss_left_mib: float = 50.0
    """at most, 5 s after everything is served again: what an allocator keeps"""
    recovered_s: float = 5.0
    """at most, after the attack's end"""
    let_in: int = 0
    """requests, logins and resumes that were not the attacker's to make"""
    orders_unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One attack from one address or a hundred."""

    honest_logins_percent: float
    honest_login_p95_s: float | None
    """of those that succeeded; None where none did"""
    order_p99_ratio: float
    rss_growth_mib: float
    recovered_s: float | None
    """None: not within the time that was waited"""
    rss_left_mib: float
    quiet: Mapping[str, float]
    order_p99_us: int
    orders_unanswered: int
    logins_tried: int
    refusals: Mapping[str, int]
    """why honest logins did not succeed"""
    written_mib: float
    """by the relay to its state directory and its log"""
    done: Mapping[str, Any]
    """what the attackers did, by word"""
    let_in: int

    def missed(self, bounds: Bounds) -> list[str]:
        """The names of the limits it misses."""
        at_most = {name: value for name, value in asdict(bounds).items() if name != "honest_logins_percent"}
        missed = [name for name, most in at_most.items() if _is_above(getattr(self, name), most)]
        if self.honest_logins_percent < bounds.honest_logins_percent:
            missed.insert(0, "honest_logins_percent")
        return missed

    def as_json(self, bounds: Bounds) -> dict[str, Any]:
        missed = self.missed(bounds)
        return {**asdict(self), "holds": not missed, "missed": missed}


def _is_above(value: float | None, most: float) -> bool:
    return value is None or value > most
