"""What every instance of a vendor API needs, so that it does not end the process: the trader's, and market data's.

Theory of operation
-------------------
An instance is *waiting* until `_start`, *being made* on a thread of its own, *made*, and *released*. It never goes back.

* `_start` returns at once. The making thread takes the process-wide lock, creates the instance, registers the Spi, lets
  the caller set topics and fronts, and calls Init. The event loop never waits for the lock. This matters because
  Release was measured to take up to 2 s, and holds the lock (CTP fact 11).
* `_api` is set before Init. Init starts the vendor's thread, which may call back at once; a callback may lead to a call.
* `release` first closes the door (`_released`), so that no new call enters the library, then waits for the lock. Whoever
  gets the lock first decides: an instance that was released before it was made is never made.
* The process keeps every instance from `_start` to the end of `release`, also when the owner drops it. Its Spi lives as
  long. At the interpreter's end all that are left are released.

Invariant: inside the lock, `_api` is not None exactly when Init has run and Release has not.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_lifecycle = threading.Lock()
_open: set[ApiInstance] = set()


class ApiInstance:
    """One instance of a vendor API, from `_start` to `release`. It keeps four rules; a broken one ends the process.

    1. Instances are created, initialized and released one at a time: the vendor's Init and Release are not safe
       against one another, also between different instances (CTP fact 4).
    2. Each instance has a flow folder of its own, which exists before the library looks for it (CTP facts 6 and 7).
    3. The Spi is referenced for as long as the API may call it, because RegisterSpi does not reference it. It is taken
       away by RegisterSpi(None) before Release (CTP fact 5).
    4. Every instance is released before the interpreter ends (CTP fact 10). Its threads would call into a dead
       interpreter.

    What an instance costs the process is CTP fact 8.
    """

    def __init__(self, register: Callable[[Any], None], flow_folder: Path) -> None:
        """Make the folder. Raises OSError where that fails. `register` registers the Spi, and references it."""
        flow_folder.mkdir(parents=True, exist_ok=True)
        self._flow_path = f"{flow_folder}/"  # with the slash the library puts its files in the folder, not beside it
        self._register = register
        self._api: Any = None
        self._released = False
        self.made = threading.Event()
        """set after Init; until then every call answers as without a connection"""

    def _start(self, create: Callable[[str], Any], prepare: Callable[[Any], None]) -> None:
        """Make the instance on a thread of its own: `create` gets the flow path, `prepare` runs before Init."""
        _open.add(self)
        threading.Thread(target=self._make, args=(create, prepare), name="make api", daemon=True).start()

    def _make(self, create: Callable[[str], Any], prepare: Callable[[Any], None]) -> None:
        with _lifecycle:
            if self._released:
                return
            api = create(self._flow_path)
            self._register(api)
            prepare(api)
            self._api = api
            api.Init()
            self.made.set()

    def version(self) -> str:
        """What the library that made this instance calls itself, such as "v6.7.11_20250617 16:22:00.10369"."""
        return str(self._api.GetApiVersion())

    def library(self) -> Path | None:
        """The file whose code made this instance: the one that its virtual table is mapped from."""
        return file_mapped_at(ctypes.c_uint64.from_address(int(self._api.this)).value)

    def release(self) -> None:
        """Stop the API's threads and free it. Safe to call again and from several threads.

        Blocks up to some seconds: not for the event loop's thread. No call of this instance may be under way.
        """
        self._released = True
        with _lifecycle:
            api, self._api = self._api, None
            if api is not None:
                api.RegisterSpi(None)
                api.Release()
        _open.discard(self)


@atexit.register
def _release_all() -> None:
    for instance in list(_open):
        instance.release()


def file_mapped_at(address: int) -> Path | None:
    """The file that this address of the process is mapped from; None where it is no file's."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        first, _, last = line.split(maxsplit=1)[0].partition("-")
        if int(first, 16) <= address < int(last, 16):
            named = line.split(maxsplit=5)[5:]
            return Path(named[0]) if named else None
    return None
