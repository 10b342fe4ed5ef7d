"""Where the shim for the installed binding is, and how it gets there: introspect, generate, compile, probe, keep.

Kept in the user's cache under a key of everything that goes into it, so a new openctp-ctp or a changed source
means a new build and nothing else does.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ctpabi import introspect, introspect_source, special_fields
from ctpabi.catalog import Catalog
from simcounter import abi_headers, probe, substitute

INSTALL_COMMAND = "apt-get install -y g++"
_SHIM = Path(__file__).with_name("shim")
_GENERATORS = tuple(map(inspect.getfile, (abi_headers, probe, introspect, introspect_source, special_fields)))
_PROBE_SOURCE = "probe.cpp"
_FLAGS = ("-std=c++17", "-O2", "-fvisibility=hidden", "-shared", "-fPIC")
_LIBRARIES = ("-lpthread", "-ldl")
_TIMEOUT_SECONDS = 300


class CompilerMissing(RuntimeError):
    """There is no g++; the message names the command that installs it."""


class BuildFailed(RuntimeError):
    """The binding could not be read or does not fit what was read, or g++ refused the shim; the message says which."""


def build(directory: Path | None = None) -> Path:
    """The drop-in library for the installed openctp-ctp, built if it is not there yet (about ten seconds).

    `directory` is a `pip --target` directory with another version. Two builders at once: one builds, the other waits.
    Raises BindingMissing, CompilerMissing, BuildFailed, LocaleMissing.
    """
    extension = substitute.binding_extension(directory)
    place = _cache() / _key(extension)
    library = place / substitute.needed_trader_library(extension)
    if library.exists():
        return library
    with _only_builder(place):
        if not library.exists():
            try:
                _build_into(place, extension, library.name)
            except (introspect.LayoutMismatch, probe.ProbeMismatch, subprocess.TimeoutExpired) as error:
                raise BuildFailed(f"the simulated counter's library cannot be built: {error}") from error
    return library


def _cache() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_home) / "ctp-relay" / "simcounter"


def _key(extension: Path) -> str:
    """Changes when the binding, the shim's source or whatever generates the rest of it changes."""
    digest = hashlib.sha256()
    for source in (extension, *sorted(_SHIM.glob("*.[ch]*")), Path(__file__), *map(Path, _GENERATORS)):
        digest.update(source.name.encode() + b"\0")
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def _only_builder(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(place: Path, extension: Path, soname: str) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        raise CompilerMissing(
            f"the simulated counter's library is compiled once, and g++ is missing: {INSTALL_COMMAND}"
        )
    site = extension.parent.parent
    catalog = introspect.introspect_at(site)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="building-") as scratch:
        work = Path(scratch)
        probe_library = work / "probe.so"
        compile_probe(compiler, soname, probe_library)
        probe.verify(probe_library, catalog, [str(site)])
        built = work / "built"
        built.mkdir()
        compile_shim(compiler, catalog, soname, built / soname)
        # A directory appears whole or not at all: one killed half way leaves nothing that looks finished.
        built.rename(place)


def compile_probe(compiler: str, soname: str, library: Path) -> None:
    """Compile the recording library; the same for every version but for its name. Raises BuildFailed."""
    _compile(compiler, [_SHIM / _PROBE_SOURCE], soname, library)


def compile_shim(compiler: str, catalog: Catalog, soname: str, library: Path) -> None:
    """Compile the shim for `catalog`. Raises BuildFailed, UnknownMethod."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in abi_headers.headers(catalog).items():
            Path(scratch, name).write_text(content, encoding="utf-8")
        sources = [source for source in sorted(_SHIM.glob("*.cpp")) if source.name != _PROBE_SOURCE]
        _compile(compiler, sources, soname, library, include=Path(scratch))


def _compile(compiler: str, sources: list[Path], soname: str, library: Path, include: Path = _SHIM) -> None:
    paths = [str(source) for source in sources]
    command = [compiler, *_FLAGS, f"-I{include}", f"-I{_SHIM}", f"-Wl,-soname,{soname}", "-o", str(library), *paths]
    result = subprocess.run(
        [*command, *_LIBRARIES], capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
    )
    if result.returncode != 0:
        raise BuildFailed(f"g++ could not compile the simulated counter's library:\n{result.stderr.strip()}")


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
