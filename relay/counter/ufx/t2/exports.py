"""The library's functions that make its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class T2Exports:
    """The library's functions; each makes an object, or gives NULL."""

    new_config: Callable[[], int | None]
    new_connection: Callable[[int], int | None]
    new_packer: Callable[[int], int | None]
    new_message: Callable[[], int | None]
    new_parameter: Callable[[], int | None]
