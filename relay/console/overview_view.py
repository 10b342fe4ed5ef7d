"""The overview and the wall as values: what the template shows, in the visit's language. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.console.charts import ColumnChart, LineChart, column_chart, line_chart, shares
from relay.console.day_tally import DayTally
from relay.console.live import WatchedRelay
from relay.console.rates import STEP_SECONDS
from relay.console.refusal_words import refusal_title
from relay.console.relay_state import BigState, Say, big_state, in_words, kind_of, takes_logins, whys, worker_lines
from relay.console.spoken import Moment, as_time, clock, date, day_text, number, size
from relay.console.words import Language
from relay.counter import description_words

CERTIFICATE_WARNING_DAYS = 30
_MOST_REASONS, _MOST_ALARMS = 7, 5
_DIGEST_SHOWN = 16
"""of a library's SHA-256; `ctp-relay status` has all of it"""
_RATE_STEPS, _LEAST_RATE_STEPS = 180, 6
RATE_FIGURES = {"orders": ("orders", "orders_today"), "events": ("events",)}
"""what a rate is made of: the first of these that a relay counts"""


@dataclass(frozen=True, slots=True)
class FigureShown:
    label: str
    value: str
    note: str = ""
    page: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RateShown:
    title: str
    chart: LineChart
    now: str
    unit: str
    feet: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class HoursShown:
    chart: ColumnChart
    feet: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class ReasonShown:
    words: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class AlarmShown:
    kind: str
    at: Moment
    words: str
    todo: str
    facts: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    relay: str = ""


@dataclass(frozen=True, slots=True)
class HealthShown:
    label: str
    value: str
    kind: str = "ok"
    note: str = ""


@dataclass(frozen=True, slots=True)
class RelayShown:
    name: str
    kind: str
    words: str
    mode: str
    counter: str
    sessions: str
    version: str
    started: Moment | None
    libraries: tuple[str, ...] = ()
    """each worker, where there are several; what the counter is and offers, then what it is called through: the trader's, and that of market data"""


@dataclass(frozen=True, slots=True)
class OverviewShown:
    state: BigState
    day: str
    now: dt.datetime
    figures: tuple[FigureShown, ...]
    logins: HoursShown
    rates: tuple[RateShown, ...]
    refusals: tuple[ReasonShown, ...]
    alarms: tuple[AlarmShown, ...]
    health: tuple[HealthShown, ...]
    relays: tuple[RelayShown, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What the view is made of."""

    relays: Sequence[WatchedRelay]
    tally: DayTally
    now: dt.datetime
    say: Say
    language: Language
    alarms: Sequence[AlarmShown] = ()
    pages: Mapping[str, str] = field(default_factory=dict)
    """page → its path"""

    def figure(self, name: str) -> float:
        """A figure of all relays together."""
        return sum(_figure(relay.status, name) for relay in self.relays if relay.reachable)

    def count(self, name: str) -> int:
        """One of `SessionCounts`, of all relays together."""
        answers = [relay.status.get("sessions") or {} for relay in self.relays if relay.reachable]
        return sum(int(answer.get(name, 0)) for answer in answers)


_SECONDS_BELOW = 600
"""a chart of less than this many seconds says them at its feet, where minutes alone would be the same ones"""


def overview_of(looked: Looked) -> OverviewShown:
    """Everything the page shows."""
    return OverviewShown(
        state=big_state(looked.relays, looked.say, looked.language, looked.now.timestamp()),
        day=day_line(looked),
        now=looked.now,
        figures=_figures(looked),
        logins=_hours(looked),
        rates=_rates(looked),
        refusals=reasons_shown(looked.tally, looked.language),
        alarms=tuple(looked.alarms[:_MOST_ALARMS]),
        health=_health(looked),
        relays=tuple(_relay(relay, looked) for relay in looked.relays),
    )


def day_line(looked: Looked) -> str:
    """Trading day and the part of it that the clock says."""
    days = sorted({str(relay.status.get("trading_day", "")) for relay in looked.relays} - {""})
    part = looked.say(f"overview.part_{part_of_day(looked.now)}")
    if not days:
        return looked.say("overview.no_day", part=part)
    return looked.say("overview.day", day=day_text(days[-1]), part=part)


def part_of_day(now: dt.datetime) -> str:
    """day, night or closed, by the clock alone; holidays are the exchange's to say."""
    minutes = now.hour * 60 + now.minute
    if 8 * 60 + 30 <= minutes < 15 * 60 + 30:
        return "day"
    return "night" if minutes >= 20 * 60 + 30 or minutes < 2 * 60 + 45 else "closed"


def reasons_shown(tally: DayTally, language: Language) -> tuple[ReasonShown, ...]:
    """The reasons of the day's refusals, the most frequent first."""
    words: dict[str, int] = {}
    for (source, reason, code), count in tally.refused.most_common():
        title = refusal_title(source, reason, code, language) or reason
        words[title] = words.get(title, 0) + count
    rows = sorted(words.items(), key=lambda row: -row[1])[:_MOST_REASONS]
    parts = shares([count for _, count in rows])
    return tuple(ReasonShown(title, count, part) for (title, count), part in zip(rows, parts, strict=True))


def _figures(looked: Looked) -> tuple[FigureShown, ...]:
    say, tally, pages = looked.say, looked.tally, looked.pages
    last = say("overview.last_login", time=clock(tally.last_login_at)) if tally.last_login_at else ""
    not_taken = say("overview.not_taken", count=number(tally.reports_not_taken)) if tally.reports_not_taken else ""
    incomplete = say("overview.incomplete", count=number(tally.incomplete))
    tries = tally.logins + tally.refusals
    share = say("overview.share", share=f"{100 * tally.refusals / tries:.1f}") if tries else ""
    orders = sum(int(relay.status.get("orders_today", 0)) for relay in looked.relays if relay.reachable)
    bound = sum(int(relay.status.get("orders_per_day", 0)) for relay in looked.relays if relay.reachable)
    most = say("overview.of_most", most=number(looked.count("most")), investors=number(looked.count("investors")))
    return (
        FigureShown(say("overview.on_line"), number(looked.count("total")), most, pages.get("terminals", "")),
        FigureShown(say("overview.logins_today"), number(tally.logins), last, pages.get("logins", "")),
        FigureShown(say("overview.reports_today"), number(tally.reports), not_taken or incomplete),
        FigureShown(say("overview.refused_today"), number(tally.refusals), share, pages.get("refusals", "")),
        FigureShown(
            say("overview.orders_today"), number(orders), say("overview.of_bound", bound=number(bound)) if bound else ""
        ),
    )


def _hours(looked: Looked) -> HoursShown:
    hour = looked.now.hour
    tally = looked.tally
    used = [*tally.logins_by_hour, *tally.refused_by_hour, hour]
    first = min(*used, max(0, hour - 7))
    by_hour = [
        (f"{one:02}:00", tally.logins_by_hour[one], tally.refused_by_hour[one]) for one in range(first, hour + 1)
    ]
    feet = (by_hour[0][0], by_hour[len(by_hour) // 2][0], by_hour[-1][0])
    says = looked.say("overview.logins_says", logins=number(tally.logins), refused=number(tally.refusals))
    return HoursShown(column_chart(by_hour), feet, says)


def _rates(looked: Looked) -> tuple[RateShown, ...]:
    return tuple(_rate(looked, name) for name in ("orders", "events"))


def _rate(looked: Looked, name: str) -> RateShown:
    at = looked.now.timestamp()
    counted = [(relay.rates, _counter(relay.rates.names(), name)) for relay in looked.relays]
    steps = _steps_known(looked)
    series = [rates.series(counter, at)[-steps - 1 : -1] for rates, counter in counted if counter]
    per_second = [sum(step) / STEP_SECONDS for step in zip(*series, strict=True)] if series else []
    chart = line_chart(per_second)
    times = [looked.now - dt.timedelta(seconds=STEP_SECONDS * back) for back in (steps, steps // 2, 0)]
    written = "%H:%M" if steps * STEP_SECONDS >= _SECONDS_BELOW else "%H:%M:%S"
    title, now = looked.say(f"overview.rate_{name}"), number(chart.last)
    says = looked.say("overview.rate_says", what=title, now=now, highest=number(chart.highest))
    return RateShown(
        title, chart, now, looked.say(f"overview.unit_{name}"), tuple(time.strftime(written) for time in times), says
    )


def _steps_known(looked: Looked) -> int:
    """How much of the last half hour the console has watched: a line before that would say that nothing happened."""
    first = min((relay.rates.first_step for relay in looked.relays if relay.rates.first_step), default=None)
    known = 0 if first is None else int(looked.now.timestamp() - first) // STEP_SECONDS - 1
    return max(_LEAST_RATE_STEPS, min(_RATE_STEPS, known))


def _counter(names: Sequence[str], rate: str) -> str:
    return next((name for name in RATE_FIGURES[rate] if name in names), "")


def _health(looked: Looked) -> tuple[HealthShown, ...]:
    relays = [relay for relay in looked.relays if relay.reachable]
    if not relays:
        return ()
    return tuple(_each_health([relay.status for relay in relays], looked.say))


def _each_health(answers: Sequence[Mapping[str, Any]], say: Say) -> Iterable[HealthShown]:
    yield _certificate(answers, say)
    ledgers = [answer.get("ledger") or {} for answer in answers]
    lag = max(float(ledger.get("lag_seconds", 0)) for ledger in ledgers)
    waiting = sum(int(ledger.get("waiting", 0)) + int(ledger.get("spooled", 0)) for ledger in ledgers)
    lost = sum(int(ledger.get("lost", 0)) for ledger in ledgers)
    kind = "bad" if lost else "warn" if lag >= 5 or waiting > 100 else "ok"
    note = say("overview.ledger_lost", count=number(lost)) if lost else ""
    yield HealthShown(say("overview.ledger"), say("overview.ledger_lag", seconds=f"{lag:.1f}"), kind, note)
    yield HealthShown(
        say("overview.queued"),
        size(sum(int(answer.get("queued_bytes", 0)) for answer in answers)) or "0 B",
        "ok",
        say("overview.calls_waiting", count=number(sum(int(answer.get("calls_waiting", 0)) for answer in answers))),
    )
    locks = sum(int(answer.get("locks", 0)) for answer in answers)
    yield HealthShown(say("overview.locks"), number(locks), "warn" if locks else "ok")
    yield from _of_figures(answers, say)


def _certificate(answers: Sequence[Mapping[str, Any]], say: Say) -> HealthShown:
    known = [answer["certificate"] for answer in answers if answer.get("certificate")]
    label = say("overview.certificate")
    if not known:
        return HealthShown(label, say("overview.no_certificate"), "idle")
    first = min(known, key=lambda one: float(one.get("days_left", 0)))
    days = int(float(first.get("days_left", 0)))
    kind = "bad" if days < 0 else "warn" if days < CERTIFICATE_WARNING_DAYS else "ok"
    until = date(str(first.get("valid_until", "")))
    return HealthShown(label, say("overview.days_left", days=number(days)), kind, until)


def _of_figures(answers: Sequence[Mapping[str, Any]], say: Say) -> Iterable[HealthShown]:
    free = [value for answer in answers for value in _values(answer, "free_disk_bytes", "disk_free_bytes")]
    if free:
        least = min(free)
        yield HealthShown(
            say("overview.disk"), size(least), "bad" if least < 2**29 else "warn" if least < 2**31 else "ok"
        )
    off = [abs(value) for answer in answers for value in _values(answer, "clock_offset_seconds")]
    if off:
        yield HealthShown(
            say("overview.clock"), say("look.seconds", seconds=f"{max(off):.1f}"), "warn" if max(off) >= 2 else "ok"
        )
    verifier = [value for answer in answers for value in _values(answer, "verifier_ready")]
    if verifier:
        ready = min(verifier) >= 1
        word = "overview.verifier_ready" if ready else "overview.verifier_gone"
        yield HealthShown(say("overview.verifier"), say(word), "ok" if ready else "bad")


def _values(status: Mapping[str, Any], *names: str) -> list[float]:
    """Those that are known: a counter that says no time leaves the clock's offset NaN."""
    found = [float(row.get("value", 0)) for row in status.get("figures", []) if row.get("name") in names]
    return [value for value in found if not math.isnan(value)]


def _figure(status: Mapping[str, Any], name: str) -> float:
    return sum(_values(status, name))


def _relay(relay: WatchedRelay, looked: Looked) -> RelayShown:
    say, status = looked.say, relay.status
    kind = kind_of(whys(relay, say, looked.language))
    word = "unreachable" if not relay.reachable else "ready" if takes_logins(relay) else "not_ready"
    counter, process = status.get("counter") or {}, status.get("process") or {}
    versions = {row.get("name"): row.get("version") for row in process.get("versions", [])}
    sessions = status.get("sessions") or {}
    mode = str(status.get("mode", ""))
    return RelayShown(
        relay.name,
        kind,
        say(f"state.{word}"),
        say(f"overview.{mode}") if mode in {"many_to_many", "many_to_one"} else "–",
        ", ".join(counter.get("fronts", [])) or "–",
        f"{number(sessions.get('total'))} / {number(sessions.get('most'))}" if relay.reachable else "–",
        str(versions.get("ctp-relay") or "–"),
        as_time(str(process.get("started_at", ""))),
        (
            *worker_lines(status, say),
            *_offered(counter.get("described") or {}, looked),
            *_libraries((counter, status.get("market_data") or {})),
        ),
    )


def _offered(offered: Mapping[str, Any], looked: Looked) -> Iterable[str]:
    """What stands behind the relay: product, exchanges and boards, levels of login, what may be done, what is collected."""
    say, chinese = looked.say, looked.language is Language.ZH
    together = say("look.and").join
    yield " ".join(str(offered[name]) for name in ("system", "version", "product") if offered.get(name))
    exchanges = [_exchange(one, looked) for one in offered.get("exchanges", [])]
    if exchanges:
        yield f"{say('overview.exchanges')} {together(exchanges)}"
    names = description_words.LEVELS if chinese else {}
    levels = [
        f"{names.get(one['name'], one['name'])} {'✓' if one.get('up') else '✗'}" for one in offered.get("levels", [])
    ]
    if levels:
        yield f"{say('overview.levels')} {together(levels)}"
    if offered.get("capabilities"):
        names = description_words.CAPABILITIES if chinese else {}
        words = (names.get(word, word) for word in offered["capabilities"])
        yield f"{say('overview.capabilities')} {together(words)}"
    wanted = [str(one["kind"]) for one in offered.get("wanted", [])]
    if wanted:
        yield f"{say('overview.wanted')} {together(wanted)}"


def _exchange(one: Mapping[str, Any], looked: Looked) -> str:
    chinese = looked.language is Language.ZH
    native = one.get("native_code")
    words = (description_words.board_word(str(board["code"]), chinese=chinese) for board in one.get("boards", []))
    boards = ",".join(dict.fromkeys(words))
    code = description_words.exchange_word(str(one["code"]), chinese=chinese)
    return f"{code}{f'={native}' if native else ''}{f'({boards})' if boards else ''}"


def _libraries(parts: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for part in parts:
        if library := part.get("library"):
            digest = str(library.get("sha256", ""))[:_DIGEST_SHOWN]
            whose = f"{library.get('binding')} {library.get('binding_version')}"
            yield f"{whose} · {library.get('version')} · {library.get('file')} · SHA-256 {digest}…"


def alarm_shown(alarm: Mapping[str, Any], relay: str, language: Language, fact: Callable[[str], str]) -> AlarmShown:
    """One of `ListAlarms`; `fact` names a fact. What is no short text stands in the ledger and the log."""
    facts = alarm.get("facts") or {}
    return AlarmShown(
        kind="warn",
        at=str(alarm.get("at", "")),
        words=in_words(alarm.get("title"), language) or str(alarm.get("name", "")),
        todo=in_words(alarm.get("advice"), language),
        facts=tuple(
            f"{fact(name)} {value}"
            for name, value in sorted(facts.items())
            if name != "session" and "{" not in str(value)
        ),
        delivered=tuple(alarm.get("delivered", [])),
        failed=tuple(alarm.get("failed", [])),
        relay=relay,
    )
