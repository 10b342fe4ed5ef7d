"""Attacks by the words on a stream: in a wrong order, of a wrong kind, of a wrong size."""

from __future__ import annotations

import random
import secrets

from attacks.aim import Aim
from attacks.wire import data_frame, headers_frame, message
from ctprelay.ctp.v1 import requests_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb

CONNECTIONS = 10
_KIBIBYTE = 1 << 10


async def wrong_order(aim: Aim) -> None:
    """Up to eight messages of every kind in any order on each stream, empty ones and bytes that are none among them."""
    order = requests_pb2.Request(order_insert=structs_pb2.InputOrder(investor_id=aim.known.others[0]))

    def kinds() -> list[pb.TerminalMessage | bytes]:
        return [
            aim.hello(),
            pb.TerminalMessage(hello=pb.Hello(protocol=0, app_id="\u2028\x1b[2J")),
            aim.bogus_login(aim.known.others[0]),
            pb.TerminalMessage(call=pb.Call(request_id=1, request=order)),
            pb.TerminalMessage(resume=pb.Resume(resume_token=secrets.token_bytes(32))),
            pb.TerminalMessage(logout=pb.Logout()),
            b"",
            secrets.token_bytes(60),
        ]

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            while not connection.closed.is_set():
                said = random.choices(kinds(), k=random.randint(1, 8))
                stream = connection.next_stream()
                connection.write(headers_frame(stream) + b"".join(data_frame(stream, message(body)) for body in said))
                aim.done["streams"] += 1
                await connection.stream_ended(stream)
                aim.done["let_in"] += connection.has_heard(stream, "logged_in")

    await aim.keep(CONNECTIONS, visit)


async def oversize_messages(aim: Aim) -> None:
    """Whole messages of 65 KiB to 4 MiB: a hello with a name of that length."""
    sizes = (65, 129, 257, 1024, 4096)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            while not connection.closed.is_set():
                stream = connection.new_stream()
                size = random.choice(sizes) * _KIBIBYTE
                await connection.pour(stream, message(aim.hello("x" * size)))
                aim.done["messages"] += 1
                await connection.stream_ended(stream)
                aim.done["let_in"] += connection.has_heard(stream, "challenge")

    await aim.keep(CONNECTIONS, visit)
