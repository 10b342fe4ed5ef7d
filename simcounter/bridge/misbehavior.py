"""What is to go wrong with which method of the bridge: a rule for each kind of mischief and method, worn out after some uses."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("Open", "Login", "Describe", "Call", "Events", "Close")
KINDS = ("refuse", "silence", "garbage", "restart")


@dataclass(slots=True)
class BridgeRule:
    """One rule for one method."""

    times: int = 1
    """0: always"""
    code: int = 0
    text: str = ""
    part: int = 0
    content: bytes = b""
    used: int = 0


class BridgeMisbehavior:
    """All rules of one front."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], BridgeRule] = {}

    def clear(self) -> None:
        self._rules.clear()

    def add(self, kind: str, method: str, rule: BridgeRule) -> None:
        if method not in METHODS:
            raise ValueError(f"no method {method}; there are {', '.join(METHODS)}")
        self._rules[kind, method] = rule

    def use(self, kind: str, method: str) -> BridgeRule | None:
        """The rule that applies now, used once more."""
        rule = self._rules.get((kind, method))
        if rule is None:
            return None
        rule.used += 1
        if rule.times and rule.used >= rule.times:
            del self._rules[kind, method]
        return rule
