"""Whether this process runs the compiled parts or Python's; said once, before the first module of the parts is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from ctpabi.native.build import why_not_trusted
from relay.compiled import build
from relay.compiled.parts import LIBRARY, compiled_modules
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
    """Finds the modules of the parts in the folder `at`, before Python looks for their sources."""

    def __init__(self, at: Path) -> None:
        self._at = at
        self._modules = compiled_modules() | {LIBRARY}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Of a module of the parts; None for every other."""
        if fullname not in self._modules:
            return None
        file = str(self._at / f"{fullname.replace('.', '/')}{EXTENSION_SUFFIXES[0]}")
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
    except build.PartsUnavailable as error:
        if settings.relay.compiled == "on":
            raise SettingsInvalid("settings", [f"relay.compiled is on: {error}"]) from None
        _chosen = PartsChoice(is_compiled=False, why=str(error))
    return _chosen


def _taken() -> PartsChoice:
    if (at := build.compiled_parts()) is None:
        raise build.PartsUnavailable("they are not compiled on this machine; run: python -m relay.compiled.build")
    if loaded := sorted(compiled_modules() & sys.modules.keys()):
        raise build.PartsUnavailable(f"{loaded[0]} runs in Python already")
    finder = CompiledParts(at)
    for file in sorted(at.rglob("*.so")):
        if (why := why_not_trusted(file)) is not None:
            raise build.PartsUnavailable(why)
    sys.meta_path.insert(0, finder)
    try:
        import_module(LIBRARY)
    except ImportError as error:
        sys.meta_path.remove(finder)
        raise build.PartsUnavailable(f"the compiled parts cannot be loaded: {error}") from None
    return PartsChoice(is_compiled=True, why=at.name)
