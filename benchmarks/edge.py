"""`python -m benchmarks.edge`: how long the relay's own HTTP/2 and TLS take, side by side with a server of grpc.aio.

Two servers, each in a process of its own, answer messages of an order's size over TLS; one terminal asks both in turn.
The one of grpc.aio does nothing else. The relay's has its listener and its terminal service before the answer.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import trustme
import uvloop

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from relay.edge.stream_gate import GateLimits, StreamGate
from relay.rpc.listener import Listener
from relay.sessions import frames
from relay.sessions.outbox import Outbox
from relay.settings.listen_section import Listen

_BARE, _EDGE = "a server of grpc.aio", "the relay's listener"
_ROUNDS, _ASKED, _WARM = 60, 100, 2
_QUESTION = pb.TerminalMessage(call=pb.Call(request_id=1, client_order_key="k" * 200))
_ANSWER = pb.RelayMessage(sequence=1, goodbye=pb.Goodbye(reason="x" * 300)).SerializeToString()


class _Answering:
    """A terminal stream that answers at once."""

    def __init__(self, _: object) -> None:
        self.outbox = Outbox(1_000_000)

        self.on_proved: Any = None
        self.on_session: Any = None

    async def receive(self, _: object) -> None:
        self.on_session()
        self.outbox.put(_ANSWER)

    def terminal_is_silent(self) -> None:
        self.outbox.close()

    async def ended(self) -> None:
        self.outbox.close()


async def _answer_bare(requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
    async for request in requests:
        pb.TerminalMessage.FromString(request)
        yield frames.batch([(b"", _ANSWER)])


async def _start_bare(server: grpc.aio.Server, directory: Path) -> int:
    method: Any = grpc.stream_stream_rpc_method_handler(_answer_bare)
    handlers = {"Session": method}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("ctprelay.v1.TerminalService", handlers)])
    pair = (directory / "relay.key").read_bytes(), (directory / "relay.crt").read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    return port


async def _serve(directory: Path, variant: str) -> None:
    answering: Any = _Answering
    settings = Listen(
        address="127.0.0.1:0",
        tls_certificate=directory / "relay.crt",
        tls_key=directory / "relay.key",
    )
    gate = StreamGate(GateLimits(per_address=10, total=10, patience_seconds=10.0), lambda _: 0)
    listener = Listener(settings, answering, gate, 10)
    bare = grpc.aio.server()
    port = await (listener.start() if variant == _EDGE else _start_bare(bare, directory))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def _measure(directory: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(directory / "relay.key"))
    (directory / "relay.key").chmod(0o600)
    issued.cert_chain_pems[0].write_to_path(str(directory / "relay.crt"))
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    servers, channels, calls = [], [], {}
    ports: dict[str, int] = {}
    try:
        for name in (_BARE, _EDGE):
            command = [sys.executable, "-m", "benchmarks.edge", str(directory), name]
            servers.append(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE))
            assert servers[-1].stdout is not None
            ports[name] = int(await servers[-1].stdout.readline())
        for name, port in ports.items():  # no process is started once this one speaks gRPC
            channels.append(grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials))
            calls[name] = terminal_pb2_grpc.TerminalServiceStub(channels[-1]).Session()  # type: ignore[no-untyped-call]
        times: dict[str, list[float]] = {name: [] for name in ports}
        for number in range(_ROUNDS):
            for name, call in calls.items():
                taken = [await _ask(call) for _ in range(_ASKED)]
                times[name] += taken if number >= _WARM else []
    finally:
        for channel in channels:
            await channel.close()
        for server in servers:
            server.kill()
    straight, edge = (statistics.median(taken) for taken in times.values())
    for name, taken in times.items():
        print(f"{name}: median {1e6 * statistics.median(taken):.0f} µs there and back")
    print(f"the relay's: {1e6 * (edge - straight):+.0f} µs, {edge / straight:.2f} times")


async def _ask(call: Any) -> float:
    began = time.perf_counter()
    await call.write(_QUESTION)
    await call.read()
    return time.perf_counter() - began


def main() -> None:
    if len(sys.argv) > 1:
        uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(_measure(Path(folder)))


if __name__ == "__main__":
    main()
