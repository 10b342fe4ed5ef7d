"""The native library with the plan of one catalog: what encodes its events and makes inboxes for them, and reads terminals' calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct as Packing
from types import ModuleType
from typing import Any, Protocol, TypeVar

from ctpabi.catalog import Catalog, Method
from ctpabi.native import NativeUnavailable
from ctpabi.native.plan import EVENT_TAGS, by_slot, plan_bytes, requests_of_messages, struct_places
from ctpabi.native.slots import slot_mismatches

_PLACE = Packing("<II")
_NOWHERE = 0, 0
Made = TypeVar("Made", bound=tuple[Any, ...])
Places = Sequence[tuple[int, int] | None]
"""offset and size of each field; None where the struct has none"""


class NativeQueue(Protocol):
    """Callbacks that wait between the vendor's thread and the loop; `_ctp_native.Inbox`."""

    address: int
    """of the Spi that the vendor's code calls; valid for as long as this object lives"""
    descriptor: int
    """readable when something waits"""
    overflowed: bool

    def take(self) -> list[Any]: ...

    def shut(self) -> None: ...


ReadCall = tuple[int, int, str, bool, int, bytearray]
"""of a Call: request id, milliseconds it is valid for, client order key, fresh, place in `requests`, its struct's bytes"""


class NativeEvents:
    """The events of one catalog, and the calls."""

    def __init__(self, module: ModuleType, catalog: Catalog) -> None:
        self.catalog = catalog
        self.call_slot = module.call_slot
        """(spi, slot, first, second, third, fourth): as the vendor's code calls a slot, without the interpreter's lock"""
        self._module = module
        try:
            self._plan = module.Plan(plan_bytes(catalog), *EVENT_TAGS)
        except ValueError as error:
            raise NativeUnavailable(f"the native library does not take the catalog: {error}") from None
        self._places = struct_places(catalog)
        self._callbacks = by_slot(catalog)
        self.event = self._plan.event
        """(slot, body or None, request id, is last, what follows) -> a serialized Event; ValueError where it is none"""
        self.requests: tuple[Method, ...] = requests_of_messages(catalog)
        self.call: Callable[[bytes], ReadCall | None] = self._plan.call
        """a serialized TerminalMessage with a Call -> what it says; None where it is to be read as a message, and judged there"""

    def message(self, struct: str, body: bytes) -> bytes:
        """The serialized message of a struct's bytes. Raises ValueError where they are not the struct's."""
        made: bytes = self._plan.message(self._places[struct], body)
        return made

    def reader(self, into: type[Made], texts: Places, numbers: Places) -> Callable[[bytes], Made]:
        """What reads these fields of a struct at once, as an `into`: texts up to their NUL, ints of four bytes."""
        read: Callable[[bytes], Made] = self._module.Reader(into, _packed(texts), _packed(numbers)).read
        return read

    def queue(self, event_class: type, limit: int) -> NativeQueue:
        """A queue of at most `limit` events; they are made of `event_class`, a tuple's, past its __new__. Raises OSError."""
        made: NativeQueue = self._module.Inbox(self._plan, event_class, self._callbacks, limit)
        return made

    def require_slots_of(self, spi_class: type) -> None:
        """Raises NativeUnavailable unless the binding's Spi has the catalog's slots."""
        if wrong := slot_mismatches(spi_class, self.catalog, self.call_slot):
            raise NativeUnavailable(f"{len(wrong)} slots of the binding's Spi are not the catalog's: {wrong[0]}")


def _packed(places: Places) -> bytes:
    return b"".join(_PLACE.pack(*(one or _NOWHERE)) for one in places)
