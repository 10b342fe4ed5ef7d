"""How a relay is, and how all of them are together, from their last answers: one kind, one sentence, since when, and why.

    ok        every relay answers, can take logins, and nothing is wrong
    warn      terminals can log in, and something waits for a person: a warning, logins that were paused, a drain
    bad       at a relay no login can succeed, or one of several relays does not answer
    unknown   no relay answers the console, which says nothing about trading

Pure. `say` is the visit's; a status is AdminService's RelayStatus with its own field names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.console.live import WatchedRelay
from relay.console.spoken import Moment, as_time, lasted, one_language
from relay.console.words import Language

Say = Callable[..., str]
_SAID_BY_ITSELF = frozenset({"logins_paused", "draining"})
"""faults that the status has further members about: who paused, and why"""
_RANK = {"ok": 0, "warn": 1, "unknown": 2, "bad": 3}


@dataclass(frozen=True, slots=True)
class Why:
    """One thing that is not as it should be."""

    kind: str
    words: str
    todo: str
    since: Moment | None = None
    why: str = ""
    relay: str = ""


@dataclass(frozen=True, slots=True)
class BigState:
    """What the overview and the wall show first."""

    kind: str
    words: str
    what: str
    since: Moment | None
    lasted: str
    why: tuple[Why, ...]


def in_words(text: Mapping[str, Any] | None, language: Language) -> str:
    """One language of a `Words` message."""
    return str((text or {}).get(language.value, ""))


def whys(relay: WatchedRelay, say: Say, language: Language) -> list[Why]:
    """All that is not as it should be at one relay, the worst first."""
    if not relay.reachable:
        return [Why("unknown", say("state.away", relay=relay.name), say("state.away_todo"), relay.since, relay.why)]
    status = relay.status
    found = [
        Why(
            "bad" if fault.get("grave") else "warn",
            in_words(fault.get("title"), language),
            in_words(fault.get("advice"), language),
            fault.get("since"),
            one_language(str(fault.get("why", "")), language),
        )
        for fault in status.get("faults", [])
        if fault.get("kind") not in _SAID_BY_ITSELF
    ]
    found += [
        Why("warn", say("state.worker_away", worker=worker["number"]), say("state.worker_away_todo"), why=worker["why"])
        for worker in status.get("workers", [])
        if worker["state"] != "serving" and worker["starts"] > 1
    ]
    paused = status.get("paused") or {}
    if paused.get("paused"):
        who = say("state.paused_by", by=paused.get("by", ""), reason=paused.get("reason", ""))
        found.append(Why("warn", say("state.paused"), say("state.paused_todo"), paused.get("since"), who))
    ready = status.get("readiness") or {"ready": True}
    if ready.get("draining"):
        found.append(Why("warn", say("state.draining"), say("state.draining_todo")))
    elif not ready.get("ready") and not any(why.kind == "bad" for why in found) and not paused.get("paused"):
        texts = (one_language(str(ready.get(name, "")), language) for name in ("message", "advice"))
        found.append(Why("bad", *texts))
    named = [Why(why.kind, why.words, why.todo, why.since, why.why, relay.name) for why in found]
    return sorted(named, key=lambda why: -_RANK[why.kind])


def worker_lines(status: Mapping[str, Any], say: Say) -> Iterator[str]:
    """How each of several workers is; nothing of a relay that is one process."""
    for worker in status.get("workers", []):
        sessions = (worker.get("status") or {}).get("sessions") or {}
        counted = f"{sessions['total']} / {sessions['most']}" if sessions else "–"
        state = say(f"state.worker_{worker['state']}")
        yield say("state.worker", worker=worker["number"], state=state, sessions=counted, starts=worker["starts"])


def kind_of(found: Sequence[Why]) -> str:
    """The kind of the worst."""
    return max((why.kind for why in found), key=_RANK.__getitem__, default="ok")


def takes_logins(relay: WatchedRelay) -> bool:
    """Whether a login can succeed there, as far as the console knows."""
    ready, paused = relay.status.get("readiness") or {}, relay.status.get("paused") or {}
    return relay.reachable and bool(ready.get("ready", True)) and not paused.get("paused")


def big_state(relays: Sequence[WatchedRelay], say: Say, language: Language, now: float) -> BigState:
    """All relays together."""
    found = sorted((why for relay in relays for why in whys(relay, say, language)), key=lambda why: -_RANK[why.kind])
    kind = kind_of(found)
    if kind == "unknown" and any(relay.reachable for relay in relays):
        kind = "bad"
    taking = sum(takes_logins(relay) for relay in relays)
    word = _word(kind, taking, relays)
    since = _since(found, relays, kind)
    began = as_time(since)
    return BigState(
        kind,
        say(f"state.{word}"),
        say(f"state.{word}_what", taking=taking, relays=len(relays)),
        since,
        say("overview.lasted", lasted=lasted(say, now - began.timestamp())) if began is not None else "",
        tuple(found),
    )


def _word(kind: str, taking: int, relays: Sequence[WatchedRelay]) -> str:
    match kind:
        case "bad":
            return "no_logins" if taking == 0 else "partly"
        case "warn":
            return "paused_all" if taking == 0 and relays else "attention"
        case "unknown":
            return "unknown"
        case _:
            return "well" if relays else "no_relays"


def _since(found: Sequence[Why], relays: Sequence[WatchedRelay], kind: str) -> Moment | None:
    """Where all is well, since the last relay came up; else since the first of the worst began."""
    if kind != "ok":
        times = [time for why in found if why.kind == found[0].kind and (time := as_time(why.since)) is not None]
        return min(times, default=None)
    times = [time for relay in relays if (time := as_time(_up_since(relay.status))) is not None]
    return max(times, default=None)


def _up_since(status: Mapping[str, Any]) -> str:
    counter, process = status.get("counter") or {}, status.get("process") or {}
    return max(str(counter.get("since", "")), str(process.get("started_at", "")))
