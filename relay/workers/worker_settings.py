"""What a worker's settings are, from those of the relay: a place of its own, and its share of what holds for the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from relay.metrics.http_server import UNIX
from relay.settings import file as settings_file
from relay.settings.settings import Settings

_SECOND = 128
"""more than there can be workers"""
SHARED_COUNTS: dict[str, tuple[str, ...]] = {
    "listen": (
        "max_connections_without_session",
        "max_connections_without_session_per_address",
        "max_streams_without_session",
        "max_streams_without_session_per_address",
    ),
}
SHARED_RATES: dict[str, tuple[str, ...]] = {
    "listen": ("connections_per_second", "connections_per_second_per_address"),
    "counter": ("inits_per_second",),
}
"""what strangers, an address or the counter may see of one machine: the workers have equal parts of it"""


def worker_dir(settings: Settings, number: int) -> Path:
    """Where this worker keeps its order map and what of its ledger waits."""
    return settings.relay.state_dir / f"worker-{number}"


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Which worker, of which of the two generations that there can be at once."""

    number: int
    """1 to `relay.workers`"""
    second: bool = False
    """whether its supervisor has the second berth"""

    @property
    def token(self) -> int:
        """The first byte of its sessions' tokens."""
        return self.number + (_SECOND if self.second else 0)

    @classmethod
    def of_token(cls, token: int) -> WorkerPlace:
        return cls(token % _SECOND, token >= _SECOND)

    @property
    def socket(self) -> str:
        """The end of its sockets' names."""
        return f"{self.number}b" if self.second else str(self.number)


def worker_socket(settings: Settings, place: WorkerPlace) -> Path:
    """Where the supervisor asks it."""
    socket = settings_file.control_socket(settings)
    return socket.with_name(f"{socket.stem}-{place.socket}{socket.suffix}")


def worker_monitor(settings: Settings, place: WorkerPlace) -> Path:
    """Where the supervisor reads its metrics."""
    socket = settings_file.control_socket(settings)
    return socket.with_name(f"metrics-{place.socket}{socket.suffix}")


def streams_by_token(settings: Settings) -> dict[int, Path]:
    """Where each worker, of this generation and of another one, takes the streams of its sessions; by its tokens' first byte."""
    numbers = range(1, settings.relay.workers + 1)
    places = [WorkerPlace(number, second) for number in numbers for second in (False, True)]
    socket = settings_file.control_socket(settings)
    return {place.token: socket.with_name(f"streams-{place.socket}{socket.suffix}") for place in places}


def worker_settings(settings: Settings, place: WorkerPlace) -> Settings:
    """Of this worker. Flow files have one root for all: who starts sweeps for all."""
    number = place.number
    own: dict[str, dict[str, object]] = {
        "relay": {
            # No relay can be named so: a setting has no dot.
            "name": f"{settings.relay.name}.{number}",
            "state_dir": worker_dir(settings, number),
            "control_socket": worker_socket(settings, place),
        },
        "directory": {"secrets_key_file": settings_file.secrets_key_file(settings)},
        "ledger": {"signing_key_file": settings_file.signing_key_file(settings)},
        "counter": {"flow_dir": settings_file.flow_dir(settings)},
        "metrics": {"address": f"{UNIX}{worker_monitor(settings, place)}"},
        "admin": {"address": None},
        "listen": {},
    }
    for section, names in SHARED_COUNTS.items():
        for name in names:
            own[section][name] = max(1, getattr(getattr(settings, section), name) // settings.relay.workers)
    for section, names in SHARED_RATES.items():
        for name in names:
            own[section][name] = getattr(getattr(settings, section), name) / settings.relay.workers
    return settings.model_copy(update={name: _with(getattr(settings, name), values) for name, values in own.items()})


def is_workers_own(settings: Settings, key: str) -> bool:
    """Whether the setting of this key is another one for each worker than in the file."""
    section, _, name = key.partition(".")
    here, there = getattr(settings, section, None), getattr(worker_settings(settings, WorkerPlace(1)), section, None)
    return getattr(here, name, None) != getattr(there, name, None)


def _with(section: BaseModel, values: dict[str, object]) -> BaseModel:
    return section.model_copy(update=values)
