"""The libraries on the way to a relay: one pair for every program of this CTP, made from the committed catalogs.

No binding is read and none is needed: which CTP a program was compiled for is seen in its own process (`library/caller.cpp`).
A distribution for one platform may bring them compiled (COMPILED); else g++ makes them once, in the user's cache.
"""

from __future__ import annotations

import importlib.util
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ctpabi.cache import cache_directory
from ctpabi.catalog import Interface
from ctpabi.catalog import data as catalog_data
from ctpabi.catalog.data import load_catalog
from ctpabi.shim import abi_headers, build
from ctpabi.shim.abi_headers import ANY_CALLER

COMPILED = "ctp_relay_exec"
"""the package of the distribution that brings them"""
KEY_FILE = "key"
_NAMES = {Interface.TRADER: "libctp_relay_trader.so", Interface.MARKET_DATA: "libctp_relay_market_data.so"}
"""unlike the vendor's: so the linker loads the vendor's too, and it can be asked for its version"""


def libraries_for_relay() -> tuple[Path, ...]:
    """What a program's process loads first. Raises CompilerMissing, BuildFailed."""
    brought = _brought()
    if brought is not None:
        return brought
    place = build.preloadable(cache_directory() / "exec") / source_key()
    if not place.is_dir():
        with build.only_builder(place):
            if not place.is_dir():
                _compile_to(place)
    return _in(place)


def are_compiled() -> bool:
    """Whether `libraries_for_relay` has nothing to do."""
    return _brought() is not None or (build.preloadable(cache_directory() / "exec") / source_key()).is_dir()


def compile_for_relay(directory: Path) -> None:
    """Make them, with their key, in the folder `directory`. Raises CompilerMissing, BuildFailed."""
    compiler = build.find_compiler()
    with ThreadPoolExecutor() as pool:
        parts = [
            pool.submit(build.compile_shim, compiler, load_catalog(interface), ANY_CALLER, name, directory / name)
            for interface, name in _NAMES.items()
        ]
        for part in parts:
            part.result()
    (directory / KEY_FILE).write_text(source_key(), encoding="ascii")


def source_key() -> str:
    """Changes with everything they are made of."""
    catalogs = (catalog_data.path_of(interface) for interface in Interface)
    return build.key_of(Path(abi_headers.__file__), Path(__file__), *catalogs)


def _in(place: Path) -> tuple[Path, ...]:
    return tuple(place / name for name in _NAMES.values())


def _brought() -> tuple[Path, ...] | None:
    """Those of the distribution, where it is installed and was made of this very source."""
    found = importlib.util.find_spec(COMPILED)
    if found is None or found.origin is None:
        return None
    place = Path(found.origin).parent
    key = place / KEY_FILE
    if not key.is_file() or key.read_text(encoding="ascii").strip() != source_key():
        return None
    return _in(build.preloadable(place))


def _compile_to(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="building-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        compile_for_relay(made)
        made.rename(place)
