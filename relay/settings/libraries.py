"""Which files stand in the place of the vendor's libraries, and whether somebody else could change one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ctpabi.catalog import Interface
from relay.settings.file_modes import why_changeable
from relay.settings.settings import CTP, Settings

LIBRARY_KEYS = {Interface.TRADER: "counter.library", Interface.MARKET_DATA: "market_data.library"}


def chosen_libraries(settings: Settings) -> dict[Interface, Path]:
    """By interface; none where the package's own library is used, or no market data is wanted."""
    if settings.counter.system != CTP:
        return {}
    named = {Interface.TRADER: settings.counter.library}
    if settings.market_data.enabled:
        named[Interface.MARKET_DATA] = settings.market_data.library
    return {interface: path for interface, path in named.items() if path is not None}


def why_not_trusted(library: Path, settings: Settings) -> str:
    """Why another user could put code of theirs there, with the command that mends it; empty where none could.

    Its owner is root or the relay's user, who owns the state directory; neither group nor others may write. A link is
    followed, and what it leads to is judged as well as the folders above both its ends. Raises OSError.
    """
    found, place = library.stat(), os.path.realpath(library)
    if found.st_uid not in _trusted_users(settings):
        return f"{place}: belongs to another user (uid {found.st_uid}); run: chown root {place}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{place}: others than its owner can write it; run: chmod go-w {place}"
    return why_changeable(library)


def _trusted_users(settings: Settings) -> set[int]:
    """Root looks with `ctp-relay doctor` at the files of a relay that has a user of its own."""
    users = {0, os.geteuid()}
    try:
        users.add(settings.relay.state_dir.stat().st_uid)
    except OSError:
        return users  # it is made at the first start
    return users
