"""Where the compiled native library is: carried in the package, or compiled on this machine and kept in the user's cache.

Both have the key of the source in their names, so a file of another version is never loaded. `python -m ctpabi.native.build FOLDER` makes
what a package carries in `ctpabi/native/compiled`; without a folder it fills the cache. What others could have written is not loaded.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path
from types import ModuleType

from ctpabi.cache import cache_directory, cache_places, only_builder
from ctpabi.native import NativeUnavailable

MODULE = "_ctp_native"
MACHINES = frozenset({"x86_64", "aarch64"})
"""those whose way of passing arguments the source knows"""
_SOURCE = Path(__file__).with_name("library")
_CARRIED = Path(__file__).with_name("compiled")
_FLAGS = (
    "-std=c++17",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-fvisibility=hidden",
    "-shared",
    "-fPIC",
)
_TIMEOUT_SECONDS = 300


def compiled_file() -> Path | None:
    """The file of this very source, carried or compiled before; None where there is none."""
    kept = (place / "native" for place in cache_places())
    places = (folder / file_name() for folder in chain((_CARRIED,), kept, (cache_directory() / "native",)))
    return next((place for place in places if os.path.isfile(place)), None)  # noqa: PTH113 - no error where it may not look


def compile_here() -> Path:
    """The file, compiled into the user's cache where it is not there yet (some seconds). Raises NativeUnavailable."""
    if (found := compiled_file()) is not None:
        return found
    place = cache_directory() / "native" / file_name()
    with only_builder(place):
        return compiled_file() or compile_into(place.parent)


def compile_into(directory: Path, *flags: str) -> Path:
    """Compile it in the folder `directory`, from where it can be carried; more `flags` for g++. Raises NativeUnavailable."""
    if (why := why_not_here()) is not None:
        raise NativeUnavailable(why)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix="building-") as scratch:
        made = Path(scratch, file_name())
        sources = map(str, sorted(_SOURCE.glob("*.cpp")))
        command = [str(shutil.which("g++")), *_FLAGS, *flags, f"-I{_python_headers()}", *sources, "-o", str(made)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise NativeUnavailable(f"g++ could not be run: {error}") from None
        if result.returncode != 0:
            raise NativeUnavailable(f"g++ could not compile the native library:\n{result.stderr.strip()}")
        made.chmod(0o755)  # whatever the umask: what others may write is not loaded
        # It appears whole or not at all.
        return made.replace(directory / file_name())


def why_not_here() -> str | None:
    """What is missing to compile it on this machine; None where nothing is."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return f"there is no native library for {platform.system()} on {platform.machine()}"
    if shutil.which("g++") is None:
        return "g++ is missing: apt-get install -y g++"
    return why_no_headers()


def why_no_headers() -> str | None:
    """What is missing where nothing can be compiled that includes Python's headers."""
    is_there = (_python_headers() / "Python.h").is_file()
    return None if is_there else "Python's headers are missing: apt-get install -y python3-dev"


def load(file: Path) -> ModuleType:
    """The module in `file`, which nobody else may have written. Raises NativeUnavailable."""
    if (why := why_not_trusted(file)) is not None:
        raise NativeUnavailable(why)
    loader = importlib.machinery.ExtensionFileLoader(MODULE, str(file))
    spec = importlib.machinery.ModuleSpec(MODULE, loader, origin=str(file))
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise NativeUnavailable(f"the native library cannot be loaded: {error}") from None
    return module


def why_not_trusted(file: Path, what: str = "the native library") -> str | None:
    """Why another user could put code of theirs there, in words about `what` it is a file of; None where none could.

    The file and the folders above it belong to this user or to root, and nobody else may write them; in a folder such as
    /tmp nobody can put a file in the place of another's.
    """
    place = Path(os.path.realpath(file))
    for one in (place, *place.parents):
        try:
            found = one.stat()
        except OSError as error:
            return f"{what} cannot be loaded: {error}"
        if found.st_uid not in {0, os.geteuid()}:
            return f"{one} belongs to another user (uid {found.st_uid}): {what} in it cannot be trusted"
        is_sticky = one is not place and found.st_mode & stat.S_ISVTX
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_sticky:
            return f"others may write {one}: {what} in it cannot be trusted; run: chmod go-w {one}"
    return None


@cache
def file_name() -> str:
    """Changes with everything that it is made of, and with the machine."""
    digest = hashlib.sha256(f"{platform.machine()} {' '.join(_FLAGS)}".encode())
    for source in sorted(_SOURCE.glob("*.[ch]*")):
        digest.update(source.name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return f"{MODULE}-{digest.hexdigest()[:32]}.abi3.so"


def _python_headers() -> Path:
    return Path(sysconfig.get_paths()["include"])


if __name__ == "__main__":
    sys.stdout.write(f"{compile_into(Path(sys.argv[1])) if sys.argv[1:] else compile_here()}\n")
