"""/metrics for Prometheus and /healthz for supervisors, on a port of their own; nothing here names an investor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from relay.counter.order_map import OrderMapFile
from relay.counter.port import Counter
from relay.services.ledger import Ledger
from relay.services.sessions import Sessions
from relay.services.verifier import Verifier
from relay.setting_values import split_address

_StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of the relay as it stands now."""

    name: str
    """without the prefix ctp_relay_"""
    help: str
    value: float


Read = Callable[[], Iterable[Reading]]
"""Called on the HTTP server's thread: reads plain numbers only"""


def readings(
    sessions: Sessions, counter: Counter, ledger: Ledger, verifier: Verifier | None, order_map: OrderMapFile
) -> Iterator[Reading]:
    """The relay's figures of this moment."""
    written = ledger.statistics()
    yield Reading("sessions", "terminal sessions, logged in or lingering", len(sessions))
    yield Reading(
        "counter_ready", "1 where terminals can be attached; many-to-one: the operator is logged in", counter.ready
    )
    yield Reading("ledger_entries_committed", "ledger entries committed since the start", written["committed"])
    yield Reading("ledger_entries_failed", "ledger entries that could not be committed", written["failed"])
    yield Reading("ledger_entries_spooled", "ledger entries on disk until the database answers", written["spooled"])
    yield Reading(
        "ledger_entries_lost", "ledger entries that could be kept nowhere; the ledger says so", written["lost"]
    )
    yield Reading("ledger_entries_waiting", "ledger entries waiting for the database", written["waiting"])
    kept = order_map.statistics()
    yield Reading(
        "order_map_writes_failed", "orders refused because the order map could not be written", kept["failed"]
    )
    yield Reading("order_map_lines_lost", "damaged lines found when the day's order map was read", kept["bad_lines"])
    ready = verifier is None or verifier.state == "ready"
    yield Reading("verifier_ready", "1 where system info can be judged, or is not to be", float(ready))


class _Relay(Collector):
    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        for reading in self._read():
            yield GaugeMetricFamily(f"ctp_relay_{reading.name}", reading.help, value=reading.value)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """A scrape every few seconds is not news."""


class MetricsServer:
    """Serves on its own thread. Use as `with MetricsServer(…)`."""

    def __init__(self, address: str, read: Read, healthy: Callable[[], bool]) -> None:
        """OSError where the address cannot be bound."""
        registry = CollectorRegistry()
        registry.register(_Relay(read))
        metrics = make_wsgi_app(registry)

        def app(environ: Mapping[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
            if environ.get("PATH_INFO") == "/metrics":
                return metrics(environ, start_response)  # type: ignore[no-any-return]
            if environ.get("PATH_INFO") == "/healthz":
                return _health(start_response, healthy=healthy())
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /healthz are here\n"]

        host, port = split_address(address)
        self._server = make_server(host, port, app, _Server, _Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _health(start_response: _StartResponse, *, healthy: bool) -> Iterable[bytes]:
    status, text = ("200 OK", b"ok\n") if healthy else ("503 Service Unavailable", b"draining\n")
    start_response(status, [("Content-Type", "text/plain")])
    return [text]
