"""The catalog is what the installed binding is: every struct, method and callback, proved against memory."""

from __future__ import annotations

import ctypes
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.catalog import Catalog, Interface, Kind, Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.catalog.introspect import LayoutMismatch, introspect, introspect_at, prove
from ctpabi.codec.layout import pack
from tests.ctpabi.other_bindings import binding_of

OLDER = ("6.7.7.1", "6.6.9.9")


@pytest.fixture(scope="module")
def installed() -> Catalog:
    return introspect()


def test_the_committed_catalog_is_the_installed_binding(catalog: Catalog, installed: Catalog) -> None:
    """Introspecting now gives exactly what is committed."""
    assert installed == catalog


def test_the_committed_market_data_is_the_installed_binding() -> None:
    """The same for the other interface, and its structs are laid out as the trader's of the same name."""
    market_data, trader = introspect(Interface.MARKET_DATA), load_catalog()

    assert market_data == load_catalog(Interface.MARKET_DATA)
    assert {name: trader.structs[name] for name in market_data.structs} == market_data.structs
    assert Counter(m.shape for m in market_data.methods.values()) == {
        Shape.LIFECYCLE: 8,
        Shape.SUBSCRIPTION: 4,
        Shape.REQUEST: 3,
    }


def test_every_class_of_the_binding_is_in_the_catalog(catalog: Catalog) -> None:
    """The binding's module has no struct, request or callback that the catalog lacks, and none the other way round."""
    tdapi = binding.load().tdapi
    structs = {n[10:-5] for n in dir(tdapi) if n.startswith("CThostFtdc") and n.endswith("Field")}
    requests = {name for name in vars(tdapi.CThostFtdcTraderApi) if name.startswith("Req")}
    callbacks = {name for name in vars(tdapi.CThostFtdcTraderSpi) if name.startswith("On")}

    assert structs == set(catalog.structs)
    assert requests == {method.name for method in catalog.requests}
    assert callbacks == set(catalog.callbacks)


def test_every_field_of_the_binding_is_in_the_catalog(catalog: Catalog) -> None:
    """Each struct has the fields its class has properties for, in the same order."""
    tdapi = binding.load().tdapi

    for struct in catalog.structs.values():
        members = vars(getattr(tdapi, f"CThostFtdc{struct.name}Field"))
        names = [name for name, member in members.items() if isinstance(member, property) and name != "thisown"]
        assert [field.name for field in struct.fields] == names, struct.name


def test_shapes_of_methods_and_callbacks(catalog: Catalog) -> None:
    """The counts of 6.7.11: 118 requests, 4 reports; of 164 callbacks, all but three carry an event."""
    assert Counter(m.shape for m in catalog.methods.values()) == {
        Shape.REQUEST: 118,
        Shape.REPORT: 4,
        Shape.LIFECYCLE: 11,
    }
    assert Counter(c.shape for c in catalog.callbacks.values()) == {
        Shape.RESPONSE: 115,
        Shape.NOTICE: 27,
        Shape.ERROR_NOTICE: 18,
        Shape.CONNECTION: 3,
        Shape.RESPONSE_ERROR: 1,
    }
    assert [m.slot for m in catalog.methods.values()] == list(range(len(catalog.methods)))
    assert [c.slot for c in catalog.callbacks.values()] == list(range(len(catalog.callbacks)))


def test_known_offsets_of_the_report(catalog: Catalog) -> None:
    """CThostFtdcUserSystemInfoField as others measured it with the vendor's header."""
    fields = {field.name: (field.offset, field.size) for field in catalog.structs["UserSystemInfo"].fields}

    assert fields["ClientSystemInfoLen"] == (28, 4)
    assert fields["ClientSystemInfo"] == (32, 273)
    assert fields["ClientIPPort"] == (324, 4)
    assert fields["ClientLoginRemark"] == (403, 151)
    assert catalog.structs["UserSystemInfo"].size == 556


def test_enums_belong_to_the_fields_typed_so(catalog: Catalog) -> None:
    """Every enum is used by a CHAR field, and its characters are single and distinct."""
    used = {f.enum for s in catalog.structs.values() for f in s.fields if f.enum}

    assert used == set(catalog.enums)
    for enum in catalog.enums.values():
        characters = [value.char for value in enum.values]
        assert all(len(c) == 1 and 0 < ord(c) < 256 for c in characters), enum.name
        assert len(set(characters)) == len(characters), enum.name
    assert {v.name: v.char for v in catalog.enums["Direction"].values} == {"D_Buy": "0", "D_Sell": "1"}


def test_a_wrong_layout_is_noticed(catalog: Catalog) -> None:
    """One field moved by one byte is found by writing through the binding and looking at the memory."""
    order = catalog.structs["InputOrder"]
    fields = list(order.fields)
    fields[1] = replace(fields[1], offset=fields[1].offset + 1)
    instance = binding.load().tdapi.CThostFtdcInputOrderField()

    prove(order, instance)
    with pytest.raises(LayoutMismatch, match=r"InputOrder\.InvestorID is not 13 bytes at offset 12"):
        prove(replace(order, fields=tuple(fields)), instance)


def test_a_wrong_size_is_noticed(catalog: Catalog) -> None:
    """A struct the binding allocates more for than was computed has fields nobody saw."""
    order = catalog.structs["InputOrder"]
    instance = binding.load().tdapi.CThostFtdcInputOrderField()

    with pytest.raises(LayoutMismatch, match="InputOrder: computed 100 bytes, the binding allocates"):
        prove(replace(order, size=100), instance)


def test_bytes_packed_here_are_read_by_the_binding(catalog: Catalog) -> None:
    """The binding's own getters read what the layout wrote: text, enum, number, price."""
    order = catalog.structs["InputOrder"]
    data = pack(order, {"BrokerID": "9999", "Direction": "1", "VolumeTotalOriginal": 3, "LimitPrice": 3500.5})
    instance = binding.load().tdapi.CThostFtdcInputOrderField()
    ctypes.memmove(int(instance.this), data, len(data))

    assert (instance.BrokerID, instance.Direction) == ("9999", "1")
    assert (instance.VolumeTotalOriginal, instance.LimitPrice) == (3, 3500.5)


@pytest.mark.parametrize("version", OLDER)
def test_older_bindings_are_introspected_too(catalog: Catalog, version: str) -> None:
    """Another version in another process: fewer methods, and slots that differ, because new ones are put in between."""
    older = introspect_at(binding_of(version))

    assert older.version == version
    assert len(older.callbacks) < len(catalog.callbacks)
    assert older.callbacks["OnRtnOrder"].struct == "Order"
    assert older.structs["UserSystemInfo"].field("ClientSystemInfo").kind is Kind.BYTES
    assert any(older.methods[name].slot != m.slot for name, m in catalog.methods.items() if name in older.methods)


def test_a_directory_without_a_binding_says_so(tmp_path: Path) -> None:
    """What went wrong in the other process is in the error."""
    (tmp_path / "openctp_ctp").mkdir()
    (tmp_path / "openctp_ctp" / "__init__.py").write_text("raise ImportError('no binding here')")

    with pytest.raises(LayoutMismatch, match="no binding here"):
        introspect_at(tmp_path)
