"""From ready to stopped: what goes on while the relay serves, and how its end begins."""

from __future__ import annotations

import asyncio

from relay.counter.port import Counter
from relay.edge.handed import HandedConnections
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.reloading import Reloading
from relay.sessions.sessions import Sessions
from relay.stop_signals import stop_asked
from relay.succession import Succession
from relay.tasks import Tasks


async def until_stopped(
    reloading: Reloading,
    sessions: Sessions,
    counter: Counter,
    faults: Faults,
    stop: asyncio.Event,
    handed: HandedConnections | None,
    succession: Succession,
) -> None:
    """Say that terminals are served, wait for SIGINT, SIGTERM or `stop`, drain. SIGHUP reloads meanwhile, SIGUSR2 replaces.

    `handed` is a worker's, which does not wait for terminals where its supervisor is gone.
    """
    tasks, systemd = Tasks(), succession.systemd
    reloading.announced = systemd.reloading
    async with stop_asked(
        lambda: tasks.start(reloading.reload(), "reload"),
        stop,
        lambda: tasks.start(succession.begin(stop), "succession"),
    ):
        look = sessions.revocations.watch(sessions, reloading.settings.directory.look_seconds)
        tasks.start(look, "look for who was disabled")
        systemd.status = lambda: status_line(sessions, counter, faults)
        systemd.say_ready()
        try:
            await stop.wait()
            # A process that waits for the end of this one is all that terminals can move to.
            seconds = 0.0 if succession.in_turn else reloading.settings.relay.drain_seconds
            if handed is not None:
                seconds = handed.leave(seconds)
            systemd.say_stopping(seconds)
            faults.begin(Fault.DRAINING, "asked to stop", sessions=len(sessions))
            await sessions.drain(seconds, successor=succession.successor or (handed is not None and handed.succeeded))
        finally:
            await tasks.cancel()


def status_line(sessions: Sessions, counter: Counter, faults: Faults) -> str:
    """For `systemctl status`: whether logins can succeed, how many terminals there are, what is wrong."""
    refusal = counter.why_not_ready
    state = "ready" if refusal is None else f"not ready ({refusal.reason})"
    wrong = ", ".join(standing.fault.word for standing in faults.now())
    return f"{state}, {len(sessions)} terminal sessions{f', faults: {wrong}' if wrong else ''}"
