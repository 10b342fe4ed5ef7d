"""The ledger: its entries by what is asked for, one entry as evidence, and its verification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from relay.console.entry_words import EntryWords
from relay.console.logins import facts_of
from relay.console.pages.history import LONGEST, READ_REASON, day_span
from relay.console.reading import reading_of
from relay.console.spoken import lasted, number
from relay.console.verification import LedgerVerification
from relay.console.visit import Visit
from relay.ledger.chain import Head, verify
from relay.ledger.history import HistoryAsked, turn_of

_ON_A_PAGE = 50
_SINCE_THE_BEGINNING = "0000"


@dataclass(frozen=True, slots=True)
class _AskedFor:
    day: str
    kind: str
    who: str
    session: str
    chain: str

    def query(self, **more: str) -> str:
        given = {name: getattr(self, name) for name in ("day", "kind", "who", "session", "chain")} | more
        return "?" + urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class _ChainShown:
    name: str
    kind: str
    words: str
    entries: int
    head: str


@dataclass(frozen=True, slots=True)
class _RunShown:
    kind: str
    words: str
    what: str
    begun: object
    lasted: str
    done: bool
    total: int
    checked: int
    progress_words: str
    problems: tuple[str, ...]
    chains: tuple[_ChainShown, ...]


async def ledger(visit: Visit) -> Response:
    """Entries, newest first: today's, unless a day or a session is asked for."""
    given = visit.request.query_params
    texts = {name: given.get(name, "").strip()[:LONGEST] for name in ("day", "kind", "who", "session", "chain")}
    if not texts["day"] and not texts["session"]:
        texts["day"] = reading_of(visit).now().date().isoformat()
    asked = _AskedFor(**texts)
    span = day_span(asked.day) if asked.day else (_SINCE_THE_BEGINNING, "")
    words = EntryWords(visit.parts.words, visit.language)
    rows, older = [], ""
    if span is not None:
        kinds = (asked.kind,) if asked.kind else ()
        search = HistoryAsked(
            since=span[0], until=span[1], about=asked.who, session=asked.session, chain=asked.chain, kinds=kinds
        )
        after, by = turn_of(given.get("after", "")), visit.person(READ_REASON)
        reads = visit.parts.actions.history
        found, turn = await visit.parts.work.run(lambda: reads.page(by, search, after=after, most=_ON_A_PAGE))
        rows = [words.entry(entry) for entry in found]
        older = asked.query(after=str(turn)) if turn is not None else ""
    chains = await reading_of(visit).chains()
    return visit.render(
        "ledger.html",
        asked=asked,
        kinds=words.kinds(),
        chains=chains,
        rows=rows,
        older=older,
        newer=asked.query() if given.get("after") else "",
        problem="" if span is not None else visit.say("history.bad_day"),
    )


async def entry(visit: Visit) -> Response:
    """One entry in full: what it says, the stored text, and whether its hash fits."""
    chain = visit.request.query_params.get("chain", "")[:LONGEST]
    number_text = str(visit.values["sequence"])
    if not number_text.isascii() or not number_text.isdigit() or len(number_text) > 18:
        raise HTTPException(404)
    reads, by = visit.parts.actions.history, visit.person(READ_REASON)
    found = await visit.parts.work.run(lambda: reads.entry(by, chain, int(number_text)))
    if found is None:
        raise HTTPException(404)
    words = EntryWords(visit.parts.words, visit.language)
    facts = facts_of(found)
    before = Head(found.chain, found.sequence - 1, found.previous_hash)
    after = Head(found.chain, found.sequence, found.hash)
    return visit.render(
        "entry.html",
        row=words.entry(found),
        facts=words.all_facts(facts),
        fits=not list(verify(found.chain, [found], after, start=before)),
        digest=found.hash,
        previous=found.previous_hash,
        stored=(json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) if facts else found.data).splitlines(),
    )


async def ledger_verify(visit: Visit) -> Response:
    """The latest verification; a form begins one."""
    reading = reading_of(visit)
    if visit.request.method == "POST":
        reading.verifications.begin(reading.now().date().isoformat() if visit.text("what") == "day" else "")
        return visit.go("ledger_verify")
    latest = reading.verifications.latest
    run = _run(visit, latest, reading.now().timestamp()) if latest is not None else None
    return visit.render("ledger_verify.html", run=run)


def _run(visit: Visit, run: LedgerVerification, now: float) -> _RunShown:
    found = len(run.problems) + run.more_problems
    word = "running" if run.running else "failed" if run.failed else "broken" if found else "whole"
    kind = {"running": "idle", "failed": "unknown", "broken": "bad", "whole": "ok"}[word]
    count = number(found if word == "broken" else run.checked)
    what = visit.say(f"verify.{word}_what", count=count)
    scope = visit.say("verify.scope_day", day=run.day) if run.day else ""
    ended = now if run.ended_at is None else run.ended_at.timestamp()
    return _RunShown(
        kind=kind,
        words=visit.say(f"verify.{word}"),
        what=f"{what} · {scope}" if scope else what,
        begun=run.begun_at,
        lasted=lasted(visit.say, ended - run.begun_at.timestamp()),
        done=not run.running,
        total=max(1, run.total),
        checked=run.checked,
        progress_words=visit.say("verify.progress", checked=number(run.checked), total=number(run.total)),
        problems=tuple(run.problems),
        chains=tuple(
            _ChainShown(
                chain.name,
                "ok" if chain.whole else "bad",
                visit.say("verify.chain_whole" if chain.whole else "verify.chain_broken"),
                chain.entries,
                chain.head,
            )
            for chain in run.chains
        ),
    )
