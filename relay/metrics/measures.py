"""Every figure as it stands now, by the rows of the table. Called on other threads: reads plain numbers only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from relay.compiled import choice
from relay.counter.market_port import FeedKind
from relay.edge.causes import Cause
from relay.faults.table import Fault
from relay.figures.figures import Histogram
from relay.logs.alarms import AlarmName
from relay.market_data.hub import MarketHub
from relay.metrics.rows import PREFIX, ROWS
from relay.metrics.watched import Watched
from relay.rpc.listener import Listener

Measure = tuple[str, tuple[str, ...], float | Histogram]
"""a row's name, its labels' values, and the value"""
Reading = tuple[str, str, float]
"""the same on one line: name, meaning, value; without histograms"""


def measures(of: Watched) -> Iterator[Measure]:
    """Everything that the table names."""
    yield "build_info", (of.version, of.counter.mode.value, of.relay), 1
    for fault in Fault:
        yield "fault", (fault.word,), float(of.faults.stands(fault))
        yield "faults_begun", (fault.word,), of.faults.begun(fault)
    for alarm in AlarmName:
        yield "alarms", (alarm.event,), of.alarms.count(alarm)
    for sender in of.senders():
        yield "alarm_messages", (sender.channel.name, "delivered"), sender.delivered
        yield "alarm_messages", (sender.channel.name, "failed"), sender.failed
    yield from _of_terminals(of)
    yield from _of_figures(of)
    yield from _of_the_counter(of)
    yield from _of_what_is_kept(of)
    yield from _of_the_door(of.listener)
    yield from _of_certificates(of)
    if of.market is not None:
        yield from _of_market_data(of.market)
    yield "streams_without_session", (), of.gate.held
    yield "streams_waiting", (), of.gate.waiting
    yield "streams_refused", (), of.gate.refused
    yield "verifier_ready", (), float(of.verifier is None or of.verifier.state == "ready")
    yield "log_lines_dropped", (), of.log.dropped
    yield "disk_free_bytes", (), of.found.disk_free_bytes
    yield "database_seconds", (), of.found.database_seconds
    yield "descriptors_open", (), of.found.descriptors
    yield "descriptors_most", (), of.found.descriptors_most


def _of_terminals(of: Watched) -> Iterator[Measure]:
    sessions = tuple(of.sessions)
    lingering = sum(session.is_lingering for session in sessions)
    queues = [session.queues for session in sessions]
    yield "sessions", (), len(sessions)
    yield "sessions_by_state", ("online",), len(sessions) - lingering
    yield "sessions_by_state", ("lingering",), lingering
    yield "outbox_bytes", (), sum(queue.bytes for queue in queues)
    yield "calls_waiting", (), sum(queue.calls for queue in queues)
    yield "locks", (), of.locks()
    yield "fan_out_waits", (), of.sessions.fan_out.turns.waits


def _of_figures(of: Watched) -> Iterator[Measure]:
    figures = of.figures
    for outcome, count in tuple(figures.logins.items()):
        yield "logins", (outcome,), count
    for reason, count in tuple(figures.refusals.items()):
        yield "refusals", (reason,), count
    calls = tuple(figures.calls.items())
    for (request, code), count in calls:
        yield "calls", (request, str(code)), count
    taken = {
        request: sum(count for (name, code), count in calls if name == request and code == 0)
        for (request, _), _ in calls
    }
    yield "orders", (), sum(count for request, count in taken.items() if request.endswith("Insert"))
    yield "cancels", (), sum(count for request, count in taken.items() if "Action" in request)
    yield "queries", (), sum(count for request, count in taken.items() if request.startswith("ReqQry"))
    yield "resumes", (), figures.resumes
    yield "events", (), figures.events
    yield "login_seconds", (), figures.login_seconds
    yield "order_seconds", (), figures.order_seconds
    yield "notice_seconds", (), figures.notice_seconds


def _of_the_counter(of: Watched) -> Iterator[Measure]:
    watch = of.watch
    for code, count in tuple(watch.reports.items()):
        yield "reports", (str(code),), count
    yield "counter_ready", (), float(of.counter.ready)
    offered = of.counter.describe()
    yield "counter_exchanges", (), len(offered.exchanges)
    yield "compiled", (), float(choice.chosen().is_compiled)
    yield "native_road", (), float(offered.library is not None and offered.library.has_native_road)
    yield "counter_sessions", ("connected",), watch.connected
    yield "counter_sessions", ("not_connected",), watch.open - watch.connected
    yield "front_lost", (), watch.lost
    yield "front_reconnects", (), watch.reconnects
    yield "clock_offset_seconds", (), of.clock.offset
    yield "orders_today", (), of.counter.orders_today


def _of_what_is_kept(of: Watched) -> Iterator[Measure]:
    for name, count in of.ledger.statistics().items():
        yield f"ledger_entries_{name}", (), count
    if of.trail is not None:
        for name, count in of.trail.statistics().items():
            yield f"order_trail_{name}", (), count
    kept = of.order_map.statistics()
    yield "order_map_writes_failed", (), kept["failed"]
    yield "order_map_lines_lost", (), kept["bad_lines"]
    shared = of.order_map.shared.statistics() if of.order_map.shared is not None else {"waiting": 0, "lost": 0}
    yield "shared_orders_waiting", (), shared["waiting"]
    yield "shared_orders_lost", (), shared["lost"]


def _of_market_data(market: MarketHub) -> Iterator[Measure]:
    yield "market_data_live", (), float(market.state.live)
    yield "market_data_readers", (), market.readers
    for kind in FeedKind:
        yield "market_data_instruments", (kind.value,), market.book.count(kind)
    yield "market_data_received", (), market.received
    yield "market_data_sent", (), market.sent
    yield "market_data_passed_over", (), market.passed_over


def _of_the_door(door: Listener) -> Iterator[Measure]:
    yield "origins_unknown", (), door.origins_unknown
    yield "origins_without_port", (), door.origins_without_port
    edge = door.edge
    yield "connections_unproved", (), edge.strangers
    yield "connections_proved", (), edge.proved
    yield "connections_with_session", (), edge.with_session
    yield "connections_waiting", (), edge.waiting
    yield "connections_refused", (), edge.counts.refused
    for cause in Cause:
        yield "connections_ended", (cause.event,), edge.counts.of(cause)
    if door.certificates is not None:
        yield "certificate_valid_until_seconds", (), door.certificates.valid_until.timestamp()


def _of_certificates(of: Watched) -> Iterator[Measure]:
    for key, until in tuple(of.expiries.items()):
        yield "certificates_valid_until_seconds", (key,), until().timestamp()


def readings(of: Watched) -> Iterator[Reading]:
    """Every figure but the histograms on one line, for the status: labels stand behind the name."""
    for name, labels, value in measures(of):
        if not isinstance(value, Histogram):
            yield "_".join((name, *labels)) if name != "build_info" else name, ROWS[name].meaning, value


def families(found: Iterable[Measure]) -> Iterator[Metric]:
    """The same as Prometheus' client writes them, each type as what it is."""
    by_name: dict[str, list[tuple[tuple[str, ...], float | Histogram]]] = {name: [] for name in ROWS}
    for name, labels, value in found:
        by_name[name].append((labels, value))
    for name, values in by_name.items():
        yield _family(name, values)


def _family(name: str, values: list[tuple[tuple[str, ...], float | Histogram]]) -> Metric:
    row = ROWS[name]
    if row.kind == "histogram":
        shown = HistogramMetricFamily(PREFIX + name, row.meaning, labels=row.labels)
        for labels, value in values:
            if isinstance(value, Histogram):
                shown.add_metric(labels, [(bound, float(count)) for bound, count in value.cumulative()], value.total)
        return shown
    family = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    plain = family(PREFIX + name, row.meaning, labels=row.labels)
    for labels, value in values:
        if not isinstance(value, Histogram):
            plain.add_metric(labels, float(value))
    return plain
