"""The generated part of the shim, and the hash that lets shim and counter know each other."""

from __future__ import annotations

import dataclasses
import re

import pytest

from ctpabi.catalog import Catalog, Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.abi_headers import Caller, UnknownMethod, abi_hash, headers

CALLER = Caller("a binding", 1, 2)


def test_every_method_and_callback_is_generated(catalog: Catalog) -> None:
    """One override per API method, one case per Spi slot, in the order of the vtables."""
    generated = headers(catalog, CALLER)

    assert re.findall(r"^\S.*?(\w+)\([^)]*\) override", generated["forward.inc"], re.MULTILINE) == list(catalog.methods)
    assert re.findall(r"^case (\d+): spi->(\w+)\(", generated["dispatch.inc"], re.MULTILINE) == [
        (str(c.slot), c.name) for c in catalog.callbacks.values()
    ]


def test_the_compiler_checks_every_layout(catalog: Catalog) -> None:
    """A static_assert for the size of each struct and the offset of each field that is passed."""
    generated = headers(catalog, CALLER)["abi.h"]
    order = catalog.structs["InputOrder"]

    assert f"static_assert(sizeof(CThostFtdcInputOrderField) == {order.size}" in generated
    for field in order.fields:
        assert f"static_assert(offsetof(CThostFtdcInputOrderField, {field.name}) == {field.offset}" in generated


def test_the_hash_changes_with_anything_that_moves(catalog: Catalog) -> None:
    """A slot, a struct's size, a field's place; words about them do not matter."""
    order = catalog.structs["InputOrder"]
    moved = dataclasses.replace(order, fields=(dataclasses.replace(order.fields[0], offset=4), *order.fields[1:]))
    described = dataclasses.replace(order, doc="another comment")
    method = dataclasses.replace(catalog.methods["ReqOrderInsert"], slot=1)

    assert len(abi_hash(catalog)) == 64
    assert abi_hash(dataclasses.replace(catalog, structs={**catalog.structs, "InputOrder": moved})) != abi_hash(catalog)
    assert abi_hash(dataclasses.replace(catalog, structs={**catalog.structs, "InputOrder": described})) == abi_hash(
        catalog
    )
    assert abi_hash(dataclasses.replace(catalog, methods={**catalog.methods, "ReqOrderInsert": method})) != abi_hash(
        catalog
    )


def test_the_hash_of_a_version_never_changes() -> None:
    """What was read from openctp-ctp 6.7.11.0 once is what is read from it always: a difference is a mistake in reading."""
    committed = load_catalog()

    assert {committed.version: abi_hash(committed)} == {
        "6.7.11.0": "15fd99092d8b6d44e4dbeaddedb214eb96bdb2b5a6a39d2d7cc9d90600653101"
    }


def test_a_method_without_a_rule_stops_the_generator(catalog: Catalog) -> None:
    """A new version's new kind of method is named instead of guessed at."""
    new = dataclasses.replace(catalog.methods["Join"], name="ConfigureSomething", shape=Shape.LIFECYCLE)

    with pytest.raises(UnknownMethod, match="ConfigureSomething"):
        headers(dataclasses.replace(catalog, methods={"ConfigureSomething": new}), CALLER)
