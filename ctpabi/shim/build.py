"""Where the shim for a binding is, and how it gets there: introspect, generate, compile, probe, keep.

Kept in the user's cache under a key of everything that goes into it, so a new binding or a changed source
means a new build and nothing else does.
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ctpabi.cache import cache_directory, only_builder
from ctpabi.catalog import Catalog, Interface, introspect, introspect_source, special_fields
from ctpabi.catalog.data import FILES, from_json, to_json
from ctpabi.shim import abi_headers, probe, substitute
from ctpabi.shim.abi_headers import ANY_CALLER, Caller
from ctpabi.shim.substitute import Target

INSTALL_COMMAND = "apt-get install -y g++"
_SHIM = Path(__file__).with_name("library")
_GENERATORS = tuple(map(inspect.getfile, (abi_headers, probe, introspect, introspect_source, special_fields)))
_PROBE_SOURCE = "probe.cpp"
_APART = (_PROBE_SOURCE, "loopback_only.cpp")
"""sources of libraries of their own"""
_ON_THE_WAY_TO_A_RELAY = "by_name.cpp"
"""only there a program is let in that opens the vendor's library itself"""
_LOOPBACK_ONLY = "libloopback_only.so"
_FLAGS = ("-std=c++17", "-O2", "-fvisibility=hidden", "-shared", "-fPIC")
_LIBRARIES = ("-lpthread", "-ldl")
_TIMEOUT_SECONDS = 300


class CompilerMissing(RuntimeError):
    """There is no g++; the message names the command that installs it."""


class BuildFailed(RuntimeError):
    """The binding could not be read or does not fit what was read, or g++ refused the shim; the message says which."""


@dataclass(frozen=True, slots=True)
class Shim:
    """What was built for one binding; the libraries are preloaded together."""

    trader: Path
    market_data: Path

    @property
    def libraries(self) -> tuple[Path, ...]:
        return self.trader, self.market_data, self.trader.with_name(_LOOPBACK_ONLY)

    def catalog(self, interface: Interface) -> Catalog:
        """What the library of `interface` was generated from."""
        return from_json(self.trader.with_name(FILES[interface]).read_text(encoding="utf-8"))


def build(target: Target | None = None) -> Shim:
    """The drop-in libraries for `target` or else the installed openctp-ctp, built if needed (some twenty seconds).

    Two builders at once: one builds, the other waits. Raises BindingMissing, CompilerMissing, BuildFailed, LocaleMissing.
    """
    target = target or substitute.installed()
    place = _cache() / _key(target)
    shim = Shim(*(place / target.library_name(interface) for interface in Interface))
    if place.is_dir():
        return shim
    with only_builder(place):
        if not place.is_dir():
            try:
                _build_into(place, target)
            except (introspect.LayoutMismatch, probe.ProbeMismatch, subprocess.TimeoutExpired) as error:
                raise BuildFailed(f"the simulated counter's library cannot be built: {error}") from error
    return shim


def is_built(target: Target) -> bool:
    """Whether `build` has nothing to do."""
    return (_cache() / _key(target)).is_dir()


def _cache() -> Path:
    return preloadable(cache_directory() / "simcounter")


def preloadable(directory: Path) -> Path:
    """`directory`, where the linker takes libraries from it. Raises BuildFailed."""
    place = directory.absolute()
    if set(" :") & set(str(place)):
        # The linker would pass over the libraries, and the program would go to its real front.
        raise BuildFailed(
            f"{place} has a space or a colon, which LD_PRELOAD cannot carry: choose another folder, for the cache by XDG_CACHE_HOME"
        )
    return place


def _key(target: Target) -> str:
    """Changes when the binding, the shim's source or whatever generates the rest of it changes."""
    return key_of(*target.callers.values(), *map(Path, _GENERATORS))


def key_of(*files: Path) -> str:
    """32 hex digits that change with the library's source, with this module, and with each of `files`."""
    digest = hashlib.sha256()
    for source in (*files, *sorted(_SHIM.glob("*.[ch]*")), Path(__file__)):
        digest.update(source.name.encode() + b"\0")
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _build_into(place: Path, target: Target) -> None:
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="building-") as scratch, ThreadPoolExecutor() as pool:
        built = Path(scratch) / "built"
        built.mkdir()
        parts = [pool.submit(_build_interface, compiler, target, interface, built) for interface in Interface]
        _compile(compiler, [_SHIM / "loopback_only.cpp"], _LOOPBACK_ONLY, built / _LOOPBACK_ONLY)
        for part in parts:
            part.result()
        # A directory appears whole or not at all: one killed half way leaves nothing that looks finished.
        built.rename(place)


def _build_interface(compiler: str, target: Target, interface: Interface, built: Path) -> None:
    """Library and catalog of one interface, proved by the probe."""
    name = target.library_name(interface)
    catalog = introspect.introspect_at(target.site, interface, target.python, target.distribution)
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
        probe_library = Path(scratch, "probe.so")
        compile_probe(compiler, substitute.needed_library(_read_extension(target, interface), interface), probe_library)
        probe.verify(probe_library, catalog, target.site, target.python)
    extension = target.callers[interface]
    caller = Caller.of(extension, f"{extension.parent.name}/{extension.name} for CTP {catalog.version}")
    compile_shim(compiler, catalog, caller, name, built / name)
    (built / FILES[interface]).write_text(to_json(catalog), encoding="utf-8")


def _read_extension(target: Target, interface: Interface) -> Path:
    return substitute.binding_extension(target.site, interface, target.distribution)


def find_compiler() -> str:
    """Where g++ is. Raises CompilerMissing."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise CompilerMissing(f"a library is compiled here once, and g++ is missing: {INSTALL_COMMAND}")
    return compiler


def compile_probe(compiler: str, soname: str, library: Path) -> None:
    """Compile the recording library; the same for every version but for its name. Raises BuildFailed."""
    _compile(compiler, [_SHIM / _PROBE_SOURCE], soname, library)


def compile_shim(compiler: str, catalog: Catalog, caller: Caller, soname: str, library: Path) -> None:
    """Compile the shim for `catalog` and `caller`. Raises BuildFailed, UnknownMethod."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in abi_headers.headers(catalog, caller).items():
            Path(scratch, name).write_text(content, encoding="utf-8")
        apart = _APART if caller is ANY_CALLER else (*_APART, _ON_THE_WAY_TO_A_RELAY)
        sources = [source for source in sorted(_SHIM.glob("*.cpp")) if source.name not in apart]
        _compile(compiler, sources, soname, library, include=Path(scratch))


def _compile(compiler: str, sources: list[Path], soname: str, library: Path, include: Path = _SHIM) -> None:
    paths = [str(source) for source in sources]
    command = [
        compiler,
        *_FLAGS,
        f"-iquote{include}",
        f"-iquote{_SHIM}",
        f"-Wl,-soname,{soname}",
        "-o",
        str(library),
        *paths,
    ]
    result = subprocess.run(
        [*command, *_LIBRARIES], capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
    )
    if result.returncode != 0:
        raise BuildFailed(f"g++ could not compile {soname}:\n{result.stderr.strip()}")


if __name__ == "__main__":
    sys.stdout.write(f"{build().trader.parent}\n")
