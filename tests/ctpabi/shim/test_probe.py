"""The probe: no shim is used before every slot was seen to be what the catalog says."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from ctpabi.catalog import Callback, Catalog, Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.shim import build, probe, substitute
from ctpabi.shim.build import Shim


@pytest.fixture(scope="module")
def observed(shim: Shim, tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> probe.Observed:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip(build.INSTALL_COMMAND)
    library = tmp_path_factory.mktemp("probe") / "probe.so"
    build.compile_probe(compiler, shim.trader.name, library)
    return probe.observe(library, catalog)


def with_methods(catalog: Catalog, *changed: Method) -> Catalog:
    return dataclasses.replace(catalog, methods={**catalog.methods, **{method.name: method for method in changed}})


def with_callbacks(catalog: Catalog, *changed: Callback) -> Catalog:
    return dataclasses.replace(catalog, callbacks={**catalog.callbacks, **{one.name: one for one in changed}})


def test_the_installed_binding_fits_its_catalog(observed: probe.Observed, catalog: Catalog) -> None:
    """Every method was called, every Spi slot was called, each with its arguments, and all are where they should be."""
    assert probe.mismatches(catalog, observed) == []
    assert observed.methods.keys() == catalog.methods.keys()
    assert len(observed.callbacks) == len(catalog.callbacks)


def test_market_data_fits_its_catalog(shim: Shim, tmp_path: Path) -> None:
    """The same for the other interface: its fifteen methods, the four with lists of names among them, and callbacks."""
    catalog = load_catalog(Interface.MARKET_DATA)
    library = tmp_path / "probe.so"
    build.compile_probe(shutil.which("g++") or "", shim.market_data.name, library)

    seen = probe.observe(library, catalog)

    assert probe.mismatches(catalog, seen) == []
    assert seen.methods["SubscribeMarketData"] == "slot 8(names, count)"
    assert (len(seen.methods), len(seen.callbacks)) == (15, 13)


def test_swapped_methods_are_found(observed: probe.Observed, catalog: Catalog) -> None:
    """Two exchanged slots are two differences, each named with both slots."""
    order, action = catalog.methods["ReqOrderInsert"], catalog.methods["ReqOrderAction"]
    swapped = with_methods(
        catalog, dataclasses.replace(order, slot=action.slot), dataclasses.replace(action, slot=order.slot)
    )

    assert sorted(probe.mismatches(swapped, observed)) == [
        f"ReqOrderAction should be slot {order.slot}(struct, request id), is slot {action.slot}(struct, request id)",
        f"ReqOrderInsert should be slot {action.slot}(struct, request id), is slot {order.slot}(struct, request id)",
    ]


def test_swapped_callbacks_are_found(observed: probe.Observed, catalog: Catalog) -> None:
    """OnRtnOrder in OnRtnTrade's place would show one as the other; it is found."""
    order, trade = catalog.callbacks["OnRtnOrder"], catalog.callbacks["OnRtnTrade"]
    swapped = with_callbacks(
        catalog, dataclasses.replace(order, slot=trade.slot), dataclasses.replace(trade, slot=order.slot)
    )

    assert sorted(probe.mismatches(swapped, observed)) == [
        f"Spi slot {order.slot} should call OnRtnTrade(struct), calls OnRtnOrder(struct)",
        f"Spi slot {trade.slot} should call OnRtnOrder(struct), calls OnRtnTrade(struct)",
    ]


def test_a_wrong_shape_is_found(observed: probe.Observed, catalog: Catalog) -> None:
    """A notice taken for a response would be given arguments it does not have."""
    notice = catalog.callbacks["OnRtnOrder"]
    response = dataclasses.replace(notice, shape=catalog.callbacks["OnRspUserLogin"].shape)

    assert len(probe.mismatches(with_callbacks(catalog, response), observed)) == 1


def test_a_method_the_binding_lacks_is_found(shim: Shim, tmp_path: Path, catalog: Catalog) -> None:
    """A catalog newer than the binding stops the build with the method's name."""
    compiler = shutil.which("g++") or ""
    build.compile_probe(compiler, shim.trader.name, tmp_path / "probe.so")
    newer = with_methods(catalog, dataclasses.replace(catalog.methods["ReqUserLogin"], name="ReqGenSMSCode", slot=200))

    with pytest.raises(probe.ProbeMismatch, match="ReqGenSMSCode"):
        probe.verify(tmp_path / "probe.so", newer)


def test_the_probe_looks_at_the_binding_it_is_told_of(shim: Shim) -> None:
    """The library it preloads has the name this binding asks for."""
    assert substitute.needed_library(substitute.binding_extension()) == shim.trader.name
