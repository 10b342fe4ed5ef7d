"""The libraries on the way to a relay: one pair for every program of this CTP, made from the committed catalogs.

No binding is read and none is needed: which CTP a program was compiled for is seen in its own process (`library/caller.cpp`).
g++ makes them once, in the user's cache; or on another machine, in a folder that is carried here.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ctpabi.cache import cache_directory, only_builder
from ctpabi.catalog import Interface
from ctpabi.catalog import data as catalog_data
from ctpabi.catalog.data import load_catalog
from ctpabi.shim import abi_headers, build
from ctpabi.shim.abi_headers import ANY_CALLER

KEY_FILE = "key"
_NAMES = {Interface.TRADER: "libctp_relay_trader.so", Interface.MARKET_DATA: "libctp_relay_market_data.so"}
"""unlike the vendor's: so the linker loads the vendor's too, and it can be asked for its version"""


class LibrariesOfAnother(RuntimeError):
    """What a folder has was not made of this very source, or it has none; the message says what to run."""


def libraries_for_relay() -> tuple[Path, ...]:
    """What a program's process loads first. Raises CompilerMissing, BuildFailed."""
    place = _kept()
    if not place.is_dir():
        with only_builder(place):
            if not place.is_dir():
                with _made_beside(place) as made:
                    made.rename(place)
    return _in(place)


def are_compiled() -> bool:
    """Whether `libraries_for_relay` has nothing to do."""
    return _kept().is_dir()


def compile_into(directory: Path) -> None:
    """Make them in the folder `directory`, from where they can be carried. Raises CompilerMissing, BuildFailed."""
    directory.mkdir(parents=True, exist_ok=True)
    with _made_beside(directory / KEY_FILE) as made:
        for name in (*_NAMES.values(), KEY_FILE):  # the key last: it says that the others are there
            (made / name).replace(directory / name)


def libraries_in(directory: Path) -> tuple[Path, ...]:
    """Those that `compile_into` made, here or on another machine. Raises LibrariesOfAnother, BuildFailed."""
    key = directory / KEY_FILE
    if not key.is_file() or key.read_text(encoding="ascii", errors="replace").strip() != source_key():
        raise LibrariesOfAnother(
            f"{directory} 中没有本版本 ctp-terminal 的转接库；请在有 g++ 的机器上用同一版本重新生成 holds no libraries of this version of "
            f"ctp-terminal; make them with the same version where g++ is: ctp-terminal exec --build-into {directory}"
        )
    return _in(build.preloadable(directory))


def source_key() -> str:
    """Changes with everything they are made of."""
    catalogs = (catalog_data.path_of(interface) for interface in Interface)
    return build.key_of(Path(abi_headers.__file__), Path(__file__), *catalogs)


def _kept() -> Path:
    return build.preloadable(cache_directory() / "exec") / source_key()


def _in(place: Path) -> tuple[Path, ...]:
    return tuple(place / name for name in _NAMES.values())


@contextlib.contextmanager
def _made_beside(place: Path) -> Iterator[Path]:
    """A new folder with the libraries and their key, on the file system of `place`. Raises CompilerMissing, BuildFailed."""
    compiler = build.find_compiler()
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="building-") as scratch, ThreadPoolExecutor() as pool:
        made = Path(scratch) / "made"
        made.mkdir()
        parts = [
            pool.submit(build.compile_shim, compiler, load_catalog(interface), ANY_CALLER, name, made / name)
            for interface, name in _NAMES.items()
        ]
        for part in parts:
            part.result()
        (made / KEY_FILE).write_text(source_key(), encoding="ascii")
        yield made
