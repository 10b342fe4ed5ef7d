"""How a refusal of the relay's own is put into words: Chinese first, then English."""

from __future__ import annotations

import math

from relay.errors import Refusal, Source


def relay_refuses(
    reason: str, message: tuple[str, str], advice: tuple[str, str], *, code: int = 0, retry_after: float = 0
) -> Refusal:
    """A refusal by the relay; `message` and `advice` are Chinese and English, `retry_after` is in seconds."""
    return Refusal(Source.RELAY, reason, " / ".join(message), " / ".join(advice), code, math.ceil(retry_after))
