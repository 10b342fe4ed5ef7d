"""What can be known about a terminal's system info from the bytes alone, and from their unwrapped header.

The bytes are encrypted for the monitoring center; only the length and the first block, once the vendor's
library has unwrapped it, mean anything here. The header's layout was measured, it is no public contract
(CTP fact 39). The library checks no upper bound of the length (CTP facts 33 and 34).

The library's own check is weak: it lets about one in sixty random blocks pass (6.7.11 looks at the header's
second byte only, CTP fact 38). What cannot be made up without the vendor's key is a header with the time of this very login.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from ctpabi.facts.return_codes import NOT_PERMITTED
from relay.database.times import COUNTER_ZONE
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal

FIRST_BLOCK: Final = 16
"""bytes that the vendor's library looks at; eight of them are random in every collection"""
SHORTEST: Final = 264
LONGEST: Final = 273
"""the size of ClientSystemInfo; the vendor's call checks no upper bound"""


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """How far the collection may lie from the login, in seconds."""

    oldest: float
    ahead: float


def collected_at(header: bytes) -> dt.datetime | None:
    """When it was collected, by the header that the vendor's library unwrapped; None where that holds no date.

    Its bytes are a version, a digit that is '0' where no item is missing, and six of the terminal's local time, UTC+8.
    """
    try:
        year, month, day, hour, minute, second = header[2:8]
        return dt.datetime(2000 + year, month, day, hour, minute, second, tzinfo=COUNTER_ZONE)
    except ValueError:
        return None


def missing_digit(header: bytes) -> str:
    """The digit that is '0' where no item is missing; another byte by its number."""
    byte = header[1:2]
    return byte.decode("ascii") if byte.isdigit() else byte.hex()


def check_length(system_info: bytes, stated_length: int) -> Refusal | None:
    """Refuse bytes that cannot be the collector's, or of which some were lost on the way."""
    if len(system_info) != stated_length or not SHORTEST <= len(system_info) <= LONGEST:
        return login_reasons.system_info_length(received=len(system_info), stated=stated_length)
    return None


def is_well_formed(return_code: int) -> bool:
    """Whether an API without a connection found all right but the permission: it checks that last (CTP fact 37)."""
    return return_code in NOT_PERMITTED


def check_age(header: bytes, now: dt.datetime, limits: AgeLimits) -> Refusal | None:
    """Refuse system info that was not collected for this login; `now` is aware."""
    collected = collected_at(header)
    if collected is None:
        return login_reasons.system_info_not_genuine()
    age = (now - collected).total_seconds()
    if age > limits.oldest:
        return login_reasons.system_info_stale(age=age, oldest=limits.oldest)
    if age < -limits.ahead:
        return login_reasons.system_info_from_the_future(ahead=-age, most=limits.ahead)
    return None
