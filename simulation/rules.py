"""What must hold at every step, each rule by its name; the first that is broken ends the run.

A rule is asked where it could be broken: at the API call, at the commit, at the message that a terminal reads. What can grow
without an edge (queues) is looked at after every step, one stream at a time. What must hold once all is quiet is asked by `run`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

RULES = {
    "key_once": "an order, with a key or without, is sent to the counter once a day",
    "references": "the references that one counter session is given increase",
    "ledger_first": "nothing of a login is sent to the counter before its entry is committed",
    "chain": "the ledger's chain verifies after every commit, and after every kill",
    "reported": "nothing is sent for a terminal whose report does not stand in this login",
    "pacing": "no second of a login has more packages, and none more queries, than the counter allows",
    "cancel": "a cancel reaches the order that its terminal named",
    "own_only": "a terminal hears of its own investor's orders alone",
    "every_notice": "a terminal that is live knows every trade and the last state of every order of its investor",
    "in_order": "of one order a terminal hears what happened in the order in which it happened, and no trade before its order",
    "no_gap": "the numbers of a session's messages have no gap that its terminal was not warned of",
    "one_result": "a call has one result, and has it while its stream lasts",
    "bounds": "every queue stays within its bound",
    "comes_back": "when all faults are over, every terminal is live again or knows that it is not",
    "nothing_left": "when all have left, no task, timer or call is left",
    "fault": "no code of the relay raises what no other code expects",
}


class RuleBroken(Exception):
    """A rule does not hold."""

    def __init__(self, rule: str, what: str, at: float, step: int) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule, self.what, self.at, self.step = rule, what, at, step


class Rules:
    """Of one run. A broken rule is kept until the step is over: raised inside, the relay's own code would catch it."""

    def __init__(self, clock: Callable[[], float], steps: Callable[[], int]) -> None:
        self._clock, self._steps = clock, steps
        self.broken: RuleBroken | None = None
        self.held: dict[str, int] = dict.fromkeys(RULES, 0)
        """how often each was asked"""
        self._digest = hashlib.blake2b(digest_size=8)

    def hold(self, rule: str, what: str, *, is_so: bool) -> None:
        """Ask a rule; `what` says what is wrong where it does not hold."""
        self.held[rule] += 1
        if not is_so and self.broken is None:
            self.broken = RuleBroken(rule, what, self._clock(), self._steps())

    def seen(self, *facts: object) -> None:
        """Something crossed an edge: it goes into the fingerprint."""
        self._digest.update(repr((round(self._clock(), 6), *facts)).encode())

    @property
    def fingerprint(self) -> str:
        """Of everything that crossed an edge so far."""
        return self._digest.hexdigest()
