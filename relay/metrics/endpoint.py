"""/metrics for Prometheus, /healthz and /readyz for supervisors, on a port of their own; nothing names an investor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from relay.admission.verifier import Verifier
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.port import Counter
from relay.edge.causes import Cause
from relay.edge.stream_gate import StreamGate
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.ledger.ledger import Ledger
from relay.logs.alarms import AlarmName, Alarms
from relay.logs.logs import Log
from relay.metrics.http_server import HttpAnswer, HttpRequest, HttpServer
from relay.outside_text import shown_json
from relay.rpc.listener import Listener
from relay.sessions.sessions import Sessions
from relay.settings.values import split_address

_LOOP_SECONDS = 2.0
"""a loop that is silent for so long serves no terminal: an answer to a terminal takes milliseconds"""


Reading = tuple[str, str, float]
"""One figure as it stands now: its name without the prefix ctp_relay_, what it means, its value"""
Read = Callable[[], Iterable[Reading]]
"""Called on the HTTP server's thread: reads plain numbers only"""


@dataclass(frozen=True, slots=True)
class Watched:
    sessions: Sessions
    counter: Counter
    ledger: Ledger
    verifier: Verifier | None
    order_map: OrderMapFile
    log: Log
    listener: Listener
    gate: StreamGate
    alarms: Alarms
    faults: Faults


def why_draining(sessions: Sessions) -> str:
    """For who asks on the loop itself, which answers by asking."""
    return "draining" if sessions.draining else ""


def readings(of: Watched) -> Iterator[Reading]:
    yield "sessions", "terminal sessions, logged in or lingering", len(of.sessions)
    yield "counter_ready", "1 where terminals can be attached; many-to-one: the operator is logged in", of.counter.ready
    known = of.counter.describe().exchanges
    yield "counter_exchanges", "exchanges the counter named at its latest login; 0 before one", len(known)
    yield from _of_ledger(of.ledger.statistics())
    yield (
        "orders_today",
        "orders this trading day of the counter session that has most; limits.orders_per_day is its bound",
        of.counter.orders_today,
    )
    kept = of.order_map.statistics()
    yield "order_map_writes_failed", "orders refused because the order map could not be written", kept["failed"]
    yield "order_map_lines_lost", "damaged lines found when the day's order map was read", kept["bad_lines"]
    yield "streams_without_session", "open streams that are not logged in", of.gate.held
    yield "streams_waiting", "streams that wait because their address has too many", of.gate.waiting
    yield "streams_refused", "streams refused since the start because there were too many", of.gate.refused
    ready = of.verifier is None or of.verifier.state == "ready"
    yield "verifier_ready", "1 where system info can be judged, or is not to be", float(ready)
    yield "log_lines_dropped", "log lines lost since the start because they were not read", of.log.dropped
    yield from _of_the_door(of.listener)
    for alarm in AlarmName:
        yield f"alarm_{alarm.event}", f"alarms since the start: {alarm.meaning}", of.alarms.count(alarm)


def _of_the_door(door: Listener) -> Iterator[Reading]:
    yield "origins_unknown", "streams refused because a proxy did not say where they come from", door.origins_unknown
    yield "origins_without_port", "streams whose proxy gave no port: reports say 0", door.origins_without_port
    edge = door.edge
    yield "connections_unproved", "connections on which no terminal has proved itself", edge.strangers
    yield "connections_proved", "connections with a terminal that is logging in after its proof", edge.proved
    yield "connections_with_session", "connections with a terminal session", edge.with_session
    yield "connections_waiting", "new connections that wait for their turn", edge.waiting
    yield "connections_refused", "connections refused since the start, for whatever cause", edge.counts.refused
    for cause in Cause:
        yield f"connections_{cause.event}", f"connections {cause.meaning}", edge.counts.of(cause)
    if door.certificates is not None:
        until = door.certificates.valid_until.timestamp()
        yield "tls_certificate_valid_until_seconds", "when the served certificate expires, Unix time", until


def _of_ledger(written: Mapping[str, int]) -> Iterator[Reading]:
    yield "ledger_entries_committed", "ledger entries committed since the start", written["committed"]
    yield "ledger_entries_failed", "ledger entries that could not be committed", written["failed"]
    yield "ledger_entries_spooled", "ledger entries on disk until the database answers", written["spooled"]
    yield "ledger_entries_lost", "ledger entries that could be kept nowhere; the ledger says so", written["lost"]
    yield "ledger_entries_waiting", "ledger entries waiting for the database", written["waiting"]


def why_not_healthy(loop: asyncio.AbstractEventLoop, sessions: Sessions, seconds: float = _LOOP_SECONDS) -> str:
    """Why no terminal should be sent here, empty where nothing stands against it. Not for the loop's own thread.

    The loop is asked, and has to answer in time: this thread runs on when the relay itself does not.
    """
    heard = threading.Event()
    try:
        loop.call_soon_threadsafe(heard.set)
    except RuntimeError:
        return "stopped"
    if not heard.wait(seconds):
        return f"stuck: the relay's loop does not answer within {seconds:g} s"
    return "draining" if sessions.draining else ""


def of_faults(faults: Faults) -> Iterator[Metric]:
    """Every fault there can be, whether it stands or not, so that an alert on one needs no `absent`."""
    stands = GaugeMetricFamily("ctp_relay_fault", "1 while this fault stands", labels=["fault"])
    began = CounterMetricFamily("ctp_relay_faults_begun", "how often this fault has begun", labels=["fault"])
    for fault in Fault:
        stands.add_metric([fault.word], float(faults.stands(fault)))
        began.add_metric([fault.word], faults.begun(fault))
    yield stands
    yield began


class _Relay(Collector):
    def __init__(self, read: Read, faults: Faults) -> None:
        self._read = read
        self._faults = faults

    def collect(self) -> Iterator[Metric]:
        yield from of_faults(self._faults)
        for name, meaning, value in self._read():
            yield GaugeMetricFamily(f"ctp_relay_{name}", meaning, value=value)


class MetricsServer(HttpServer):
    """What a monitor may ask, on a thread of its own between `start` and `stop`."""

    def __init__(
        self,
        address: str,
        read: Read,
        why_not_healthy: Callable[[], str],
        readiness: Callable[[], dict[str, object]],
        faults: Faults,
    ) -> None:
        """`why_not_healthy` is empty for a healthy relay. OSError where the address cannot be bound."""
        registry = CollectorRegistry()
        registry.register(_Relay(read, faults))

        def answer(request: HttpRequest) -> HttpAnswer:
            match request.path:
                case "/metrics":
                    return _metrics(registry, request)
                case "/healthz":
                    return _health(why_not_healthy())
                case "/readyz":
                    return _readiness(readiness())
                case _:
                    return HttpAnswer("404 Not Found", body=b"/metrics, /healthz and /readyz are here\n")

        super().__init__(*split_address(address), answer)


def _metrics(registry: CollectorRegistry, request: HttpRequest) -> HttpAnswer:
    # Which names to leave out is asked by a query, which no scraper of ours needs.
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return HttpAnswer("200 OK", (("Content-Type", kind),), encode(registry))


def _health(why_not: str) -> HttpAnswer:
    status = "503 Service Unavailable" if why_not else "200 OK"
    return HttpAnswer(status, body=f"{why_not or 'ok'}\n".encode())


def _readiness(state: dict[str, object]) -> HttpAnswer:
    status = "200 OK" if state["ready"] else "503 Service Unavailable"
    return HttpAnswer(
        status, (("Content-Type", "application/json; charset=utf-8"),), shown_json(state).encode() + b"\n"
    )
