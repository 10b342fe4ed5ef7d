"""Where the compiled parts are, and how they are made: carried in the package, or made on this machine and kept in the user's cache.

`python -m relay.compiled.build FOLDER` makes what a package carries in `relay/compiled/carried`; without a folder it fills the cache. It takes a
minute or two of one core. mypy, setuptools, a C compiler and Python's headers are needed to make them, and nothing of these to run them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ctpabi.cache import cache_directory, only_builder
from ctpabi.native.build import why_no_headers
from relay.compiled.parts import compiled_modules, key, sources

_CARRIED = Path(__file__).with_name("carried")
_TIMEOUT_SECONDS = 1_800


class PartsUnavailable(RuntimeError):
    """The compiled parts cannot be had here; the message says why, and what would help."""


def compiled_parts() -> Path | None:
    """The folder with the parts of this very source, carried or made before; None where there is none."""
    kept = [folder for folder in (_CARRIED, _kept_here()) if folder.is_dir()]
    return next((folder / key() for folder in kept if (folder / key()).is_dir()), None)


def compile_here() -> Path:
    """The folder, made in the user's cache where it is not there yet. Raises PartsUnavailable."""
    if (found := compiled_parts()) is not None:
        return found
    with only_builder(_kept_here() / key()):
        return compiled_parts() or compile_into(_kept_here())


def compile_into(directory: Path) -> Path:
    """Make the parts in the folder `directory`, from where they can be carried. Raises PartsUnavailable."""
    if (why := why_not_here()) is not None:
        raise PartsUnavailable(why)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix="building-") as scratch:
        copy, made = Path(scratch, "sources"), Path(scratch, "parts")
        for file, place in sources():
            to = copy / place
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)
        # Setuptools would write the folders of the Python that builds into the result.
        environment = {**os.environ, "LDSHARED": f"{_compiler()} -shared"}
        command = [sys.executable, "-m", "relay.compiled.by_mypyc", str(made), *sorted(compiled_modules())]
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
        for one in (made, *made.rglob("*")):
            one.chmod(0o755)  # whatever the umask: what others may write is not loaded
        # They appear whole or not at all.
        return made.replace(directory / key())


def why_not_here() -> str | None:
    """What is missing to compile them on this machine; None where nothing is."""
    if shutil.which(_compiler()) is None:
        return f"the C compiler {_compiler()} is missing: apt-get install -y gcc"
    if (why := why_no_headers()) is not None:
        return why
    if missing := [name for name in ("mypyc", "setuptools") if find_spec(name) is None]:
        return f"{' and '.join(missing)} cannot be imported: pip install 'ctp-relay[compiled]'"
    return None


def _kept_here() -> Path:
    return cache_directory() / "compiled"


def _compiler() -> str:
    return str(sysconfig.get_config_var("CC") or "cc").split()[0]


if __name__ == "__main__":
    sys.stdout.write(f"{compile_into(Path(sys.argv[1])) if sys.argv[1:] else compile_here()}\n")
