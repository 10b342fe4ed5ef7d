"""A worker's process: `python -m relay.workers.worker SETTINGS PLACE DESCRIPTOR KEY=PORT…`, which its supervisor alone starts.

It is the relay of one process, with the settings of `worker_settings`, and connections that it is handed.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path

from relay.compiled import choice
from relay.database.database import DatabaseUnusable
from relay.edge.handed import HandedConnections
from relay.settings.file import SettingsInvalid, load
from relay.settings.settings import Settings
from relay.workers.worker_settings import WorkerPlace, streams_by_token, worker_settings


def main() -> None:
    """Serve until the supervisor asks it to end, or is gone."""
    config, token, descriptor, *ports = sys.argv[1:]
    place = WorkerPlace.of_token(int(token))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is listened to
    os.set_inheritable(int(descriptor), False)
    at = {key: int(port) for key, _, port in (one.partition("=") for one in ports)}
    connection, supervisor = socket.socket(fileno=int(descriptor)), os.getppid()

    def read() -> Settings:
        return worker_settings(load(Path(config)), place)

    try:
        streams = streams_by_token(load(Path(config)))
        handed = HandedConnections(connection, at, supervisor, place.token, streams)
        handed.watch()
        choice.choose(read())
        # What runs is loaded here: it brings the vendor's library along, which the supervisor has nothing to do with.
        import_module("relay.server").run(read(), read, handed=handed, always={"worker": place.number})
    except (SettingsInvalid, DatabaseUnusable) as error:
        raise SystemExit(f"worker {place.number}: {error}") from None


if __name__ == "__main__":
    main()
