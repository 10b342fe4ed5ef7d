"""Imports openctp_ctp safely: the locale first, and only the version the catalog was generated for.

A layout of another version would put fields in the wrong places and call wrong slots without any error
(CTP fact 17).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctpabi import locale
from ctpabi.catalog import Catalog, Interface
from ctpabi.catalog.data import COMMAND, load_catalog

DISTRIBUTION = "openctp-ctp"
PACKAGE = "openctp_ctp"


class BindingMismatch(RuntimeError):
    """The installed openctp-ctp is missing, or is not the version this was generated for."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The imported binding and what is known about it."""

    tdapi: Any
    """the module openctp_ctp.thosttraderapi"""
    version: str
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class MarketBinding:
    """The same of market data."""

    mdapi: Any
    """the module openctp_ctp.thostmduserapi"""
    catalog: Catalog


def load() -> Binding:
    """Import the binding. Raises locale.LocaleMissing, BindingMismatch."""
    catalog, version = _checked(Interface.TRADER)
    return Binding(importlib.import_module(f"{PACKAGE}.thosttraderapi"), version, catalog)


def load_market() -> MarketBinding:
    """Import the binding of market data. Raises as `load`."""
    catalog, _ = _checked(Interface.MARKET_DATA)
    return MarketBinding(importlib.import_module(f"{PACKAGE}.thostmduserapi"), catalog)


def _checked(interface: Interface) -> tuple[Catalog, str]:
    """The catalog of the installed version, and that version; the locale is there afterwards."""
    catalog = load_catalog(interface)
    version = installed_version()
    if version != catalog.version:
        raise BindingMismatch(
            f"{DISTRIBUTION} {version} is installed, the catalog is of {catalog.version}: "
            f"install that version, or run `{COMMAND}`"
        )
    locale.ensure()
    return catalog, version


def installed_version() -> str:
    """The installed distribution's version. Raises BindingMismatch when there is none."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise BindingMismatch(f"{DISTRIBUTION} is not installed: pip install {DISTRIBUTION}") from None


def vendor_library() -> Path:
    """The vendor's trader library inside the wheel, found without importing it. Raises BindingMismatch."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BindingMismatch(f"{DISTRIBUTION} is not installed: pip install {DISTRIBUTION}")
    directory = Path(spec.origin).parents[1] / f"{PACKAGE}.libs"
    libraries = sorted(directory.glob("libthosttraderapi_se-*.so"))
    if len(libraries) != 1:
        raise BindingMismatch(f"{len(libraries)} trader libraries beside {PACKAGE}, where one was expected")
    return libraries[0]
