"""What is committed is what the generator writes, and an upgrade only ever adds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.output import CATALOG, differing, write
from ctpabi.catalog import Catalog
from ctpabi.catalog.introspect import introspect_at
from tests.ctpabi.other_bindings import binding_of

ROOT = Path(__file__).parents[2]
NUMBERS = Path("proto/ctprelay/ctp/v1/field_numbers.json")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the generator reads and writes."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / CATALOG).parent.mkdir(parents=True)
    shutil.copy(ROOT / CATALOG, tmp_path / CATALOG)
    return tmp_path


def test_the_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """--check finds nothing to say about this tree."""
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_check_names_what_differs_and_changes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edit of a generated file, a missing one and an edited hand-written one are each found by name."""
    events = tree / "proto/ctprelay/ctp/v1/events.proto"
    terminal = tree / "proto/ctprelay/v1/terminal.proto"
    events.write_text(events.read_text() + "// by hand\n")
    terminal.write_text(terminal.read_text().replace("string client_version = 3;", "string client_name = 3;"))
    (tree / CATALOG).unlink()

    assert main(["--check"], root=tree) == 1

    said = capsys.readouterr().out
    assert "ctpabi/generated/catalog.json is not what" in said
    assert "proto/ctprelay/ctp/v1/events.proto is not what `python -m codegen` writes from openctp-ctp" in said
    assert "proto/ctprelay/v1/terminal_pb2.py is not what" in said
    assert "structs" not in said
    assert not (tree / CATALOG).exists()


def test_without_check_it_writes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was missing or edited is as it should be afterwards, and the version it is from is said."""
    (tree / CATALOG).write_text("{}")

    assert main([], root=tree) == 0

    assert (tree / CATALOG).read_bytes() == (ROOT / CATALOG).read_bytes()
    assert "files written from openctp-ctp 6." in capsys.readouterr().out


def test_writing_again_changes_nothing(tree: Path, catalog: Catalog) -> None:
    """The generator is deterministic, and knows every generated file there is."""
    files = write(catalog, tree, tree)
    generated = {p.relative_to(tree) for p in (tree / "proto").rglob("*") if p.is_file()}
    by_hand = {p for p in generated if p.name == "__init__.py" or (p.suffix == ".proto" and "ctp" not in p.parts)}

    assert differing(files, tree, ROOT) == []
    assert generated - by_hand == {path for path in files if path.parts[0] == "proto"}


def test_going_through_an_older_version_changes_no_number(tree: Path, catalog: Catalog) -> None:
    """Numbers given from an older binding stay when the newer one is generated on top, and the other way round."""
    (tree / NUMBERS).unlink()
    write(introspect_at(binding_of("6.7.7.1")), tree, tree)
    before = _messages(tree)

    write(catalog, tree, tree)
    after = _messages(tree)

    assert len(after) > len(before)
    assert {m: {f: after[m][f] for f in fields} for m, fields in before.items()} == before


def test_an_older_version_keeps_the_newer_ones_numbers(tree: Path) -> None:
    """A downgrade generates too: what it lacks is reserved, nothing is renumbered."""
    before = _messages(tree)

    write(introspect_at(binding_of("6.7.7.1")), tree, tree)
    after = _messages(tree)

    assert {m: {f: after[m][f] for f in fields} for m, fields in before.items()} == before
    assert "reserved" in (tree / "proto/ctprelay/ctp/v1/requests.proto").read_text()


def _messages(tree: Path) -> dict[str, dict[str, int]]:
    messages: dict[str, dict[str, int]] = json.loads((tree / NUMBERS).read_text())["messages"]
    return messages
