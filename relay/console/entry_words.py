"""Ledger entries in words: what each kind is called, how it stands, and its facts, in the visit's language.

An entry of a kind that the catalog does not have is shown by its kind: a newer relay may write to the same ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctpabi.facts.collector import missing_items
from relay.console.logins import LoginOutcome, LoginStory, facts_of
from relay.console.refusal_words import refusal_advice, refusal_title
from relay.console.spoken import one_language
from relay.console.words import Language, Sentences
from relay.faults.table import Fault
from relay.ledger.chain import Entry
from relay.logs.alarms import AlarmName
from relay.logs.event_texts import chinese_texts
from relay.sessions.endings import EndKind

_KINDS_ASKED_FOR = (
    "terminal_admitted",
    "terminal_refused",
    "terminals_refused",
    "terminal_report",
    "terminal_report_result",
    "terminal_logout",
    "counter_login_answer",
    "login_abandoned",
    "settlement_confirm",
    "system_info_unlike_before",
    "relay_started",
    "relay_stopped",
    "relay_reloaded",
    "order_insert",
    "order_cancel",
    "order_change",
    "order_refused",
    "orders_lost",
)
_SHOWN_FIRST = ("investor_id", "user_id", "terminal_app_id", "app_id", "public_ip", "place", "account", "by", "name")
_WORTH_A_LINE = (
    "reason",
    "count",
    "error_id",
    "error_msg",
    "return_code",
    "call",
    "OrderSysID",
    "trading_day",
    "version",
    "relay",
    "sessions",
)
_FIRST = ("message", "investor_id", "terminal_app_id", "public_ip", "port", "source", "reason", "code")
"""what is asked first about an entry; the other facts stand behind, as they are stored"""
_LONG = {"system_info", "message"}
_ALARMS = {name.event: (chinese_texts().get(name.event, name.event), name.meaning) for name in AlarmName}
_FAULTS = {fault.word: fault.title for fault in Fault}
_OUTCOME_KINDS = {
    LoginOutcome.REFUSED: "bad",
    LoginOutcome.LOGGED_IN: "ok",
    LoginOutcome.ABANDONED: "warn",
    LoginOutcome.OPEN: "unknown",
    LoginOutcome.COUNTED: "bad",
}


@dataclass(frozen=True, slots=True)
class EntryShown:
    """One entry for a table or a page."""

    chain: str
    sequence: int
    number: str
    at: str
    entry_kind: str
    kind: str
    words: str
    facts: tuple[str, ...]
    session: str
    todo: str
    page: str
    session_page: str


@dataclass(frozen=True, slots=True)
class StoryShown:
    """One try to log in, for the history."""

    kind: str
    at: str
    words: str
    facts: tuple[str, ...]
    todo: str
    entries: tuple[EntryShown, ...]


class EntryWords:
    """In one language."""

    def __init__(self, sentences: Sentences, language: Language) -> None:
        self._sentences = sentences
        self.language = language

    def kinds(self) -> list[tuple[str, str]]:
        """The kinds a person asks for, with their words."""
        return [(kind, self.kind(kind)) for kind in _KINDS_ASKED_FOR]

    def kind(self, kind: str) -> str:
        """What a kind of entry is called."""
        if self._sentences.has(f"kind.{kind}"):
            return self.say(f"kind.{kind}")
        if kind.startswith("admin_"):
            action = kind.removeprefix("admin_").removesuffix("_failed")
            word = self._or(f"kind.admin_{action}", action)
            return self.say("kind.admin_failed" if kind.endswith("_failed") else "kind.admin", action=word)
        return kind

    def entry(self, entry: Entry) -> EntryShown:
        """For a table or a page."""
        facts = facts_of(entry)
        refused = entry.kind == "terminal_refused"
        number = f"{entry.chain} {entry.sequence}"
        return EntryShown(
            chain=entry.chain,
            sequence=entry.sequence,
            number=number,
            at=entry.at,
            entry_kind=entry.kind,
            kind=standing(entry.kind, facts),
            words=self.kind(entry.kind),
            facts=self.line(self._named(entry.kind, facts)),
            session=entry.session,
            todo=self.refusal(facts)[1] if refused else "",
            page=f"/ledger/entry/{entry.sequence}?chain={entry.chain}",
            session_page=f"/ledger?session={entry.session}",
        )

    def _named(self, kind: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """An alarm or a fault is called as a person calls it."""
        name = str(facts.get("name", ""))
        found = {"alarm": _ALARMS, "fault_began": _FAULTS, "fault_ended": _FAULTS}.get(kind, {}).get(name)
        return facts if found is None else {**facts, "name": found[0 if self.language is Language.ZH else 1]}

    def line(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """The facts that say most, short."""
        shown = [_place(facts, name) for name in _SHOWN_FIRST if facts.get(name)]
        if facts.get("reason") and (facts.get("source") or "message" in facts):
            shown.append(self.refusal(facts)[0])
        elif how := self._ending(str(facts.get("kind", ""))):
            shown.append(how)
        else:
            named = [name for name in _WORTH_A_LINE if _says_something(name, facts.get(name))]
            shown += [f"{self.fact(name)} {self.value(name, facts[name])}" for name in named]
        if facts.get("collector_code") is not None:
            shown.append(self.all_collected(facts))
        return tuple(shown)

    def all_facts(self, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Every fact with its name, for the page of one entry; the collector's bytes stand in the stored text."""
        order = {name: place for place, name in enumerate(_FIRST)}
        names = sorted(facts, key=lambda name: order.get(name, len(order)))
        return [(self.fact(name), self.value(name, facts[name])) for name in names if name != "system_info"]

    def fact(self, name: str) -> str:
        """What a field of an entry is called."""
        return self._or(f"fact.{name}", name)

    def value(self, name: str, value: object) -> str:
        """A field's value in words."""
        match value:
            case bool():
                return self.say("look.yes" if value else "look.no")
            case list():
                return ", ".join(self.value("", item) for item in value)
            case dict():
                return ", ".join(f"{key} {self.value(key, item)}" for key, item in value.items())
            case str() if name == "source":
                return self._or(f"fact.source_{value}", value)
            case str() if name in _LONG or name in {"reason", "error_msg"}:
                return one_language(value, self.language)
            case int() if name == "collector_code":
                return f"{value:#x}: {self.collected(value)}"
        return str(value)

    def collected(self, code: object) -> str:
        """What the collector's return value says."""
        missing = missing_items(code) if isinstance(code, int) else ()
        names = [item.chinese if self.language is Language.ZH else item.english for item in missing]
        if not names:
            return self.say("fact.collected_all" if not code else "fact.collected_some")
        return self.say("fact.collected_missing", items=self.say("look.and").join(names))

    def all_collected(self, facts: Mapping[str, Any]) -> str:
        """Of a login: what CTP's collector says of itself, and which other kinds came."""
        others = facts.get("collected")
        kinds = (
            [str(one.get("kind", "")) for one in others if isinstance(one, dict)] if isinstance(others, list) else []
        )
        of_ctp = facts.get("system_info_length") != 0
        said = [self.collected(facts.get("collector_code", 0))] if of_ctp else []
        together = self.say("look.and").join
        return together(said + ([f"{self.say('fact.reported')} {together(kinds)}"] if kinds else []))

    def refusal(self, facts: Mapping[str, Any]) -> tuple[str, str]:
        """What happened and what to do. What was said at the time goes before what the tables say today."""
        code = facts.get("code")
        key = (str(facts.get("source", "")), str(facts.get("reason", "")), code if isinstance(code, int) else 0)
        said = one_language(str(facts.get("message", "")), self.language)
        title = said or refusal_title(*key, self.language) or key[1]
        return title, refusal_advice(*key, self.language)

    def whose(self, facts: Mapping[str, Any]) -> str:
        """Who refused."""
        source = str(facts.get("source", "relay"))
        return self._or_say(f"history.by_{source}", "history.by_relay", code=facts.get("code", 0))

    def story(self, story: LoginStory) -> StoryShown:
        """One try to log in."""
        words, todo = self._how_it_went(story)
        facts = [_place(story.facts, name) for name in _SHOWN_FIRST if story.facts.get(name)]
        if story.refusal is not None:
            facts.append(self.whose(story.refusal))
        if story.admitted:
            facts.append(self.all_collected(story.facts))
        if story.outcome is LoginOutcome.LOGGED_IN:
            facts.append(self._end(story))
        entries = tuple(self.entry(entry) for entry in story.entries)
        unique = tuple(dict.fromkeys(fact for fact in facts if fact))
        return StoryShown(_OUTCOME_KINDS[story.outcome], story.at, words, unique, todo, entries)

    def say(self, key: str, **facts: object) -> str:
        """A sentence of the catalog."""
        return self._sentences.say(self.language, key, **facts)

    def _how_it_went(self, story: LoginStory) -> tuple[str, str]:
        match story.outcome:
            case LoginOutcome.REFUSED:
                title, todo = self.refusal(story.refusal or {})
                return self.say("history.login_refused", why=title), todo
            case LoginOutcome.LOGGED_IN:
                return self.say("history.login_ok"), ""
            case LoginOutcome.ABANDONED:
                return self.say("history.login_abandoned"), ""
            case LoginOutcome.COUNTED:
                reasons = [str(row.get("reason", "")) for row in story.facts.get("reasons", [])]
                titles = [refusal_title("relay", reason, 0, self.language) or reason for reason in reasons]
                return self.say("history.refused_many", count=story.counted), self.say("look.and").join(titles)
            case _:
                return self.say("history.login_open"), ""

    def _end(self, story: LoginStory) -> str:
        if not story.ended:
            return self.say("history.online")
        how = self._ending(story.ended) or story.ended
        return self.say("history.ended", how=f"{how} {story.ended_at[11:19]}")

    def _ending(self, word: str) -> str:
        kind = EndKind.__members__.get(word.upper())
        return "" if kind is None else kind.chinese if self.language is Language.ZH else kind.english

    def _or(self, key: str, otherwise: str) -> str:
        return self.say(key) if self._sentences.has(key) else otherwise

    def _or_say(self, key: str, otherwise: str, **facts: object) -> str:
        return self.say(key if self._sentences.has(key) else otherwise, **facts)


def standing(kind: str, facts: Mapping[str, Any]) -> str:
    """The kind of state that an entry's shape shows."""
    if kind.endswith(("_refused", "_failed")):
        return "bad"
    if kind in {"alarm", "system_info_unlike_before", "login_abandoned", "relay_stopped"}:
        return "warn"
    if facts.get("error_id") or facts.get("return_code"):
        return "bad"
    return "idle" if kind.startswith(("admin_", "relay_")) or kind == "terminal_logout" else "ok"


def _says_something(name: str, value: object) -> bool:
    return value not in (None, "") and not (name == "error_id" and value == 0)


def _place(facts: Mapping[str, Any], name: str) -> str:
    """A fact as it is; an address with its port."""
    text = str(facts[name])
    if name != "public_ip" or not facts.get("port"):
        return text
    return f"[{text}]:{facts['port']}" if ":" in text else f"{text}:{facts['port']}"
