"""The installed openctp-ctp beside this package: its collector, and its APIs for fronts that are no relay's."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from ctpabi import locale
from ctpabi.api import binding
from ctpabi.api.binding import BindingMismatch
from ctpabi.api.spi import Put, make_spi
from ctpabi.catalog import Catalog, Distribution, Interface, Method
from ctpabi.catalog.data import load_catalog

PATH_ENTRY = Path(__file__).parent / "path_entry"
_ALIAS = "ctp_relay_openctp_installed"
_MODULES = {Interface.TRADER: "thosttraderapi", Interface.MARKET_DATA: "thostmduserapi"}


def package_folder() -> Path | None:
    """Where the installed openctp_ctp is, past this one; None where there is none."""
    own = PATH_ENTRY.resolve()
    places = [place for place in sys.path if Path(place).resolve() != own]
    spec = PathFinder.find_spec(Distribution.CTP.package, places)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def collector_library() -> Path | None:
    """The vendor's library inside the installed openctp-ctp, of whatever version; it has the collector."""
    folder = package_folder()
    found = (
        []
        if folder is None
        else sorted(folder.with_name(f"{Distribution.CTP.package}.libs").glob("libthosttraderapi_se-*.so"))
    )
    return found[0] if found else None


def real_module(interface: Interface) -> Any:
    """The installed binding's module. BindingMismatch, by name, where it is of another version than this package."""
    wanted, there = load_catalog().version, binding.installed_version()
    if wanted != there:
        raise BindingMismatch(
            f"已安装 {Distribution.CTP} {there}，本包对应 {wanted}：tcp:// 前置请安装 {Distribution.CTP}=={wanted}，或直接用 python"
            f" 运行程序 / {Distribution.CTP} {there} is installed and this package is of {wanted}: for a tcp:// front install"
            f" {Distribution.CTP}=={wanted}, or start the program without ctp_relay_openctp"
        )
    folder = package_folder()
    if folder is None:
        raise BindingMismatch(f"{Distribution.CTP} {there} has no package {Distribution.CTP.package}")
    locale.ensure()
    if _ALIAS not in sys.modules:
        origin = folder / "__init__.py"
        spec = importlib.util.spec_from_file_location(_ALIAS, origin, submodule_search_locations=[str(folder)])
        assert spec is not None  # noqa: S101 — a file's spec
        assert spec.loader is not None  # noqa: S101
        package = sys.modules[_ALIAS] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"{_ALIAS}.{_MODULES[interface]}")


class InstalledApi:
    """An API of the installed binding behind an object of this package: struct bytes go over, callbacks come back."""

    def __init__(self, catalog: Catalog, arguments: Sequence[object], put: Put) -> None:
        """`arguments` are those of Create…Api. BindingMismatch."""
        self._catalog = catalog
        self._module = real_module(catalog.interface)
        name = f"CThostFtdc{catalog.interface}Api"
        maker: Callable[..., Any] = getattr(getattr(self._module, name), f"CreateFtdc{catalog.interface}Api")
        self._api = maker(*arguments)
        self._spi = make_spi(getattr(self._module, f"CThostFtdc{catalog.interface}Spi"), catalog, put)
        self._api.RegisterSpi(self._spi)

    def lifecycle(self, name: str, *arguments: object) -> Any:
        """Call Init, RegisterFront, SubscribePrivateTopic … of the real one."""
        return getattr(self._api, name)(*arguments)

    def filled(self, struct: str, memory: bytes | bytearray) -> Any:
        """A struct of the binding's with these bytes."""
        made = getattr(self._module, f"CThostFtdc{struct}Field")()
        ctypes.memmove(int(made.this), bytes(memory), min(len(memory), self._catalog.structs[struct].size))
        return made

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        return int(getattr(self._api, method.name)(self.filled(method.struct, body), request_id))

    def report(self, method: Method, body: bytes | bytearray) -> int:
        return int(getattr(self._api, method.name)(self.filled(method.struct, body)))

    def subscribe(self, name: str, instruments: list[bytes]) -> int:
        return int(getattr(self._api, name)(instruments, len(instruments)))

    def memory_after(self, name: str, struct: str) -> bytes:
        """What GetFrontInfo writes into its struct."""
        made = getattr(self._module, f"CThostFtdc{struct}Field")()
        getattr(self._api, name)(made)
        return ctypes.string_at(int(made.this), self._catalog.structs[struct].size)

    def release(self) -> None:
        self._api.RegisterSpi(None)
        self._api.Release()
