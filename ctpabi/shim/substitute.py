"""How a process gets the shim instead of the vendor's libraries: same SONAME, loaded first.

The binding's DT_RPATH beats LD_LIBRARY_PATH; LD_PRELOAD of a library with the SONAME the binding needs beats both.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctpabi import locale
from ctpabi.catalog import Distribution, Interface
from ctpabi.elf import dynamic_names

_LIBRARIES = {Interface.TRADER: "thosttraderapi", Interface.MARKET_DATA: "thostmduserapi"}
_INSTALL = {
    Distribution.CTP: "pip install openctp-ctp==6.7.11.*",
    Distribution.TTS: "pip install openctp-tts==6.7.2.3",
}


class BindingMissing(RuntimeError):
    """The binding is not installed, or not as this platform's wheel; the message names the one command."""


def binding_extension(
    directory: Path | None = None,
    interface: Interface = Interface.TRADER,
    distribution: Distribution = Distribution.CTP,
) -> Path:
    """The installed binding's extension, found without importing it; `directory` is a `pip --target` one.

    Raises BindingMissing.
    """
    package = directory / distribution.package if directory else _installed_package(distribution)
    extensions = sorted(package.glob(f"_{_LIBRARIES[interface]}*.so"))
    if not extensions:
        raise BindingMissing(f"{distribution} is not installed for this platform: {_INSTALL[distribution]}")
    return extensions[0]


@dataclass(frozen=True, slots=True)
class Target:
    """Whose calls a shim shall answer, and which binding is read to know how those calls look."""

    callers: Mapping[Interface, Path]
    """the extensions: the files whose code calls the vendor's libraries"""
    site: Path
    """the directory with the binding that is read, usually the one the callers belong to"""
    python: str = sys.executable
    """an interpreter of 3.11 or later that can import it"""
    user: str = sys.executable
    """the interpreter whose program is to be started"""
    distribution: Distribution = Distribution.CTP
    """of the binding that is read"""

    def library_name(self, interface: Interface) -> str:
        """What the shim's library must be called. Raises BindingMissing."""
        return needed_library(self.callers[interface], interface)


def installed(directory: Path | None = None, distribution: Distribution = Distribution.CTP) -> Target:
    """The binding of this interpreter, or the one in `directory`. Raises BindingMissing."""
    callers = {interface: binding_extension(directory, interface, distribution) for interface in Interface}
    return Target(callers, callers[Interface.TRADER].parent.parent, distribution=distribution)


def _installed_package(distribution: Distribution) -> Path:
    spec = importlib.util.find_spec(distribution.package)
    if spec is None or spec.origin is None:
        raise BindingMissing(f"{distribution} is not installed: {_INSTALL[distribution]}")
    return Path(spec.origin).parent


def needed_library(extension: Path, interface: Interface = Interface.TRADER) -> str:
    """The SONAME a replacement must have; the part after the dash differs in every release."""
    for name in dynamic_names(extension).needed:
        if _LIBRARIES[interface] in name:
            return name
    raise BindingMissing(
        f"{extension.name} needs no {_LIBRARIES[interface]} library: not the binding this was written for"
    )


def environment(base: Mapping[str, str], libraries: Sequence[Path], front: str | None = None) -> dict[str, str]:
    """`base` changed so that a child's binding loads `libraries` (a shim's or a probe) instead of the vendor's.

    `front`, such as "tcp://127.0.0.1:17001", replaces whatever address the program registers. Raises LocaleMissing.
    """
    locale.ensure()
    changed = dict(base)
    changed["LD_PRELOAD"] = ":".join(filter(None, [*map(str, libraries), base.get("LD_PRELOAD", "")]))
    if "LOCPATH" in os.environ:
        changed["LOCPATH"] = os.environ["LOCPATH"]
    if front is not None:
        changed["CTP_SIMCOUNTER_FRONT"] = front
    return changed
