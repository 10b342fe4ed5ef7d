"""SIGHUP: the settings file and the secret files are read again, what can change is changed, the rest is named.

A file that cannot be used changes nothing. What is taken and what waits for a restart stands in the log and in the
ledger, by key and never by value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from pydantic import BaseModel

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
        self._takes = takes
        self._files = files
        self._evidence = evidence
        self._in_force = dict(_keys(settings))
        self._turn = asyncio.Lock()

    async def reload(self) -> None:
        """Read everything again; never raises."""
        async with self._turn:
            try:
                new = await asyncio.to_thread(self._load)
            except SettingsInvalid as error:
                _log.error("settings_not_reloaded", problems=error.problems)
                return
            read = dict(_keys(new))
            changed = {key for key in read.keys() | self._in_force.keys() if read.get(key) != self._in_force.get(key)}
            taken = await self._take(new, changed)
            self._in_force |= {key: read.get(key) for key in taken}
            self.settings = new
            facts = {"taken": sorted(taken), "needs_restart": sorted(changed - taken)}
            _log.info("settings_reloaded", **facts)
            await self._evidence.note("relay_reloaded", "", facts)

    async def _take(self, new: Settings, changed: set[str]) -> set[str]:
        """Put in force what can be; returns the keys that are."""
        taken: set[str] = set()
        for where, take in self._takes.items():
            keys = {key for key in changed if key == where or key.startswith(f"{where}.")}
            if keys and await _works(where, take, new):
                taken |= keys
        for where, take in self._files.items():
            await _works(where, take, new)
        return taken


async def _works(where: str, take: Take, new: Settings) -> bool:
    try:
        await asyncio.to_thread(take, new)
    except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from theirs
        _log.error("setting_not_taken", key=where, why=str(error) or type(error).__name__)
        return False
    return True


def _keys(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value; those of a section that is not there are left out."""
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
