"""/metrics, /healthz and /readyz of all workers on the one port, read from each worker's own.

Every series has the label `worker`, so that Prometheus adds up what is to be added up; those of the supervisor's own process
have none. The relay is ready where one worker is.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.metrics.endpoint import MetricsServer
from relay.metrics.rows import PREFIX, ROWS
from relay.settings.settings import Settings
from relay.workers.worker_process import WorkerProcess, WorkerState
from relay.workers.worker_settings import worker_monitor

LABEL: Final = "worker"
_SECONDS = 4.0
_OK = 200


class WorkersMonitor:
    """Asked on the threads of the HTTP server; reads plain values of the workers'."""

    def __init__(
        self,
        settings: Settings,
        workers: Mapping[int, WorkerProcess],
        why_not_healthy: Callable[[], str],
        faults: Faults,
    ) -> None:
        """`why_not_healthy` and `faults` are the supervisor's own; the former is empty where it goes on."""
        self._settings = settings
        self._workers = workers
        self._why_not_healthy = why_not_healthy
        self._faults = faults
        self._own = CollectorRegistry()
        ProcessCollector(registry=self._own)
        PlatformCollector(registry=self._own)

    def server(self, address: str) -> MetricsServer:
        """OSError where the address cannot be bound."""
        return MetricsServer(address, self.families, self.why_not_healthy, self.readiness, process_too=False)

    def families(self) -> Iterable[Metric]:
        """Of all that answer."""
        texts = {number: answer[1] for number, answer in self._read("/metrics").items()}
        return [*labelled(texts, [*self._own.collect(), *self._own_faults()]), *self._of_the_workers()]

    def why_not_healthy(self) -> str:
        """Empty where terminals can be sent here."""
        own = self._why_not_healthy()
        if own:
            return own
        found = self._read("/healthz")
        if any(status == _OK for status, _ in found.values()):
            return ""
        whys = [f"worker {number}: {text.strip()}" for number, (_, text) in found.items()]
        return "; ".join(whys) or "no worker serves"

    def readiness(self) -> dict[str, object]:
        """Of the first that is ready, or of the first, with each one's own."""
        found = {number: json.loads(text) for number, (_, text) in self._read("/readyz").items()}
        each = {str(number): found.get(number, _away(worker)) for number, worker in self._workers.items()}
        own = self._why_not_healthy()
        first = next((one for one in each.values() if one["ready"]), next(iter(each.values())))
        ready = bool(first["ready"]) and not own
        reason = {} if ready or not own else {"reason": own}
        return {**first, "ready": ready, **reason, "relay": self._settings.relay.name, "workers": each}

    def _own_faults(self) -> Iterator[Metric]:
        """Of the workers as such; whatever else there can be, one of them has."""
        fault, labels = Fault.WORKER_DOWN, ["fault"]
        stands = GaugeMetricFamily(f"{PREFIX}fault", ROWS["fault"].meaning, labels=labels)
        stands.add_metric([fault.word], float(self._faults.stands(fault)))
        begun = CounterMetricFamily(f"{PREFIX}faults_begun", ROWS["faults_begun"].meaning, labels=labels)
        begun.add_metric([fault.word], self._faults.begun(fault))
        yield stands
        yield begun

    def _of_the_workers(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(f"{PREFIX}workers", ROWS["workers"].meaning, labels=ROWS["workers"].labels)
        for state in WorkerState:
            states.add_metric([state.value], sum(one.state is state for one in self._workers.values()))
        starts = CounterMetricFamily(f"{PREFIX}worker_starts", ROWS["worker_starts"].meaning, labels=[LABEL])
        for number, worker in self._workers.items():
            starts.add_metric([str(number)], worker.starts)
        yield states
        yield starts

    def _read(self, path: str) -> dict[int, tuple[int, str]]:
        """Status and text of each worker that answers."""
        found: dict[int, tuple[int, str]] = {}
        for number, worker in self._workers.items():
            if worker.state in {WorkerState.SERVING, WorkerState.STOPPING}:
                try:
                    found[number] = _asked(worker_monitor(self._settings, worker.place), path)
                except (OSError, http.client.HTTPException):
                    continue  # it has just ended, or does not go on
        return found


def labelled(texts: Mapping[int, str], own: Iterable[Metric]) -> Iterator[Metric]:
    """Each family once: of every worker with its label, then of the supervisor."""
    together: dict[str, Metric] = {}
    names = {f"{PREFIX}{name}" for name in ("workers", "worker_starts")}
    for number, text in texts.items():
        for family in text_string_to_metric_families(text):
            if family.name in names:
                continue
            metric = together.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                metric.add_sample(sample.name, {LABEL: str(number), **sample.labels}, sample.value)
    for family in own:
        metric = together.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        for sample in family.samples:
            metric.add_sample(sample.name, sample.labels, sample.value)
    yield from together.values()


def _away(worker: WorkerProcess) -> dict[str, object]:
    why = f" ({worker.why})" if worker.why else ""
    return {"ready": False, "reason": "relay_stuck", "message": f"worker {worker.number} is {worker.state.value}{why}"}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _asked(socket_path: Path, path: str) -> tuple[int, str]:
    connection = _UnixConnection(socket_path)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
