"""What one worker counted of a login, for the machine's others to count as well: together they have the tries of one process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class CountedAs(StrEnum):
    FAILED = "failed"
    """through its own fault; counts against `subjects`"""
    SUCCEEDED = "succeeded"
    WRONG = "wrong"
    """the counter refused the password"""
    RIGHT = "right"
    """the counter took it"""


@dataclass(frozen=True, slots=True)
class Counted:
    """One of them, small enough for a packet."""

    outcome: CountedAs
    investor_id: str
    app_id: str = ""
    place: str = ""
    known: bool = False
    """the investor has logged in from there before"""
    subjects: tuple[str, ...] = ()

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Counted:
        values = json.loads(packet)
        return cls(**values | {"outcome": CountedAs(values["outcome"]), "subjects": tuple(values["subjects"])})
