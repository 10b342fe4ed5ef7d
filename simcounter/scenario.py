"""Misbehavior on command: which requests are refused or ignored, which callbacks late, doubled or out of order."""

from __future__ import annotations

from dataclasses import dataclass, field

from simcounter.errors_text import text_of
from simcounter.events import Answer, Effect, RspInfo, TopicNotice


@dataclass(slots=True)
class FaultRule:
    """One rule; it wears out after `times` uses, or never when `times` is 0."""

    error_id: int = 0
    """0 for a rule that does not refuse"""
    text: str = ""
    seconds: float = 0.0
    times: int = 0
    used: int = 0
    callback: str = ""
    body: bytes | None = None
    """what another callback answers with; None is its NULL pointer"""

    @property
    def is_worn_out(self) -> bool:
        return bool(self.times) and self.used >= self.times


class Scenario:
    """What is to go wrong. Requests are named as CTP's methods, events as its callbacks."""

    def __init__(self) -> None:
        self._refusals: dict[str, FaultRule] = {}
        self._silences: dict[str, FaultRule] = {}
        self._substitutes: dict[str, FaultRule] = {}
        self._delays: dict[str, FaultRule] = {}
        self._duplicates: dict[str, FaultRule] = {}
        self._foreign: dict[str, FaultRule] = {}
        self.return_codes: dict[str, int] = {}
        """method -> what the shim returns without sending: −2 and −3 of requests, −1 to −7 of reports"""
        self.trades_first = False
        """OnRtnTrade overtakes the OnRtnOrder before it"""
        self.is_mute = False
        """no request is answered at all"""
        self.is_flapping = False
        """new connections are accepted and ended at once"""
        self.shakes_hands_badly: RspInfo | None = None
        """every new connection hears this OnRspError, of no request"""
        self.limit_queries = False
        """the shim returns −3 above the front's QryFreq"""
        self.qry_freq = 0
        """queries per second, as GetFrontInfo tells"""
        self.ftd_pkg_freq = 0
        """packets per second, as GetFrontInfo tells"""

    def clear(self) -> None:
        """Back to good behavior."""
        self.__init__()  # type: ignore[misc]

    def refuse(self, method: str, error_id: int, text: str = "", times: int = 0) -> None:
        self._refusals[method] = FaultRule(error_id, text or text_of(error_id), times=times)

    def ignore(self, method: str, times: int = 0) -> None:
        """`method` gets no answer."""
        self._silences[method] = FaultRule(times=times)

    def substitute(self, method: str, rule: FaultRule) -> None:
        """`method` is answered by the rule's callback and body."""
        self._substitutes[method] = rule

    def delay(self, callback: str, seconds: float, times: int = 0) -> None:
        """`callback` arrives `seconds` late; what follows is not held up."""
        self._delays[callback] = FaultRule(seconds=seconds, times=times)

    def duplicate(self, callback: str, times: int = 0) -> None:
        """`callback` arrives twice."""
        self._duplicates[callback] = FaultRule(times=times)

    def add_foreign_rows(self, method: str, times: int = 0) -> None:
        """An operator that asks `method` for one investor is answered with everybody's rows."""
        self._foreign[method] = FaultRule(times=times)

    def has_foreign_rows(self, method: str) -> bool:
        return _use(self._foreign, method) is not None

    def ignores(self, method: str) -> bool:
        return self.is_mute or _use(self._silences, method) is not None

    def refusal(self, method: str) -> RspInfo | None:
        rule = _use(self._refusals, method)
        return RspInfo(rule.error_id, rule.text) if rule is not None else None

    def substitution(self, method: str) -> FaultRule | None:
        return _use(self._substitutes, method)

    def delay_of(self, callback: str) -> float:
        """Seconds."""
        rule = _use(self._delays, callback)
        return rule.seconds if rule is not None else 0.0

    def shape(self, effects: list[Effect]) -> list[Effect]:
        """The same effects, doubled and reordered by the rules."""
        shaped: list[Effect] = []
        for effect in effects:
            shaped.append(effect)
            doubled = isinstance(effect, (Answer, TopicNotice)) and _use(self._duplicates, effect.callback) is not None
            if doubled:
                shaped.append(effect)
        return _trades_first(shaped) if self.trades_first else shaped


def _use(rules: dict[str, FaultRule], name: str) -> FaultRule | None:
    rule = rules.get(name)
    if rule is None:
        return None
    rule.used += 1
    if rule.is_worn_out:
        del rules[name]
    return rule


def _trades_first(effects: list[Effect]) -> list[Effect]:
    """Swaps each OnRtnTrade with the OnRtnOrder directly before it."""
    result = list(effects)
    for index in range(1, len(result)):
        before, after = result[index - 1], result[index]
        if not (isinstance(before, TopicNotice) and isinstance(after, TopicNotice)):
            continue
        if before.callback == "OnRtnOrder" and after.callback == "OnRtnTrade":
            result[index - 1], result[index] = after, before
    return result


@dataclass(slots=True)
class Counts:
    """What the front has seen and sent, for `status`."""

    connections: int = 0
    calls: int = 0
    reports: int = 0
    events: int = 0
    cut_slow_readers: int = 0
    by_method: dict[str, int] = field(default_factory=dict)
