"""The committed catalog is data that reads back exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

import ctpabi
from ctpabi.catalog import Catalog, Distribution, Interface
from ctpabi.catalog.data import file_of, from_json, load_catalog, to_json

GENERATED = Path(ctpabi.__file__).with_name("generated")


@pytest.mark.parametrize("interface", Interface)
def test_json_reads_back_exactly(interface: Interface) -> None:
    """Writing and reading gives an equal catalog, and equal catalogs give equal text."""
    catalog = load_catalog(interface)

    assert catalog.interface is interface
    assert from_json(to_json(catalog)) == catalog
    assert to_json(from_json(to_json(catalog))) == (GENERATED / file_of(interface, Distribution.CTP)).read_text(
        encoding="utf-8"
    )


def test_the_catalog_is_read_once() -> None:
    """Plans are cached by struct, so everybody must see the same structs."""
    assert load_catalog() is load_catalog()


def test_a_field_is_one_line(catalog: Catalog) -> None:
    """An upgrade reads well as a diff."""
    text = (GENERATED / file_of(catalog.interface, catalog.distribution)).read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if '["ClientSystemInfo",' in line]

    assert '"client_system_info", "bytes", 32, 273' in line
