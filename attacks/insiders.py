"""Attacks by somebody who has a terminal's auth code, or an account of his own, and wants what is another's."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterator

from google.protobuf.message import Message

from attacks.aim import Aim, Pace
from attacks.wire import Connection, StreamEnded, data_frame, reset_frame, window_frame
from ctprelay.ctp.v1 import requests_pb2
from ctprelay.v1 import terminal_pb2 as pb

_REFUSED_BY_RELAY = -100


async def wrong_passwords(aim: Aim) -> None:
    """Wrong passwords with the firm's auth code for one investor, 20 a second while the system info lasts."""
    pace = Pace(20)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            while aim.collected:
                await pace.turn()
                stream, challenge = await _challenged(aim, connection)
                if not aim.collected:  # another visitor has used the last
                    break
                login = aim.login(challenge, aim.known.others[0], secrets.token_hex(4))
                aim.done["tries"] += 1
                aim.done["let_in"] += await _is_let_in(connection, stream, pb.TerminalMessage(login=login))
            await connection.closed.wait()

    await aim.keep(min(4, len(aim.sources) * 4), visit)


async def others_names(aim: Aim) -> None:
    """A terminal that is logged in sends every request there is in other investors' names."""
    requests = itertools.cycle(list(_in_the_name_of(aim.known.others[0], aim.known.broker_id)))
    pace = Pace(100)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            stream, _ = await _logged_in(aim, connection)
            for number in itertools.count(1):
                await pace.turn()
                call = pb.Call(request_id=number, request=next(requests))
                connection.say(stream, pb.TerminalMessage(call=call))
                answer = (await connection.heard_until(stream, "call_result")).call_result
                aim.done["requests"] += 1
                aim.done["let_in"] += answer.return_code != _REFUSED_BY_RELAY

    await aim.keep(1, visit)


async def replays(aim: Aim) -> None:
    """What one login proved is shown again: its answer to another challenge, its system info with the right answer."""
    async with aim.opened(aim.next_source()) as connection:
        _, first = await _logged_in(aim, connection)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            for shows_old_proof in itertools.cycle((True, False)):
                if not aim.collected:
                    break
                stream, challenge = await _challenged(aim, connection)
                login = aim.login(challenge, aim.known.investor, aim.known.password)
                if shows_old_proof:
                    login.auth_info = first.auth_info
                else:
                    login.system_info, login.system_info_length = first.system_info, first.system_info_length
                aim.done["tries"] += 1
                aim.done["let_in"] += await _is_let_in(connection, stream, pb.TerminalMessage(login=login))
                await asyncio.sleep(0.05)
            await connection.closed.wait()

    await aim.keep(1, visit)


async def stolen_tokens(aim: Aim) -> None:
    """The resume token of a session whose stream broke, without the auth code: at the same address and at others."""
    home = aim.next_source()
    async with aim.opened(home) as connection:
        await _logged_in(aim, connection)
        token = connection.logged_in.resume_token
    places = itertools.cycle((True, False))

    async def visit(source: str) -> None:
        async with aim.opened(home if next(places) else source) as connection:
            while not connection.closed.is_set():
                stream, _ = await _challenged(aim, connection)
                resume = pb.TerminalMessage(resume=pb.Resume(resume_token=token))
                aim.done["tries"] += 1
                aim.done["let_in"] += await _is_let_in(connection, stream, resume)
                await asyncio.sleep(0.05)

    await aim.keep(2, visit)


async def late_frames(aim: Aim) -> None:
    """A terminal that is logged in sends frames of a call it has ended, of a byte each, as many as the relay reads."""
    some = 500

    async def visit(source: str) -> None:
        if not aim.collected:
            return
        async with aim.opened(source) as connection:
            await _logged_in(aim, connection)
            over = connection.new_stream()
            connection.write(reset_frame(over))
            frames = (data_frame(over, b"x") + window_frame(over, 1)) * (some // 2)
            while not connection.closed.is_set():
                connection.write(frames)
                aim.done["frames"] += some
                await connection.drain()
                await asyncio.sleep(0)

    await aim.keep(1, visit)


async def _challenged(aim: Aim, connection: Connection) -> tuple[int, bytes]:
    """A stream whose hello was answered, and the challenge."""
    stream = connection.new_stream()
    connection.say(stream, aim.hello())
    return stream, (await connection.heard_until(stream, "challenge")).challenge.timestamp


async def _logged_in(aim: Aim, connection: Connection) -> tuple[int, pb.Login]:
    """His own account, rightly; returns the stream and what was shown."""
    stream, challenge = await _challenged(aim, connection)
    login = aim.login(challenge, aim.known.investor, aim.known.password)
    connection.say(stream, pb.TerminalMessage(login=login))
    connection.logged_in = (await connection.heard_until(stream, "logged_in")).logged_in
    aim.done["own_logins"] += 1
    return stream, login


async def _is_let_in(connection: Connection, stream: int, words: pb.TerminalMessage) -> bool:
    connection.say(stream, words)
    try:
        await connection.heard_until(stream, "logged_in")
    except StreamEnded:
        return False
    return True


def _in_the_name_of(other: str, broker_id: str) -> Iterator[requests_pb2.Request]:
    """Every request that can name its investor. A UserID is always overwritten, so it is no use to him."""
    for member in requests_pb2.Request.DESCRIPTOR.fields:
        request = requests_pb2.Request()
        body: Message = getattr(request, member.name)
        fields = body.DESCRIPTOR.fields_by_name
        if "investor_id" not in fields:
            continue
        setattr(body, "investor_id", other)  # noqa: B010 — not every request has one
        if "broker_id" in fields:
            setattr(body, "broker_id", broker_id)  # noqa: B010
        yield request
