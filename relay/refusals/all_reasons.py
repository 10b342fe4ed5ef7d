"""All reasons together, in the order of docs/refusals.md."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from relay.refusals import call_reasons, login_reasons, market_reasons, relay_reasons, stream_reasons
from relay.refusals.reason import Reason

PARTS = (login_reasons, stream_reasons, call_reasons, market_reasons, relay_reasons)
"""each is one part of the table; its docstring says what its reasons have in common"""


def rows(*parts: ModuleType) -> tuple[Reason[Any], ...]:
    """The rows of these parts, or every row."""
    return tuple(row for part in parts or PARTS for row in vars(part).values() if isinstance(row, Reason))
