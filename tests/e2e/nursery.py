"""The process that has a relay's imports behind it and forks one for every packet; see `tests.e2e.warm_program`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import NoReturn

import relay.cli.serve
import relay.server  # noqa: F401 - for those that are forked
from relay.cli.app import app
from tests.e2e.warm_program import PROGRAM

_PACKET_BYTES = 128 * 1024


def main(descriptor: int) -> None:
    """Import what a relay imports, then fork one for every packet until the socket is closed."""
    asked = socket.socket(fileno=descriptor)
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    children: dict[int, int] = {}
    while True:
        ready = select.select([asked, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _bury(children)
        if asked in ready:
            packet, descriptors, _, _ = socket.recv_fds(asked, _PACKET_BYTES, 2)
            if not packet:
                return
            output, ended = descriptors
            child = os.fork()
            if child == 0:
                _become(json.loads(packet), output)
            os.close(output)
            children[child] = ended
            asked.send(str(child).encode())


def _bury(children: dict[int, int]) -> None:
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        ended = children.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(ended, str(status).encode())
        os.close(ended)


def _become(asked: dict[str, object], output: int) -> NoReturn:
    """The child: everything that an exec would have set, then the program."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(str(asked["cwd"]))
    environment, words = asked["environment"], asked["words"]
    assert isinstance(environment, dict)
    assert isinstance(words, list)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["-c", *words]
    sys.orig_argv = [*PROGRAM, *words]
    app()
    sys.exit()


if __name__ == "__main__":
    main(int(sys.argv[1]))
