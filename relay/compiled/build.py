"""Where the compiled parts are, and how they are made: carried in the package, or made on this machine and kept in the user's cache.

`python -m relay.compiled.build FOLDER` makes what a package carries in `relay/compiled/carried`; without a folder it fills the cache. It takes a
minute or two of one core. mypy, setuptools, a C compiler and Python's headers are needed to make them, and nothing of these to run them.

Parts have the key of the copy of the source that they were made of, so an edit meanwhile does not give them the key of another source. mypy's
version is not in the key, because a relay that runs has no mypy to ask: parts of this source and this Python serve, whichever mypy made them.
Who compiles again with another mypy gets parts of that one, unless a process runs those that are there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ctpabi.cache import cache_places, lasting_directory, only_builder
from ctpabi.native.build import why_no_headers
from relay.compiled.folder import BUILDING, is_held, remove_left_over, set_aside, what_made, why_not_whole, write_list
from relay.compiled.parts import key, key_of, sources

_CARRIED = Path(__file__).with_name("carried")
_ROOM = "compiled"
_TIMEOUT_SECONDS = 1_800


class PartsUnavailable(RuntimeError):
    """The compiled parts cannot be had here; the message says why, and what would help."""


def compiled_parts() -> Iterator[Path]:
    """The folders with parts of this very source, carried or made before, whole or not."""
    for folder in (_CARRIED, *(place / _ROOM for place in cache_places())):
        if os.path.isdir(folder / key()):  # noqa: PTH112 - no error where it may not look
            yield folder / key()


def compile_here() -> Path:
    """The folder, made in the user's cache where it is not there yet. Raises PartsUnavailable."""
    if (found := _served()) is not None:
        return found
    if (lasting := lasting_directory()) is None:
        raise PartsUnavailable("they cannot be kept: set XDG_CACHE_HOME to a folder that this user may write")
    try:
        with only_builder(lasting / _ROOM / "builder"):
            if (found := _served()) is not None:
                return found
            remove_left_over(lasting / _ROOM)
            return compile_into(lasting / _ROOM)
    except OSError as error:
        raise PartsUnavailable(f"they cannot be kept in {lasting}: {error}") from None


def compile_into(directory: Path) -> Path:
    """Make the parts in the folder `directory`, from where they can be carried. Raises PartsUnavailable, OSError."""
    if (why := why_not_here()) is not None:
        raise PartsUnavailable(why)
    directory = directory.absolute()
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=BUILDING, ignore_cleanup_errors=True) as scratch:
        copy, made = Path(scratch, "sources"), Path(scratch, "parts")
        place = directory / key_of(_copied(copy))
        if _serves(place):
            return place
        _compile(copy, made)
        write_list(made, made_by=_mypy())
        for one in (made, *made.rglob("*")):
            one.chmod(0o755)  # whatever the umask: what others may write is not loaded
        _put(made, place, Path(scratch))
    return place


def _put(made: Path, place: Path, scratch: Path) -> None:
    """They appear whole or not at all, also where another builder is as far."""
    if _serves(place):
        return
    if place.exists() and not set_aside(place, scratch):
        raise PartsUnavailable(f"damaged parts are in use; stop the relay that runs them: {why_not_whole(place)}")
    try:
        made.replace(place)
    except OSError:
        if not _serves(place):
            raise


def _copied(to: Path) -> Iterator[tuple[Path, Path]]:
    """The files of a copy of the source, which no edit changes any more."""
    for file, place in sources():
        (to / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to / place)
        yield to / place, place


def _served() -> Path | None:
    return next(filter(_serves, compiled_parts()), None)


def _serves(parts: Path) -> bool:
    """Whether they are whole, and nothing could or should take their place."""
    if why_not_whole(parts) is not None:
        return False
    return parts.parent == _CARRIED or what_made(parts) == _mypy() or find_spec("mypy") is None or is_held(parts)


def _compile(copy: Path, made: Path) -> None:
    environment = {
        **os.environ,
        # Setuptools would write the folders of the Python that builds into the result.
        "LDSHARED": f"{_compiler()} -shared",
        "PYTHONPATH": f"{copy}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",  # which modules are parts, the copy says
    }
    command = [sys.executable, "-m", "relay.compiled.by_mypyc", str(made)]
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PartsUnavailable(f"mypyc could not be run: {error}") from None
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise PartsUnavailable(f"mypyc could not compile the relay's parts:\n{last}")


def why_not_here() -> str | None:
    """What is missing to compile them on this machine; None where nothing is."""
    if shutil.which(_compiler()) is None:
        return f"the C compiler {_compiler()} is missing: apt-get install -y gcc"
    if (why := why_no_headers()) is not None:
        return why
    if missing := [name for name in ("mypyc", "setuptools") if find_spec(name) is None]:
        return f"{' and '.join(missing)} cannot be imported: pip install 'ctp-relay[compiled]'"
    return None


def _mypy() -> str:
    try:
        return f"mypy {version('mypy')}"
    except PackageNotFoundError:
        return "mypy"


def _compiler() -> str:
    return str(sysconfig.get_config_var("CC") or "cc").split()[0]


def main() -> None:
    """Say where they are, or why there are none."""
    try:
        parts = compile_into(Path(sys.argv[1])) if sys.argv[1:] else compile_here()
    except (PartsUnavailable, OSError) as error:
        raise SystemExit(f"the order path was not compiled: {error}") from None
    sys.stdout.write(f"{parts}\n")


if __name__ == "__main__":
    main()
