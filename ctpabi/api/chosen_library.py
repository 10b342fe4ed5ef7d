"""A file in the place of the vendor's library that came with the binding: a newer build, or a broker's own.

Theory of operation
-------------------
The binding asks the linker for a library by SONAME, and carries the path of its own. The linker takes one that is loaded
already before it looks along any path, so the chosen file is loaded first, by its path, and the binding gets it (CTP fact 87).
It is loaded for the binding alone and not for everybody in the process, as the binding would load its own: a vendor's library
has thousands of names. So it wins over the package's file, and not over one in LD_PRELOAD, which is there before.

1. `examine` looks at the file without running anything of it: a library of this machine, with the SONAME.
2. `rehearse` does all of it in a process of its own, with an instance: a library of another interface would call
   something else, silently or to the process's end. There each slot of the instance's virtual table is compared with the
   catalog by its name, and the version with that of the package's library. What has no names is judged by the version alone.
3. `place` loads it here, before the binding is imported; both libraries at once, because the package imports both modules.
4. `require_taken` asks the linker afterwards where the calls go. It must be that file, with the content that was examined.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ctpabi import elf, locale
from ctpabi.api import binding
from ctpabi.api.binding import Binding, BindingMismatch, MarketBinding
from ctpabi.api.loaded_library import loaded_library
from ctpabi.catalog import Distribution, Interface

_REHEARSAL_SECONDS = 60
_ROOT = Path(__file__).parents[2]
Chosen = Mapping[Interface, Path]
"""the files, for the interfaces whose library is not the package's own"""


class LibraryFault(StrEnum):
    """Why a file cannot stand in the library's place; the facts of each are those that its text has."""

    MISSING = "there is no such file"
    NO_FILE = "it is no regular file"
    UNREADABLE = "it cannot be read: {why}"
    NO_LIBRARY = "it is no shared library of 64-bit ELF, or a damaged one"
    OTHER_MACHINE = "it is for the ELF machine {machine}, this one is {own}"
    OTHER_NAME = "its SONAME is {soname}, the binding asks for {wanted}"
    UNLOADABLE = "the linker does not load it: {why}"
    OTHER_VERSION = "it is of version {version}, the binding of {wanted}"
    OTHER_SLOTS = "its slot {slot} is {found}, the binding calls {method} there: {wrong} of {slots} differ"
    NOT_TAKEN = "the calls go to {taken} instead"
    CHANGED = "it was changed while it was loaded"
    CRASHED = "the rehearsal with it ended without a result: {why}"


class LibraryUnfit(BindingMismatch):
    """A chosen file cannot be used."""

    def __init__(self, file: Path | str, fault: LibraryFault, **facts: object) -> None:
        super().__init__(f"library {file}: {fault.value.format(**facts)}")
        self.file = Path(file)
        self.fault = fault
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the rehearsal found of a file that fits."""

    version: str
    seen: int
    """slots of the virtual table that have names, and the right ones"""
    slots: int


def load(distribution: Distribution, chosen: Chosen) -> Binding:
    """`binding.load` with these files in their libraries' place, and which library it is. Raises as it does, and LibraryUnfit."""
    digests = place(distribution, chosen)
    loaded = binding.load(distribution)
    require_taken(distribution, chosen, digests)
    return replace(loaded, library=loaded_library(distribution, Interface.TRADER))


def load_market(distribution: Distribution, chosen: Chosen) -> MarketBinding:
    """The same of market data; `chosen` are the same files, because the package imports both modules. Raises as `load`."""
    digests = place(distribution, chosen)
    loaded = binding.load_market(distribution)
    require_taken(distribution, chosen, digests)
    return replace(loaded, library=loaded_library(distribution, Interface.MARKET_DATA))


def examine(file: Path, distribution: Distribution, interface: Interface) -> str:
    """The content's SHA-256. Raises LibraryUnfit, BindingMismatch."""
    image = _content(file)
    try:
        machine, found = elf.machine_of(image), elf.names_in(image).soname
    except elf.NotALibrary:
        raise LibraryUnfit(file, LibraryFault.NO_LIBRARY) from None
    if machine != (own := elf.own_machine()):
        raise LibraryUnfit(file, LibraryFault.OTHER_MACHINE, machine=machine, own=own)
    wanted = soname(distribution, interface)
    if found != wanted:
        raise LibraryUnfit(file, LibraryFault.OTHER_NAME, soname=found or "–", wanted=wanted)
    return hashlib.sha256(image).hexdigest()


def soname(distribution: Distribution, interface: Interface) -> str:
    """What the installed binding asks the linker for. Raises BindingMismatch."""
    caller = binding.extension(distribution, interface)
    word = binding.LIBRARIES[interface]
    wanted = [name for name in elf.dynamic_names(caller).needed if word in name]
    if len(wanted) != 1:
        raise BindingMismatch(f"{caller.name} asks for {len(wanted)} libraries called {word}, where one was expected")
    return wanted[0]


def place(distribution: Distribution, chosen: Chosen) -> dict[Interface, str]:
    """Load the files before the binding is imported; the SHA-256 of each. Raises LibraryUnfit, BindingMismatch, LocaleMissing."""
    digests: dict[Interface, str] = {}
    if chosen:
        locale.ensure()
    for interface, file in chosen.items():
        digests[interface] = examine(file, distribution, interface)
        try:
            ctypes.CDLL(str(file), mode=os.RTLD_LOCAL | os.RTLD_NOW)
            # A function that the binding misses is found out now, not by the first call of it.
            ctypes.CDLL(str(binding.extension(distribution, interface)), mode=os.RTLD_LOCAL | os.RTLD_NOW)
        except OSError as error:
            raise LibraryUnfit(file, LibraryFault.UNLOADABLE, why=error) from None
    return digests


def require_taken(distribution: Distribution, chosen: Chosen, digests: Mapping[Interface, str]) -> None:
    """That the calls go to these files, as they were when they were placed. Raises LibraryUnfit."""
    for interface, file in chosen.items():
        taken = loaded_library(distribution, interface)
        if taken.file != os.path.realpath(file):
            raise LibraryUnfit(file, LibraryFault.NOT_TAKEN, taken=taken.file)
        if taken.sha256 != digests[interface]:
            raise LibraryUnfit(file, LibraryFault.CHANGED)


def rehearse(distribution: Distribution, chosen: Chosen) -> dict[Interface, Rehearsed]:
    """Load the files in a process of its own and compare their slots; blocks for a second. Raises LibraryUnfit, BindingMismatch."""
    asked = {"distribution": distribution, "chosen": {name: str(file) for name, file in chosen.items()}}
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    first = next(iter(chosen.values()))
    try:
        result = subprocess.run(
            [sys.executable, "-P", "-m", "ctpabi.api.library_rehearsal"],
            input=json.dumps(asked).encode(),
            env=_without_secrets() | {"PYTHONPATH": paths},
            capture_output=True,
            check=False,
            timeout=_REHEARSAL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LibraryUnfit(first, LibraryFault.CRASHED, why=f"{_REHEARSAL_SECONDS} s") from None
    try:
        said = json.loads(result.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        why = f"exit status {result.returncode}"
        raise LibraryUnfit(first, LibraryFault.CRASHED, why=why) from None
    if "unfit" in said:
        raise LibraryUnfit(said["unfit"]["file"], LibraryFault[said["unfit"]["fault"]], **said["unfit"]["facts"])
    if "mismatch" in said:
        raise BindingMismatch(said["mismatch"])
    return {Interface(name): Rehearsed(**found) for name, found in said["fit"].items()}


def _without_secrets() -> dict[str, str]:
    """The vendor's code runs there: it gets what decides which library is loaded, and no settings."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("CTP_RELAY__")}


def _content(file: Path) -> bytes:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise LibraryUnfit(file, LibraryFault.NO_FILE)
        return file.read_bytes()
    except FileNotFoundError:
        raise LibraryUnfit(file, LibraryFault.MISSING) from None
    except OSError as error:
        raise LibraryUnfit(file, LibraryFault.UNREADABLE, why=error.strerror) from None
