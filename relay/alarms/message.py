"""What a person reads: one message about everything that began, ended or happened in a short time; Chinese first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from relay.faults.faults import FaultEdge
from relay.faults.table import Gravity, Words
from relay.outside_text import shown

_CHINA = dt.timezone(dt.timedelta(hours=8))
_MOST_ITEMS = 20
_LONGEST = 300
_RANK = (Gravity.NOTICE, Gravity.WARNING, Gravity.CRITICAL)


class AlarmPhase(StrEnum):
    """What became of it."""

    BEGAN = "began"
    ENDED = "ended"
    HAPPENED = "happened"
    """a single event, which has no end"""


PHASE_WORDS = {
    AlarmPhase.BEGAN: ("故障", "fault"),
    AlarmPhase.ENDED: ("恢复", "over"),
    AlarmPhase.HAPPENED: ("告警", "alarm"),
}


@dataclass(frozen=True, slots=True)
class AlarmItem:
    """One fault's edge, or one event."""

    name: str
    """the fault's or the event's"""
    phase: AlarmPhase
    title: Words
    gravity: Gravity
    at: dt.datetime
    why: str = ""
    remedy: Words = ("", "")
    seconds: float = 0.0
    """how long it stood"""
    runbook: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    times: int = 1
    """how often since the message before"""


@dataclass(frozen=True, slots=True)
class AlarmMessage:
    """What is sent by each way."""

    relay: str
    items: tuple[AlarmItem, ...]
    left_out: int = 0
    """further kinds that had no room"""

    @property
    def title(self) -> str:
        """One line: what a telephone shows before it is opened."""
        first = self.items[0]
        more = f" 等 {len(self.items)} 项" if len(self.items) > 1 else ""
        return f"【{PHASE_WORDS[first.phase][0]}】{first.title[0]}{more} ({self.relay})"

    @property
    def text(self) -> str:
        """Everything, in Chinese and then in English."""
        parts = [_paragraph(item, self.relay, 0) for item in self.items]
        parts += [_paragraph(item, self.relay, 1) for item in self.items]
        if self.left_out:
            parts.append(f"另有 {self.left_out} 类未列出，见日志 / {self.left_out} further kinds are in the log")
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "relay": self.relay,
            "title": self.title,
            "text": self.text,
            "items": [
                {
                    "name": item.name,
                    "phase": item.phase.value,
                    "gravity": item.gravity.value,
                    "title_zh": item.title[0],
                    "title_en": item.title[1],
                    "remedy_zh": item.remedy[0],
                    "remedy_en": item.remedy[1],
                    "why": item.why,
                    "at": item.at.isoformat(timespec="seconds"),
                    "seconds": round(item.seconds, 3),
                    "times": item.times,
                    "runbook": item.runbook,
                    "facts": {name: str(value) for name, value in item.facts.items()},
                }
                for item in self.items
            ],
        }


def item_of(edge: FaultEdge) -> AlarmItem:
    """An edge of a fault."""
    stood = edge.of
    said = stood.as_json()
    return AlarmItem(
        stood.fault.word,
        AlarmPhase.ENDED if edge.is_end else AlarmPhase.BEGAN,
        stood.fault.title,
        stood.fault.gravity,
        stood.since,
        stood.why,
        stood.fault.remedy,
        stood.seconds or 0.0,
        str(said["runbook"]),
        stood.facts,
    )


def event_item(name: str, title: Words, facts: Mapping[str, object], remedy: Words) -> AlarmItem:
    """A single event a person must look at."""
    why = ", ".join(f"{key}={value}" for key, value in facts.items())
    return AlarmItem(
        name, AlarmPhase.HAPPENED, title, Gravity.CRITICAL, dt.datetime.now(_CHINA), why, remedy, facts=facts
    )


def message_of(relay: str, items: Sequence[AlarmItem]) -> AlarmMessage:
    """One message of all these, each name once by its latest, the gravest that still stand first."""
    latest: dict[str, AlarmItem] = {}
    counts: dict[str, int] = {}
    for item in items:
        latest[item.name] = item
        counts[item.name] = counts.get(item.name, 0) + (item.phase is not AlarmPhase.ENDED)
    merged = [_counted(item, counts[item.name]) for item in latest.values()]
    merged.sort(key=lambda item: (item.phase is AlarmPhase.ENDED, -_RANK.index(item.gravity)))
    return AlarmMessage(relay, tuple(merged[:_MOST_ITEMS]), max(0, len(merged) - _MOST_ITEMS))


def at_least(items: Iterable[AlarmItem], gravity: Gravity) -> list[AlarmItem]:
    """Those that are so grave."""
    return [item for item in items if _RANK.index(item.gravity) >= _RANK.index(gravity)]


def _counted(item: AlarmItem, times: int) -> AlarmItem:
    values = {name: getattr(item, name) for name in AlarmItem.__slots__}
    return AlarmItem(**(values | {"times": max(1, times)}))


def _paragraph(item: AlarmItem, relay: str, language: int) -> str:
    chinese = language == 0
    lines = [
        f"【{PHASE_WORDS[item.phase][0]}】{item.title[0]}"
        if chinese
        else f"[{PHASE_WORDS[item.phase][1]}] {item.title[1]}"
    ]
    lines.append(f"中继 {relay} · {item.name}" if chinese else f"relay {relay} · {item.name}")
    when = item.at.strftime("%Y-%m-%d %H:%M:%S")
    if item.phase is AlarmPhase.ENDED:
        lines.append(
            f"开始 {when}，持续 {item.seconds:.0f} 秒" if chinese else f"since {when}, for {item.seconds:.0f} s"
        )
    else:
        lines.append(f"时间 {when}" if chinese else f"at {when}")
    if item.times > 1:
        lines.append(f"期间 {item.times} 次" if chinese else f"{item.times} times meanwhile")
    if item.why:
        lines.append(f"{'原因：' if chinese else 'why: '}{shown(item.why[:_LONGEST])}")
    if item.remedy[language] and item.phase is not AlarmPhase.ENDED:
        lines.append(f"{'处理：' if chinese else 'what to do: '}{item.remedy[language]}")
    if item.runbook and item.phase is not AlarmPhase.ENDED:
        lines.append(f"{'手册：' if chinese else 'manual: '}{item.runbook}")
    return "\n".join(lines)
