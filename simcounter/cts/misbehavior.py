"""What is to go wrong with which message type of CTS: a rule for each kind of mischief and type, worn out after some uses."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from simcounter.cts.lines import Message, encode

_KINDS = ("ignore", "refuse", "delay", "duplicate", "alter", "raw", "cut", "last_never")


@dataclass(slots=True)
class CtsRule:
    """One rule for one message type."""

    times: int = 1
    """0: always"""
    code: str = ""
    text: str = ""
    seconds: float = 0.0
    changes: dict[str, Any] = field(default_factory=dict)
    """dotted path -> value; a path without its value (None) is taken out"""
    used: int = 0


class CtsMisbehavior:
    """All rules of one front."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, int], CtsRule] = {}
        self.keeps_subscriptions = False
        """whether a resumed session still gets its accounts' trades; not known of CTS"""
        self.refuses_resume = False
        self.tells_orders = False
        """pushes also for confirmations and cancels, which the public client does not describe"""

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def add(self, kind: str, msg_type: int, rule: CtsRule) -> None:
        if kind not in _KINDS:
            raise ValueError(f"no kind {kind}; there are {', '.join(_KINDS)}")
        self._rules[kind, msg_type] = rule

    def use(self, kind: str, msg_type: int) -> CtsRule | None:
        """The rule that applies now, used once more."""
        rule = self._rules.get((kind, msg_type))
        if rule is None:
            return None
        rule.used += 1
        if rule.times and rule.used >= rule.times:
            del self._rules[kind, msg_type]
        return rule

    def lines(self, msg_type: int, message: Message) -> bytes:
        """The bytes of an answer or push, changed, replaced and doubled by the rules."""
        altered, raw = self.use("alter", msg_type), self.use("raw", msg_type)
        if raw is not None:
            return raw.text.encode("latin-1")
        if self.use("last_never", msg_type) is not None:
            message = changed(message, {"respond.lastFlag": False})
        data = encode(changed(message, altered.changes) if altered is not None else message)
        return data * 2 if self.use("duplicate", msg_type) is not None else data


def changed(message: Message, changes: dict[str, Any]) -> Message:
    """A copy with other values at the dotted paths."""
    result = deepcopy(message)
    for path, value in changes.items():
        *parents, name = path.split(".")
        place: Any = result
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return result
