"""What is committed is what the generator writes, and an upgrade only ever adds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.output import CATALOG, differing, write
from codegen.terminal_methods import TARGET
from codegen.trading_protos import TARGET as PROTOS
from ctpabi.catalog import Catalog
from ctpabi.catalog.introspect import introspect_at
from tests.ctpabi.other_bindings import binding_of

ROOT = Path(__file__).parents[2]
NUMBERS = Path("proto/ctprelay/ctp/v1/field_numbers.json")


WRITTEN = [
    CATALOG,
    TARGET,
    PROTOS,
    *map(
        Path,
        (
            "docs/refusals.md",
            "docs/requests.md",
            "docs/settings.md",
            "docs/settings.zh.md",
            "docs/state-machines.md",
            "relay.example.toml",
        ),
    ),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the generator reads and writes."""
    for path in (Path("proto"), *WRITTEN):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, tmp_path / path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_the_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """--check finds nothing to say about this tree."""
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_check_names_what_differs_and_changes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Edits of generated files, a missing one and an edited hand-written one are each found by name, with what differs."""
    events = tree / "proto/ctprelay/ctp/v1/events.proto"
    terminal = tree / "proto/ctprelay/v1/terminal.proto"
    events.write_text(events.read_text() + "// by hand\n")
    terminal.write_text(terminal.read_text().replace("string client_version = 3;", "string client_name = 3;"))
    (tree / CATALOG).unlink()
    page, methods = tree / "docs/settings.md", tree / TARGET / "requests.py"
    page.write_text(page.read_text().replace("# Settings", "# Choices"))
    methods.write_text(methods.read_text() + "# by hand\n")

    assert main(["--check"], root=tree) == 1

    said = capsys.readouterr().out
    assert "ctpabi/generated/openctp_ctp/catalog.json is not what" in said
    assert "proto/ctprelay/ctp/v1/events.proto is not what `python -m codegen` writes from openctp-ctp" in said
    assert "proto/ctprelay/v1/terminal_pb2.py is not what" in said
    assert "docs/settings.md is not what" in said
    assert "-# Choices\n+# Settings\n" in said
    assert "terminal_client/generated/requests.py is not what" in said
    assert "structs.proto" not in said
    assert "requests.md" not in said
    assert "To mend it: make gen" in said
    assert not (tree / CATALOG).exists()


def test_without_check_it_writes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was missing or edited is as it should be afterwards, and the version it is from is said."""
    for path in (CATALOG, Path("docs/requests.md")):
        (tree / path).write_text("{}")

    assert main([], root=tree) == 0

    for path in (CATALOG, Path("docs/requests.md")):
        assert (tree / path).read_bytes() == (ROOT / path).read_bytes()
    assert "files written from openctp-ctp 6." in capsys.readouterr().out


def test_writing_again_changes_nothing(tree: Path, catalog: Catalog) -> None:
    """The generator is deterministic, and knows every generated file there is."""
    files = write(catalog, tree, tree)
    generated = {p.relative_to(tree) for p in (tree / "proto").rglob("*") if p.is_file()}
    by_hand = {p for p in generated if p.suffix in {".py", ".proto"} and "_pb2" not in p.name and "ctp" not in p.parts}
    by_hand |= {p for p in generated if p.name in {"__init__.py", "py.typed"}}

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
