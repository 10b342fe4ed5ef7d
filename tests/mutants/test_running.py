"""What a test reaches, and how a change comes into code that has been imported already."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mutants import probes as probing
from mutants import swap
from mutants.changes import Change, changes_of
from mutants.probes import Probes
from mutants.swap import NotSwapped, swap_in

SOURCE = '''"""A module."""
TABLE = [1, 2]

def outer(a):
    """Which way."""
    if a > 1:
        found = [inner for inner in TABLE if inner > a]
        return found
    return a

class Thing:
    def ask(self, a):
        def later(b):
            return a + b
        return later
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where both the source and its copy lie."""
    for module in (probing, swap):
        monkeypatch.setattr(module, "COPY", tmp_path)
    monkeypatch.setattr(swap, "ROOT", tmp_path)
    (tmp_path / "played_module.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def run(place: Path) -> dict[str, Any]:
    path = place / "played_module.py"
    names: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


def change(line: int, kind: str) -> Change:
    found = changes_of("played_module.py", SOURCE.encode())
    return next(one for one in found if (one.line, one.kind) == (line, kind))


def test_a_test_reaches_the_statements_that_ran(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since it began, and none of those that ran at import; docstrings are no statements."""
    monkeypatch.syspath_prepend(str(place))
    probes = Probes(["played_module.py"])
    probes.install()
    try:
        import played_module  # type: ignore[import-not-found]  # noqa: PLC0415 - it is made here
    finally:
        sys.meta_path.remove(probes)
    at_import = probes.reached()
    played_module.outer(0)
    once = probes.reached()
    probes.start()
    played_module.outer(2)
    played_module.Thing().ask(1)(2)
    monkeypatch.delitem(sys.modules, "played_module")

    assert at_import == {}
    assert once == {"played_module.py": [6, 9]}
    assert probes.reached() == {"played_module.py": [6, 7, 8, 13, 14, 15]}


def test_a_change_is_in_force_where_the_function_was_taken_before(place: Path) -> None:
    """Whoever holds the function runs the new code, a method and what it defines inside as well."""
    names = run(place)
    outer, thing = names["outer"], names["Thing"]()
    before = outer(1), thing.ask(1)(2)

    swap_in(change(6, "comparison"))
    swap_in(change(14, "arithmetic"))

    assert before == (1, 3)
    assert (outer(1), thing.ask(1)(2)) == ([2], -1)


def test_a_change_at_import_is_not_swapped(place: Path) -> None:
    """What ran already stays: such a change is judged in a process that imports it."""
    run(place)

    with pytest.raises(NotSwapped):
        swap_in(change(2, "number"))
