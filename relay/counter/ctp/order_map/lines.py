"""One entry of the order map as a line of JSON, and back; a line that is no entry is named as such."""

from __future__ import annotations

import base64
import dataclasses
import json

from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace

_NUMBERS = frozenset(field.name for field in dataclasses.fields(MapEntry) if field.type == "int")
_TEXTS = ("lane_ref", "investor_id", "order_key")
_FIELDS = frozenset(field.name for field in dataclasses.fields(MapEntry))


class BadLine(ValueError):
    """The line was damaged: cut, overwritten with zeros, or run into another."""


def to_line(entry: MapEntry, *, retracted: bool = False) -> str:
    """With its line end."""
    values: dict[str, object] = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    values["content"] = base64.b64encode(entry.content).decode()
    if retracted:
        values["retracted"] = True
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def from_line(line: bytes) -> tuple[MapEntry, bool]:
    """The entry, and whether this line takes it back. Raises BadLine."""
    try:
        # Zeros are what a power cut leaves of a block that was not written yet; an entry may follow them.
        values = json.loads(line.strip(b"\0"))
        retracted = values.pop("retracted", False) is True
        values["space"] = RefSpace(values["space"])
        values["content"] = base64.b64decode(values["content"], validate=True)
        entry = MapEntry(**{name: value for name, value in values.items() if name in _FIELDS})
        int(entry.lane_ref)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadLine(str(error)) from None
    if not _whole(entry):
        raise BadLine("a field has another type")
    return entry, retracted


def _whole(entry: MapEntry) -> bool:
    numbers = all(type(getattr(entry, name)) is int for name in _NUMBERS)
    return numbers and all(type(getattr(entry, name)) is str for name in _TEXTS)
