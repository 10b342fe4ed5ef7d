"""The committed catalog is data that reads back exactly."""

from __future__ import annotations

from ctpabi.catalog import Catalog
from ctpabi.catalog_data import PATH, from_json, load_catalog, to_json


def test_json_reads_back_exactly(catalog: Catalog) -> None:
    """Writing and reading gives an equal catalog, and equal catalogs give equal text."""
    assert from_json(to_json(catalog)) == catalog
    assert to_json(from_json(to_json(catalog))) == PATH.read_text(encoding="utf-8")


def test_the_catalog_is_read_once() -> None:
    """Plans are cached by struct, so everybody must see the same structs."""
    assert load_catalog() is load_catalog()


def test_a_field_is_one_line(catalog: Catalog) -> None:
    """An upgrade reads well as a diff."""
    (line,) = [line for line in PATH.read_text(encoding="utf-8").splitlines() if '["ClientSystemInfo",' in line]

    assert '"client_system_info", "bytes", 32, 273' in line
