"""The relays the console asks: one client each, on its control socket or over TCP with certificates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, AskFailed, RelayDoor
from relay.console.live import RelayAway
from relay.settings.console_section import relay_place
from relay.settings.file import control_socket
from relay.settings.settings import Settings

_STATUS_SECONDS = 5.0


class AskedRelay:
    """One relay. For the loop."""

    def __init__(self, name: str, door: RelayDoor) -> None:
        self.name = name
        self.door = door
        self._client: AdminClient | None = None

    @property
    def client(self) -> AdminClient:
        """Made when it is first asked for, inside the loop. Raises AskFailed where its files cannot be read."""
        if self._client is None:
            self._client = AdminClient(self.door, _STATUS_SECONDS)
        return self._client

    async def status(self) -> Mapping[str, Any]:
        """What it says of itself; raises RelayAway."""
        try:
            return plain(await self.client.get_status(pb.GetStatusRequest()))
        except AskFailed as failed:
            raise RelayAway(failed.text or failed.trouble) from None
        except OSError as error:
            raise RelayAway(f"{error.filename}: {error.strerror}") from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


RATED = frozenset({"orders", "orders_today", "events"})
"""figures that only grow, as a relay's status calls them; `orders_today` begins anew each trading day"""


def relays_of(settings: Settings) -> list[AskedRelay]:
    """Those that `console.relays` names; without a line the one of these settings."""
    console = settings.console
    if not console.relays:
        return [AskedRelay(settings.relay.name, RelayDoor(control_socket(settings)))]
    return [AskedRelay(name, _door(settings, where)) for name, where in map(relay_place, console.relays)]


def counters_of(status: Mapping[str, Any]) -> dict[str, float]:
    """The counters among a status' figures, over all their labels: what rates are made of."""
    found: dict[str, float] = {}
    for figure in status.get("figures", ()):
        if figure["name"] in RATED:
            found[figure["name"]] = found.get(figure["name"], 0.0) + figure["value"]
    return found


def plain(message: Message) -> dict[str, Any]:
    """A message as values fit for JSON and templates: every member is there, numbers are numbers, enums their names."""
    return {field.name: _plain(message, field) for field in message.DESCRIPTOR.fields}


def _plain(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_value(field, one) for one in value]
    if field.message_type is not None and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)  # a newer relay may have more of them
        return known.name if known is not None else ""
    return value


def _door(settings: Settings, where: str) -> RelayDoor:
    if where.startswith("unix:"):
        return RelayDoor(Path(where.removeprefix("unix:")))
    console = settings.console
    return RelayDoor(
        address=where,
        authority=console.relay_authority,
        certificate=console.relay_certificate,
        key=console.relay_key,
    )
