"""One finding, and the row of the table that it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Text = tuple[str, str]
"""Chinese and English"""


class FindingGravity(StrEnum):
    """What a finding means for the relay."""

    OK = "ok"
    WARNING = "warning"
    """it serves, and a person should look"""
    GRAVE = "grave"
    """it cannot serve, or no terminal would get in"""


class About(StrEnum):
    """Which kind of failure it is: `serve` and `doctor` leave with its exit code."""

    MACHINE = "machine"
    SETTINGS = "settings"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; both texts are whole sentences."""

    name: str
    gravity: FindingGravity
    about: About
    refuses: bool
    """whether the relay is not started with it"""
    text: Text
    advice: Text
    """empty where there is nothing to do"""
    facts: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """For programs: what stands in the table, by name."""
        return {
            "name": self.name,
            "gravity": self.gravity.value,
            "zh": self.text[0],
            "en": self.text[1],
            "do_zh": self.advice[0],
            "do_en": self.advice[1],
            "facts": {
                name: value if isinstance(value, int | float) else str(value) for name, value in self.facts.items()
            },
        }


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A row of the table; called with the values of its places it makes the finding."""

    name: str
    gravity: FindingGravity
    text: Text
    advice: Text = ("", "")
    about: About = About.MACHINE
    served_anyway: bool = False
    """grave for those who look, and no reason not to start"""

    def __call__(self, **facts: object) -> Finding:
        """KeyError where a place has no value."""
        refuses = self.gravity is FindingGravity.GRAVE and not self.served_anyway
        text, advice = _both(self.text, facts), _both(self.advice, facts)
        return Finding(self.name, self.gravity, self.about, refuses, text, advice, facts)


def _both(text: Text, facts: dict[str, object]) -> Text:
    return text[0].format_map(facts), text[1].format_map(facts)
