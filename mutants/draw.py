"""A sample of the changes, by a seed: a change of one file leaves the rest of the sample as it is.

Each change has a number of its own, made of the seed and what it says; the lowest numbers are drawn. So the same seed can be
judged again after a file was mended, and after others changed theirs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from mutants.accepted import content_of
from mutants.changes import Change


def draw(possible: Sequence[tuple[Change, bytes]], seed: int, count: int) -> list[Change]:
    """So many of these changes, each with the text of its file; all where `count` is 0."""
    seen: Counter[tuple[str, ...]] = Counter()
    numbered = []
    for change, source in possible:
        content = content_of(change, source)
        seen[content] += 1
        number = hashlib.sha256(repr((seed, content, seen[content])).encode()).digest()
        numbered.append((number, change))
    numbered.sort()
    return [change for _, change in numbered[: count or len(numbered)]]
