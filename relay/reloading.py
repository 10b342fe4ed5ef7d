"""SIGHUP and `ctp-relay reload`: the settings file and the secret files are read again, what can change is changed, the rest is named.

A file that cannot be used changes nothing. What is taken and what waits for a restart stands in the log and in the
ledger, by key and never by value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from pydantic import BaseModel

from relay.admin.running_settings import InForce, Reloaded
from relay.counter.port import Evidence
from relay.settings.file import SettingsInvalid
from relay.settings.settings import Settings

_log = structlog.get_logger(__name__)

Load = Callable[[], Settings]
"""reads and checks the settings file; blocks, raises SettingsInvalid"""
Take = Callable[[Settings], None]
"""puts the new values of some keys in force; runs on a thread, so that it may read files"""


class Reloading:
    """What is in force of the settings, and how it changes while the relay runs."""

    def __init__(
        self, settings: Settings, load: Load, takes: Mapping[str, Take], files: Mapping[str, Take], evidence: Evidence
    ) -> None:
        """`takes` has what can change, by key or section; `files` what lies in files of its own, read every time."""
        self.settings = settings
        self._load = load
        self.takes = dict(takes)
        self.files = dict(files)
        self._evidence = evidence
        self._in_force = dict(_keys(settings))
        self._turn = asyncio.Lock()
        self.announced: Callable[[], AbstractContextManager[None]] = nullcontext
        """around each reload"""

    async def reload(self) -> Reloaded:
        """Read everything again; never raises."""
        with self.announced():
            async with self._turn:
                return await self._reload()

    def in_force(self) -> InForce:
        """What is in force, and what the file said last."""
        return InForce(dict(self._in_force), dict(_keys(self.settings)), self._reloadable)

    async def _reload(self) -> Reloaded:
        try:
            new = await asyncio.to_thread(self._load)
        except SettingsInvalid as error:
            _log.error("settings_not_reloaded", problems=error.problems)
            return Reloaded(problems=tuple(("", problem) for problem in error.problems))
        read = dict(_keys(new))
        changed = {key for key in read.keys() | self._in_force.keys() if read.get(key) != self._in_force.get(key)}
        taken, problems = await self._take(new, changed)
        read_again, in_files = await self._read_files(new)
        self._in_force |= {key: read.get(key) for key in taken}
        self.settings = new
        facts = {"taken": sorted(taken), "needs_restart": sorted(changed - taken)}
        _log.info("settings_reloaded", **facts)
        await self._evidence.note("relay_reloaded", "", facts)
        waits = tuple(sorted(changed - taken - problems.keys()))
        return Reloaded(tuple(sorted(taken)), waits, tuple((problems | in_files).items()), tuple(read_again))

    def _reloadable(self, key: str) -> bool:
        return any(_is_in(key, where) for where in self.takes)

    async def _take(self, new: Settings, changed: set[str]) -> tuple[set[str], dict[str, str]]:
        """Put in force what can be; returns the keys that are, and what went wrong by key."""
        taken: set[str] = set()
        problems: dict[str, str] = {}
        for where, take in self.takes.items():
            keys = {key for key in changed if _is_in(key, where)}
            if not keys:
                continue
            if why := await _why_not_taken(where, take, new):
                problems |= dict.fromkeys(keys, why)
            else:
                taken |= keys
        return taken, problems

    async def _read_files(self, new: Settings) -> tuple[list[str], dict[str, str]]:
        """The keys of files that were read again, and what went wrong with others."""
        tried = {where: await _why_not_taken(where, take, new) for where, take in self.files.items()}
        return [where for where, why in tried.items() if not why], {where: why for where, why in tried.items() if why}


def _is_in(key: str, where: str) -> bool:
    return key == where or key.startswith(f"{where}.")


async def _why_not_taken(where: str, take: Take, new: Settings) -> str:
    """Empty where it was."""
    try:
        await asyncio.to_thread(take, new)
    except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from theirs
        why = str(error) or type(error).__name__
        _log.error("setting_not_taken", key=where, why=why)
        return why
    return ""


def _keys(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value; those of a section that is not there are left out."""
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
