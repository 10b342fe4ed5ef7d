"""Which changes are made to a piece of code, and which forms are left alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mutants.accepted import accepted
from mutants.changes import Change, changes_of
from mutants.places import ROOT, changed_files, judging_files, mirrored


def changed(source: str) -> list[str]:
    """Every text that a change makes of `source`."""
    raw = source.encode()
    return [change.apply_to(raw).decode() for change in changes_of("a.py", raw)]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a = b < c\n", ["a = b <= c\n"]),
        ("a = (b) not  in (c)\n", ["a = (b) in (c)\n"]),
        ("a = b and c\n", ["a = b or c\n"]),
        ("a = not b\n", ["a = (b)\n"]),
        ("a = 7\n", ["a = 8\n"]),
        ("a = True\n", ["a = False\n"]),
        ("a = b + c\n", ["a = b - c\n"]),
        ("a = max(b, c)\n", ["a = min(b, c)\n"]),
        ("a = '中文'\n", ["a = 'other 中文'\n"]),
        ("a = b if c else d\n", ["a = b if (not (c)) else d\n"]),
        ("a = [b for b in c if b]\n", ["a = [b for b in c if not (b)]\n"]),
        ("if a:\n    import b\n", ["if not (a):\n    import b\n"]),
        ("def f():\n    return a\n", ["def f():\n    return None\n"]),
        ("def f():\n    g()\n", ["def f():\n    pass\n"]),
        ("def f(self):\n    self.a = b\n", ["def f(self):\n    pass\n"]),
        ("def f():\n    raise ValueError('not seen')\n", ["def f():\n    pass\n"]),
        ("a = 中 < b\n", ["a = 中 <= b\n"]),
    ],
)
def test_each_form_has_its_change(source: str, wanted: list[str]) -> None:
    """One place becomes another, and everything around it stays as it is written."""
    assert changed(source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""\n',
        "def f(a: int | None) -> 'str | None':\n    '''A docstring.'''\n",
        "@dataclass(frozen=True, slots=True)\nclass A:\n    a: int = field(repr=False)\n",
        "__all__ = ['a']\n__slots__ = ('a',)\n",
        "A = int | None\nB = Callable[[int], str]\nC = NewType('C', int)\n",
        "if TYPE_CHECKING:\n    a = 1\n",
        "class A(Protocol):\n    a = 1\n",
        "def f():\n    _log.warning('a', b=1)\n",
        "class A:\n    def __repr__(self):\n        return 'a'\n",
        "class A:\n    def __init__(self):\n        self.a = b\n",
        "def f():\n    a = b\n",
        "a = f'{b} in {c}'\n",
    ],
)
def test_what_no_caller_sees_is_left_alone(source: str) -> None:
    """Or what cannot be left out without an error that every test sees."""
    assert changed(source) == []


def test_a_change_names_its_place() -> None:
    """The diff is for people; the content finds it again when lines have moved."""
    source = b"class A:\n    def f(self, a):\n        if a > 1:\n            return 2\n"
    change = next(one for one in changes_of("a.py", source) if one.kind == "comparison")

    assert (change.line, change.statement, change.scope) == (3, 3, "A.f")
    assert "-        if a > 1:\n+        if a >= 1:" in change.diff(source)
    assert change.content(source) == ("A.f", "if a > 1:", "if a >= 1:")
    moved = b"\n\n" + source
    assert change.content(source) in {one.content(moved) for one in changes_of("a.py", moved)}


def test_a_statement_at_import_is_told_from_one_of_a_function() -> None:
    """Which test reaches the first cannot be known."""
    source = b"A = 1\ndef f(a=2):\n    def g():\n        return 3\n    return g\n"
    found = {change.line: change.statement for change in changes_of("a.py", source)}

    assert found == {1: 0, 2: 0, 4: 4, 5: 5}


def test_every_change_of_a_real_module_compiles() -> None:
    """Also where strings run over lines, and in the text of another language."""
    for file in ("relay/refusals/stream_reasons.py", "relay/counter/ctp/lanes/lane.py"):
        source = (ROOT / file).read_bytes()
        changes = changes_of(file, source)

        assert len(changes) > 20
        for change in changes:
            ast.parse(change.apply_to(source))


def test_what_is_accepted_stands_in_the_code_and_says_why() -> None:
    """An entry whose line is gone is deleted with it."""
    entries = accepted()
    found: set[tuple[str, str, str, str]] = set()
    for file in {entry.file for entry in entries.values()}:
        source = (ROOT / file).read_bytes()
        found |= {(file, *change.content(source)) for change in changes_of(file, source)}

    assert set(entries) - found == set()
    assert all(len(entry.reason) > 20 for entry in entries.values())


def test_the_places_are_there() -> None:
    """A folder that was renamed would be judged no more, and the share of killed changes would stay as it is."""
    assert {Path(file).parts[0] for file in changed_files()} == {"relay", "ctpabi", "proto", "terminal_client"}
    assert len(changed_files()) > 100
    assert mirrored("relay/sessions/journal.py") == ("tests/relay/sessions/test_journal.py", "tests/relay/sessions/")
    assert mirrored("proto/ctprelay/wire/cutter.py")[0] in judging_files()
    assert set(judging_files()) >= {"tests/relay/sessions/test_journal.py", "tests/ctpabi/api/test_inbox.py"}


def test_the_same_change_is_one() -> None:
    """Where two forms make the same text of the same place."""
    source = b"a = b if not c else d\n"
    changes = changes_of("a.py", source)

    assert len(changes) == len({change.apply_to(source) for change in changes}) == len({*changes})
    assert all(isinstance(change, Change) for change in changes)
