"""/metrics for Prometheus, /healthz and /readyz for service managers, on a port of their own; nothing names an investor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from relay.metrics.http_server import HttpAnswer, HttpRequest, HttpServer
from relay.outside_text import shown_json
from relay.sessions.sessions import Sessions

_LOOP_SECONDS = 2.0
"""a loop that is silent for so long serves no terminal: an answer to a terminal takes milliseconds"""


Read = Callable[[], Iterable[Metric]]
"""Called on the HTTP server's thread: reads plain numbers only"""


def why_draining(sessions: Sessions) -> str:
    """For who asks on the loop itself, which answers by asking."""
    return "draining" if sessions.draining else ""


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


class _Relay(Collector):
    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        yield from self._read()

    def describe(self) -> Iterator[Metric]:
        """Nothing: the relay need not be asked for its figures before somebody wants them."""
        return iter(())


class MetricsServer(HttpServer):
    """What a monitor may ask, on a thread of its own between `start` and `stop`."""

    def __init__(
        self,
        address: str,
        read: Read,
        why_not_healthy: Callable[[], str],
        readiness: Callable[[], dict[str, object]],
        *,
        process_too: bool = True,
    ) -> None:
        """`why_not_healthy` is empty for a healthy relay; without `process_too`, `read` has what is said of the process.

        OSError where the address cannot be bound.
        """
        registry = CollectorRegistry()
        registry.register(_Relay(read))
        if process_too:
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)

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

        super().__init__(address, answer)


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
