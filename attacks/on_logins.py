"""Attacks that begin a login and cannot finish it: names and proofs are made up. No secret is needed for any of them."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable

from attacks.aim import Aim, Pace
from attacks.wire import data_frame, headers_frame, message
from ctprelay.v1 import terminal_pb2 as pb

CONNECTIONS = 10
_IN_FLIGHT = 4
"""streams of one connection"""
_PATIENCE_SECONDS = 1.0
"""how long he waits for the end of a stream before he tries another connection"""
_Says = Callable[[], tuple[pb.TerminalMessage, ...]]


async def bogus_logins(aim: Aim) -> None:
    """1,000 logins a second in honest investors' names, from a terminal software that is not registered."""
    others = itertools.cycle(aim.known.others)
    await _refused_again_and_again(aim, 1_000, lambda: (aim.hello("no_terminal_1.0"), aim.bogus_login(next(others))))


async def made_up_names(aim: Aim) -> None:
    """1,000 logins a second, each with an app id and an investor of its own, as long as names may be."""

    def says() -> tuple[pb.TerminalMessage, ...]:
        return aim.hello(secrets.token_hex(30)), aim.bogus_login(secrets.token_hex(6))

    await _refused_again_and_again(aim, 1_000, says)


async def wrong_proofs(aim: Aim) -> None:
    """50 wrong proofs a second for the firm's own app id, which lock what wrong proofs can lock."""
    others = itertools.cycle(aim.known.others)
    await _refused_again_and_again(aim, 50, lambda: (aim.hello(), aim.bogus_login(next(others))))


async def stolen_probe(aim: Aim) -> None:
    """The counter refused the relay once, so one login decides whether others are tried: it goes to a wrong proof."""
    others = itertools.cycle(aim.known.others)
    await _refused_again_and_again(aim, 200, lambda: (aim.hello(), aim.bogus_login(next(others))))


async def refused_streams(aim: Aim) -> None:
    """1,000 streams a second that are refused at their first message, each of which the relay writes down."""
    wrong = pb.TerminalMessage(hello=pb.Hello(protocol=99, app_id=aim.known.app_id))
    await _refused_again_and_again(aim, 1_000, lambda: (wrong,))


async def _refused_again_and_again(aim: Aim, per_second: float, says: _Says) -> None:
    """Streams that say this and are ended by the relay, few at a time on each of some connections."""
    connections = max(CONNECTIONS, len(aim.sources))
    pace = Pace(per_second)

    async def visit(source: str) -> None:
        room = asyncio.Semaphore(_IN_FLIGHT)

        def ended(_: int) -> None:
            aim.done["ended"] += 1
            room.release()

        async with aim.opened(source) as connection:
            connection.on_end = ended
            while not connection.closed.is_set():
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await room.acquire()
                await pace.turn()
                stream = connection.next_stream()
                said = b"".join(data_frame(stream, message(body)) for body in says())
                connection.write(headers_frame(stream) + said)
                aim.done["streams"] += 1

    await aim.keep(connections, visit)
