"""Whether this process runs the compiled parts or Python's; said once, before the first module of the parts is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from ctpabi.native.build import why_not_trusted
from relay.compiled import build
from relay.compiled.folder import hold, why_not_whole
from relay.compiled.parts import LIBRARY, compiled_modules, place_of
from relay.settings.file import SettingsInvalid
from relay.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class PartsChoice:
    """What was chosen."""

    is_compiled: bool
    why: str
    """the key of the parts, or why they are not taken"""

    def as_facts(self) -> dict[str, str]:
        """For the log."""
        return {"path": "compiled" if self.is_compiled else "python", "why": self.why}


class CompiledParts(MetaPathFinder):
    """Finds the modules of the parts in the folder `at`, before Python looks for their sources.

    The folder is held as long as this process lives: some modules are loaded late. Raises OSError.
    """

    def __init__(self, at: Path) -> None:
        self._at = at
        self._held = hold(at)
        self._modules = compiled_modules() | {LIBRARY}

    def let_go(self) -> None:
        """The parts are not taken: they can be replaced."""
        os.close(self._held)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Of a module of the parts; None for every other."""
        if fullname not in self._modules:
            return None
        file = str(self._at / place_of(fullname))
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


_chosen = PartsChoice(is_compiled=False, why="not asked for")


def chosen() -> PartsChoice:
    """What this process runs."""
    return _chosen


def choose(settings: Settings) -> PartsChoice:
    """Take the parts, or leave them. Raises SettingsInvalid where they must be there and are not."""
    global _chosen  # noqa: PLW0603 - a process runs the one or the other
    try:
        is_off = settings.relay.compiled == "off"
        _chosen = PartsChoice(is_compiled=False, why="switched off") if is_off else _taken()
    except (build.PartsUnavailable, OSError) as error:
        if settings.relay.compiled == "on":
            raise SettingsInvalid("settings", [f"relay.compiled is on: {error}"]) from None
        _chosen = PartsChoice(is_compiled=False, why=str(error))
    return _chosen


def _taken() -> PartsChoice:
    found = list(build.compiled_parts())
    if not found:
        raise build.PartsUnavailable("they are not compiled on this machine; run: python -m relay.compiled.build")
    if loaded := sorted(compiled_modules() & sys.modules.keys()):
        raise build.PartsUnavailable(f"{loaded[0]} runs in Python already")
    why = ""
    for at in found:
        try:
            _load(at)
        except (build.PartsUnavailable, OSError) as error:
            why = why or str(error)
        else:
            return PartsChoice(is_compiled=True, why=at.name)
    raise build.PartsUnavailable(why)


def _load(at: Path) -> None:
    with ExitStack() as undo:
        finder = CompiledParts(at)
        undo.callback(finder.let_go)
        if (why := _why_not_trusted(at) or why_not_whole(at)) is not None:
            raise build.PartsUnavailable(why)
        sys.meta_path.insert(0, finder)
        undo.callback(sys.meta_path.remove, finder)
        try:
            import_module(LIBRARY)
        except ImportError as error:
            raise build.PartsUnavailable(f"the compiled parts cannot be loaded: {error}") from None
        undo.pop_all()


def _why_not_trusted(at: Path) -> str | None:
    files = [at / place_of(module) for module in sorted({*compiled_modules(), LIBRARY})]
    found = (why_not_trusted(file, "the compiled parts") for file in files if file.exists())
    return next(filter(None, found), None)
