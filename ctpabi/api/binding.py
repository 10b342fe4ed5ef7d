"""Imports a binding safely: the locale first, and only the version its catalog was generated for.

A layout of another version would put fields in the wrong places and call wrong slots without any error
(CTP fact 17). A process loads one distribution: the libraries of two have the same symbols.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctpabi import locale
from ctpabi.catalog import Catalog, Distribution, Interface
from ctpabi.catalog.data import COMMAND, load_catalog
from ctpabi.native.events import NativeEvents

LIBRARIES = {Interface.TRADER: "thosttraderapi", Interface.MARKET_DATA: "thostmduserapi"}
"""the word in the names of the vendor's libraries and of the binding's modules"""
EXTRAS = {Distribution.TTS: "ctp-relay[tts]"}
"""what installs a distribution in the right version, where it does not come by itself"""


class BindingMismatch(RuntimeError):
    """The installed binding is missing, or is not the version this was generated for."""


@dataclass(frozen=True, slots=True)
class LoadedLibrary:
    """The file behind an imported binding, and what it says of itself."""

    file: str
    version: str
    """GetApiVersion: v6.7.11_20250617 16:22:00.10369"""
    sha256: str
    """of the file's content; empty where it cannot be read any more"""


@dataclass(frozen=True, slots=True)
class Binding:
    """The imported binding and what is known about it."""

    tdapi: Any
    """the module openctp_ctp.thosttraderapi"""
    version: str
    catalog: Catalog
    library: LoadedLibrary | None = None
    """where it was asked for, by `chosen_library.load`"""
    native: NativeEvents | None = None
    """the native road of its events, where it was chosen, by `roads.choose`"""


@dataclass(frozen=True, slots=True)
class MarketBinding:
    """The same of market data."""

    mdapi: Any
    """the module openctp_ctp.thostmduserapi"""
    version: str
    catalog: Catalog
    library: LoadedLibrary | None = None
    native: NativeEvents | None = None
    """none yet: ticks take Python's road"""


def load(distribution: Distribution = Distribution.CTP) -> Binding:
    """Import the binding. Raises locale.LocaleMissing, BindingMismatch."""
    catalog, version = _checked(Interface.TRADER, distribution)
    return Binding(importlib.import_module(f"{distribution.package}.{LIBRARIES[Interface.TRADER]}"), version, catalog)


def load_market(distribution: Distribution = Distribution.CTP) -> MarketBinding:
    """Import the binding of market data. Raises as `load`."""
    catalog, version = _checked(Interface.MARKET_DATA, distribution)
    module = importlib.import_module(f"{distribution.package}.{LIBRARIES[Interface.MARKET_DATA]}")
    return MarketBinding(module, version, catalog)


def _checked(interface: Interface, distribution: Distribution) -> tuple[Catalog, str]:
    """The catalog of the installed version, and that version; the locale is there afterwards."""
    catalog = load_catalog(interface, distribution)
    version = installed_version(distribution)
    if version != catalog.version:
        raise BindingMismatch(
            f"{distribution} {version} is installed, the catalog is of {catalog.version}: "
            f"install that version, or run `{COMMAND}`"
        )
    locale.ensure()
    return catalog, version


def installed_version(distribution: Distribution = Distribution.CTP) -> str:
    """The installed distribution's version. Raises BindingMismatch when there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise _missing(distribution) from None


def vendor_library(distribution: Distribution = Distribution.CTP, interface: Interface = Interface.TRADER) -> Path:
    """The vendor's library inside the wheel, found without importing it. Raises BindingMismatch."""
    package = distribution.package
    return _only(_package(distribution).with_name(f"{package}.libs"), f"lib{LIBRARIES[interface]}_se-*.so")


def extension(distribution: Distribution, interface: Interface) -> Path:
    """The binding's compiled part, whose calls go to the vendor's library. Raises BindingMismatch."""
    return _only(_package(distribution), f"_{LIBRARIES[interface]}*.so")


def _package(distribution: Distribution) -> Path:
    spec = importlib.util.find_spec(distribution.package)
    if spec is None or spec.origin is None:
        raise _missing(distribution)
    return Path(spec.origin).parent


def _only(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise BindingMismatch(f"{len(found)} files {pattern} in {directory.name}, where one was expected")
    return found[0]


def _missing(distribution: Distribution) -> BindingMismatch:
    return BindingMismatch(f"{distribution} is not installed: pip install '{EXTRAS.get(distribution, distribution)}'")
