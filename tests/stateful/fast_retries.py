"""The pause after −2, −3 and error 90 is more than a second; these histories have thousands of steps."""

from __future__ import annotations

import functools

from relay.counter.ctp import request_desk
from relay.domain.pacing import PacingLimits


def arrange() -> None:
    """Make the pause short, for this process."""
    setattr(request_desk, "PacingLimits", functools.partial(PacingLimits, retry_seconds=0.01))  # noqa: B010
