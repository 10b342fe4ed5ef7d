"""What a counter says, without the secrets it was given: some echo what they refuse. Pure."""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN = "***"
LONGEST_SECRET = 1024
"""characters beyond a text's limit that must be kept until secrets are out, so that none is cut in two"""


def without_secrets(text: str, secrets: Iterable[str], longest: int) -> str:
    """At most `longest` characters; the longest secret goes first, because a shorter one may be a part of it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text[:longest]
