"""What a worker's settings are, from those of the relay: a place of its own, and its share of what holds for the machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from relay.metrics.http_server import UNIX
from relay.settings import file as settings_file
from relay.settings.settings import Settings

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


def worker_socket(settings: Settings, number: int) -> Path:
    """Where the supervisor asks it."""
    socket = settings_file.control_socket(settings)
    return socket.with_name(f"{socket.stem}-{number}{socket.suffix}")


def worker_monitor(settings: Settings, number: int) -> Path:
    """Where the supervisor reads its metrics."""
    socket = settings_file.control_socket(settings)
    return socket.with_name(f"metrics-{number}{socket.suffix}")


def worker_streams(settings: Settings, number: int) -> Path:
    """Where other workers bring it the streams of its sessions."""
    socket = settings_file.control_socket(settings)
    return socket.with_name(f"streams-{number}{socket.suffix}")


def worker_settings(settings: Settings, number: int) -> Settings:
    """Of the worker with this number, 1 to `relay.workers`. Flow files have one root for all: who starts sweeps for all."""
    own: dict[str, dict[str, object]] = {
        "relay": {
            # No relay can be named so: a setting has no dot.
            "name": f"{settings.relay.name}.{number}",
            "state_dir": worker_dir(settings, number),
            "control_socket": worker_socket(settings, number),
        },
        "directory": {"secrets_key_file": settings_file.secrets_key_file(settings)},
        "ledger": {"signing_key_file": settings_file.signing_key_file(settings)},
        "counter": {"flow_dir": settings_file.flow_dir(settings)},
        "metrics": {"address": f"{UNIX}{worker_monitor(settings, number)}"},
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
    here, there = getattr(settings, section, None), getattr(worker_settings(settings, 1), section, None)
    return getattr(here, name, None) != getattr(there, name, None)


def _with(section: BaseModel, values: dict[str, object]) -> BaseModel:
    return section.model_copy(update=values)
