"""Writes messages and catalogs below any root, the source tree or a scratch copy for --check, and compares two roots."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from codegen.field_numbers import FieldNumbers
from codegen.proto_text import FOLDER, proto_files
from codegen.protoc import compile_protos
from ctpabi.catalog import Catalog, Distribution, Interface
from ctpabi.catalog.data import file_of, to_json

GENERATED = Path("ctpabi/generated")
CATALOG = GENERATED / file_of(Interface.TRADER, Distribution.CTP)
_PROTO_ROOT = Path("proto")
_NUMBERS = _PROTO_ROOT / FOLDER / "field_numbers.json"
_SHOWN_LINES = 12
_CONVERSATION = (Path("ctprelay/v1"), Path("ctprelay/bridge/v1"))
"""the hand-written .proto files, compiled with the generated ones"""


def write(catalog: Catalog, source: Path, target: Path, market_data: Catalog | None = None) -> list[Path]:
    """Generate into `target`, reading the field numbers and hand-written .proto files of `source`.

    Market data travels in no message: only its catalog is written. Returns the files written, relative to `target`. Raises ProtocFailed, NameCollision, UnusableName.
    """
    numbers_file = source / _NUMBERS
    known = FieldNumbers.from_json(numbers_file.read_text(encoding="utf-8")) if numbers_file.exists() else None
    numbers = known or FieldNumbers()
    generated = {_PROTO_ROOT / FOLDER / name: text for name, text in proto_files(catalog, numbers).items()}
    catalogs = catalog_texts(one for one in (catalog, market_data) if one is not None)
    texts = {**catalogs, **generated, _NUMBERS: numbers.to_json()}
    write_texts({**texts, **dict(_copied(source))}, target)
    root = target / _PROTO_ROOT
    protos = sorted(str(path.relative_to(root)) for path in root.rglob("*.proto"))
    compiled = compile_protos(root, protos, root)
    return [*texts, *(_PROTO_ROOT / path for path in compiled)]


def catalog_texts(catalogs: Iterable[Catalog]) -> dict[Path, str]:
    """Path -> content of each catalog's file."""
    return {GENERATED / file_of(one.interface, one.distribution): to_json(one) for one in catalogs}


def write_texts(texts: Mapping[Path, str], target: Path) -> list[Path]:
    """Write each text to its path below `target`; returns the paths."""
    for path, text in texts.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    return list(texts)


def differing(files: list[Path], one: Path, other: Path) -> list[Path]:
    """Which of `files` are missing from one of the two trees or are not the same in both."""
    return [path for path in files if _content(one / path) != _content(other / path)]


def difference(path: Path, present: Path, wanted: Path) -> str:
    """The first lines that differ between two trees' files, as a unified diff."""
    old, new = ((_content(tree / path) or b"").decode().splitlines() for tree in (present, wanted))
    lines = difflib.unified_diff(old, new, str(path), "generated", lineterm="", n=0)
    return "\n".join(itertools.islice(lines, _SHOWN_LINES))


def _copied(source: Path) -> Iterator[tuple[Path, str]]:
    found = (path for folder in _CONVERSATION for path in (source / _PROTO_ROOT / folder).glob("*.proto"))
    for path in sorted(found):
        yield path.relative_to(source), path.read_text(encoding="utf-8")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
