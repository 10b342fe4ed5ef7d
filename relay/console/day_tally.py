"""What happened today, counted from the ledger: logins, reports, refusals by reason. Each entry is read once.

A login is one that the relay admitted and that was not refused or given up later, by the counter for instance. A refusal is
counted whether it has an entry of its own or was counted with others of its place. The day is that of the clock in China.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from relay.console.logins import facts_of
from relay.ledger.chain import Entry

KINDS = (
    "terminal_admitted",
    "terminal_report_result",
    "terminal_refused",
    "terminals_refused",
    "login_abandoned",
)
"""what is read of a day"""


@dataclass(slots=True)
class DayTally:
    """Of one day, YYYY-MM-DD."""

    day: str
    seen: dict[str, int] = field(default_factory=dict)
    """chain → the last sequence that was read"""
    reports: int = 0
    reports_not_taken: int = 0
    incomplete: int = 0
    last_login_at: str = ""
    refused: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """source, reason, code → how often"""
    refused_by_hour: Counter[int] = field(default_factory=Counter)
    _admitted: dict[str, int] = field(default_factory=dict)
    """session → hour, of those that came to nothing no more"""

    @property
    def logins(self) -> int:
        return len(self._admitted)

    @property
    def refusals(self) -> int:
        return self.refused.total()

    @property
    def logins_by_hour(self) -> Counter[int]:
        return Counter(self._admitted.values())

    def add(self, entry: Entry) -> None:
        """Count one entry of `KINDS`."""
        facts = facts_of(entry)
        hour = int(entry.at[11:13])
        match entry.kind:
            case "terminal_admitted":
                self._admitted[entry.session] = hour
                self.last_login_at = max(self.last_login_at, entry.at)
                self.incomplete += bool(facts.get("collector_code"))
            case "terminal_report_result":
                self.reports += 1
                self.reports_not_taken += bool(facts.get("return_code"))
            case "terminal_refused":
                self._admitted.pop(entry.session, None)
                self._refuse(hour, str(facts.get("source", "")), str(facts.get("reason", "")), facts.get("code"), 1)
            case "login_abandoned":
                self._admitted.pop(entry.session, None)
            case "terminals_refused":
                for row in facts.get("reasons", []):
                    self._refuse(hour, "relay", str(row.get("reason", "")), 0, int(row.get("count", 0)))
            case _:
                pass

    def _refuse(self, hour: int, source: str, reason: str, code: object, count: int) -> None:
        self.refused[(source, reason, code if isinstance(code, int) else 0)] += count
        self.refused_by_hour[hour] += count
