"""When each terminal leaves a relay that stops: a moment of its own, inside the time that there is (no I/O)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

_EACH_SECONDS = 0.2
"""between two terminals: as many logins come a second as a counter takes without being asked for patience"""
_NOTICED_SECONDS = 3.0
"""after which a balancer sends no new connection here; one that came earlier would find this relay again"""
_PART = 0.6
"""of the time that there is, in which all are to begin to leave; a login, and a second try, take the rest"""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What one session is asked. Times are the loop's."""

    at: float
    """its own moment"""
    gone_at: float
    """when the relay ends what is left"""
    successor: bool
    """whether a new process serves at this address already"""
    reason: str
    """Chinese and English"""


def moments(busy: Sequence[bool], seconds: float, *, successor: bool) -> list[float]:
    """For each session, after how many seconds it leaves: one after the other, those with requests under way last.

    With a `successor` the first one leaves at once.
    """
    if not busy:
        return []
    first = 0.0 if successor else min(_NOTICED_SECONDS, _PART * seconds / 2)
    each = min(_EACH_SECONDS, (_PART * seconds - first) / len(busy))
    in_turn = sorted(range(len(busy)), key=lambda index: busy[index])
    after = {index: first + turn * each for turn, index in enumerate(in_turn)}
    return [after[index] for index in range(len(busy))]


def leave_words(gone: dt.datetime, *, successor: bool) -> str:
    """For the terminal's user; `gone` is when the last ones are ended."""
    when = f"{gone:%H:%M:%S}"
    if successor:
        return (
            f"中继正在更新，请在{when}前转到新进程，会话在此之前照常可用"
            f" / the relay is being updated: move to its new process by {when}; the session works until then"
        )
    return (
        f"中继即将停机，请在{when}前离开，会话在此之前照常可用"
        f" / the relay is about to stop: leave by {when}; the session works until then"
    )
