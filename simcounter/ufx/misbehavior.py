"""What is to go wrong with which function of UFX: a rule for each kind of mischief and function, worn out after some uses."""

from __future__ import annotations

from dataclasses import dataclass

from simcounter.ufx.frames import HEAD

KINDS = ("refuse", "ignore", "delay", "duplicate", "content", "cut", "wrong_xor", "hold", "level_one", "skip_row")


@dataclass(slots=True)
class UfxRule:
    """One rule for one function; pushes are function 620706."""

    times: int = 1
    """0: always"""
    code: int = 0
    text: str = ""
    seconds: float = 0.0
    content: bytes = b""
    used: int = 0


class UfxMisbehavior:
    """All rules of one front."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, int], UfxRule] = {}
        self.pushes_first = False
        """what an order causes is pushed before its answer"""
        self.silent = False
        """nothing is answered or pushed, heartbeats included"""
        self.refuses_topics = 0
        """the error number of each subscription; 0: they are taken"""
        self.refuses_registration = 0

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def add(self, kind: str, function: int, rule: UfxRule) -> None:
        if kind not in KINDS:
            raise ValueError(f"no kind {kind}; there are {', '.join(KINDS)}")
        self._rules[kind, function] = rule

    def use(self, kind: str, function: int) -> UfxRule | None:
        """The rule that applies now, used once more."""
        rule = self._rules.get((kind, function))
        if rule is None:
            return None
        rule.used += 1
        if rule.times and rule.used >= rule.times:
            del self._rules[kind, function]
        return rule

    def frames(self, function: int, frame: bytes) -> bytes:
        """The frame, spoiled or doubled by the rules."""
        if self.use("wrong_xor", function) is not None:
            frame = bytes([frame[0] ^ 0xFF]) + frame[1:HEAD] + frame[HEAD:]
        return frame * 2 if self.use("duplicate", function) is not None else frame
