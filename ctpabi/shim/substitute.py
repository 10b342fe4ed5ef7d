"""How a process gets the shim instead of the vendor's libraries: same SONAME, loaded first.

The binding's DT_RPATH beats LD_LIBRARY_PATH; LD_PRELOAD of a library with the SONAME the binding needs beats both.
"""

from __future__ import annotations

import importlib.util
import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctpabi import locale
from ctpabi.catalog import Distribution, Interface

_LIBRARIES = {Interface.TRADER: "thosttraderapi", Interface.MARKET_DATA: "thostmduserapi"}
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_DYNAMIC_ENTRY = struct.Struct("<qQ")
_SHT_DYNAMIC = 6
_INSTALL = {
    Distribution.CTP: "pip install openctp-ctp==6.7.11.*",
    Distribution.TTS: "pip install openctp-tts==6.7.2.3",
}
_DT_NULL, _DT_NEEDED, _DT_SONAME = 0, 1, 14


class BindingMissing(RuntimeError):
    """The binding is not installed, or not as this platform's wheel; the message names the one command."""


@dataclass(frozen=True, slots=True)
class DynamicNames:
    """What an ELF shared object says about itself and what it wants loaded with it."""

    soname: str
    needed: tuple[str, ...]


def dynamic_names(library: Path) -> DynamicNames:
    """SONAME and NEEDED of a 64-bit little-endian ELF file; ValueError when it is none."""
    image = library.read_bytes()
    if image[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{library.name} is not a 64-bit little-endian ELF file")
    soname, needed = "", []
    for tag, name in _dynamic_strings(image):
        if tag == _DT_SONAME:
            soname = name
        elif tag == _DT_NEEDED:
            needed.append(name)
    return DynamicNames(soname, tuple(needed))


def _dynamic_strings(image: bytes) -> Iterator[tuple[int, str]]:
    header = _ELF_HEADER.unpack_from(image)
    table, entry_size, count = header[6], header[11], header[12]
    sections = [_SECTION_HEADER.unpack_from(image, table + index * entry_size) for index in range(count)]
    dynamic = next((section for section in sections if section[1] == _SHT_DYNAMIC), None)
    if dynamic is None:
        return
    strings = sections[dynamic[6]][4]
    for position in range(dynamic[4], dynamic[4] + dynamic[5], _DYNAMIC_ENTRY.size):
        tag, value = _DYNAMIC_ENTRY.unpack_from(image, position)
        if tag == _DT_NULL:
            return
        if tag in (_DT_NEEDED, _DT_SONAME):
            start = strings + value
            yield tag, image[start : image.index(b"\0", start)].decode()


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
