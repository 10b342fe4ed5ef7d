"""What systemd hears of this process: that it serves, reloads, stops, how it is, and that its loop goes on.

systemd's notification protocol: one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names, a path or, with @,
an abstract one. Where there is no such variable everything here does nothing.

The watchdog is fed by a task of the event loop that serves terminals, three times in each WATCHDOG_USEC. So a loop that
does not go on is found by systemd, which ends the process (SIGABRT) and starts it again; a thread could not find that.
A datagram that finds the socket full is kept and goes out with the next one. Nothing here waits or raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from typing import Any, Final

import structlog

_log = structlog.get_logger(__name__)
_STATUS_SECONDS: Final = 10.0
"""how often systemd is sent the status where no watchdog asks for more"""
_FEEDS: Final = 3
"""in each interval of the watchdog: two may come late"""
_FAREWELL_SECONDS: Final = 60.0
"""what the end takes at most after the drain: last words, logouts at the counter, the ledger's last entry"""


class SystemdNotices:
    """The one that started this process, if it wants to hear of it."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        """`address` is NOTIFY_SOCKET's; empty where nothing is to be said."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._pause = watchdog_seconds / _FEEDS or _STATUS_SECONDS
        self._watched = watchdog_seconds > 0
        self.environment: dict[str, str] = {}
        """what a process that takes this one's place is to find in its environment"""
        self._kept: dict[str, str] = {}
        """what is still to be sent, by name"""
        self._complained = False
        self.status: Callable[[], str] = lambda: ""
        """in a few words, for `systemctl status`; asked again and again"""

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str], pid: int) -> SystemdNotices:
        """Who the variables name. They are taken away: programs that this one starts have nothing to say."""
        address = environment.pop("NOTIFY_SOCKET", "")
        interval, whose = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        watched = interval.isdecimal() and whose in {"", str(pid)}
        supervisor = cls(address if address[:1] in {"/", "@"} else "", int(interval) / 1e6 if watched else 0.0)
        named = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": interval if watched else ""}
        supervisor.environment = {name: value for name, value in named.items() if value}
        return supervisor

    async def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` to its end, and feed the watchdog meanwhile from the same loop."""
        feeding = asyncio.get_running_loop().create_task(self._feed(), name="feed the watchdog")
        try:
            await work
        finally:
            feeding.cancel()

    def say_ready(self) -> None:
        """Terminals are served."""
        self._say("READY=1", *self._status())

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Settings and files are read again inside."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        try:
            yield
        finally:
            self.say_ready()

    def hand_over(self, pid: int) -> None:
        """Another process serves in the place of this one: the supervisor follows that one, and hears no more from here."""
        self._say(f"MAINPID={pid}")
        self.status = lambda: ""
        self._address = ""

    def say_stopping(self, drain_seconds: float) -> None:
        """The end begins, and may take so long: systemd waits that much longer before it kills."""
        longest = round((drain_seconds + _FAREWELL_SECONDS) * 1e6)
        self._say("STOPPING=1", f"EXTEND_TIMEOUT_USEC={longest}", "STATUS=draining")
        self.status = lambda: ""

    async def _feed(self) -> None:
        while True:
            self._say(*(["WATCHDOG=1"] if self._watched else []), *self._status())
            await asyncio.sleep(self._pause)

    def _status(self) -> list[str]:
        text = self.status()
        return [f"STATUS={text}"] if text else []

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        self._kept |= {line.partition("=")[0]: line for line in lines}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto("\n".join(self._kept.values()).encode(), self._address)
        except BlockingIOError:
            return
        except OSError as error:
            if not self._complained:
                _log.warning("systemd_not_reached", why=str(error))
            self._complained = True
        self._kept.clear()
