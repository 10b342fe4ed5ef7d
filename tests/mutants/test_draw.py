"""Which changes are judged."""

from __future__ import annotations

from mutants.changes import Change, changes_of
from mutants.draw import draw

ONE = b"def one(a):\n    return a + 1 < 7\n"
OTHER = b"def other(a):\n    return a - 2 > 5 and a\n"
EDITED = b"LIMIT = 3\n\n\ndef one(a):\n    return a + 1 < 7\n"


def both(one: bytes) -> list[tuple[Change, bytes]]:
    return [(change, text) for name, text in (("a.py", one), ("b.py", OTHER)) for change in changes_of(name, text)]


def said(sample: list[Change], one: bytes) -> list[tuple[str, ...]]:
    texts = {"a.py": one, "b.py": OTHER}
    return [(change.file, *change.content(texts[change.file])) for change in sample]


def test_a_seed_draws_the_same_changes_after_a_file_was_edited() -> None:
    """What the edit added may be drawn; what stays is drawn in the same order, wherever it stands now."""
    before = said(draw(both(ONE), 1, 0), ONE)
    after = said(draw(both(EDITED), 1, 0), EDITED)

    assert len(after) > len(before)
    assert [one for one in after if one in before] == before


def test_another_seed_draws_others() -> None:
    """And each only as many as were asked for, none twice."""
    first, second = draw(both(ONE), 1, 4), draw(both(ONE), 2, 4)

    assert len(set(first)) == len(set(second)) == 4
    assert first != second


def test_changes_that_say_the_same_are_drawn_apart() -> None:
    """Two lines of one scope that are alike are two changes."""
    text = b"def f(a):\n    a.go(1)\n    a.go(1)\n"

    found = draw([(change, text) for change in changes_of("a.py", text)], 1, 0)

    assert {change.line for change in found} == {2, 3}
    assert len(set(found)) == len(found)
