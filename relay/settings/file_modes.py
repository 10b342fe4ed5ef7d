"""Who may change a file or folder: its owner and mode, and the modes of the folders above it."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def why_changeable(path: Path) -> str:
    """Why another user could change what is there, with the command that mends it; empty where none could.

    The folders above count too: who may rename in one of them may put another file in this one's place. In a folder
    such as /tmp only the owner may (the sticky bit), so there it is enough that the file is ours. Whose they are does not
    count: in a container root's folders may seem to be another user's. What is not there yet is judged by them alone. Of
    a link the folders above both its ends count.
    """
    elsewhere = Path(os.path.realpath(path))  # `resolve` raises for a link that leads to itself
    for place in (path, *path.absolute().parents, *elsewhere.parents):
        try:
            found = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{place}: {error.strerror}"
        if why := _why_changeable(place, found, above=place != path):
            return why
    return ""


def _why_changeable(place: Path, found: os.stat_result, *, above: bool) -> str:
    if not above and not _is_ours(found.st_uid):
        return f"{place}: belongs to another user (uid {found.st_uid}); run: chown {os.geteuid()} {place}"
    protected = above and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not protected:
        return f"{place}: every user can write there; run: chmod o-w {place}"
    return ""


def _is_ours(uid: int) -> bool:
    # Root may change anything anyway, and an operator who is root may work with the relay's files.
    return os.geteuid() == 0 or uid in {0, os.geteuid()}
