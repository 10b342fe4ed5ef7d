"""The simulated counter's wire, its connections and its control socket. It listens on loopback only; programs under test
and their shims speak to it, and a slip in them must not take it along.
"""

from __future__ import annotations

import asyncio
import functools
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctpabi.catalog.data import load_catalog
from ctpabi.codec.messages import struct_from_message
from ctpabi.shim.wire import HEADER, Frame, FrameReader, FrameType, WireError, event_frame, json_body, json_frame
from ctprelay.ctp.v1 import structs_pb2
from fuzz.mutations import any_bytes, framed, json_text, parts, parts_of
from fuzz.targets import Broken, Play, promise
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.control_server import ControlServer
from simcounter.counter import SimulatedCounter

_CATALOG = load_catalog()
_LARGEST = 1 << 20
_LOOP = asyncio.new_event_loop()
_FAULTS: list[str] = []
_LOOP.set_exception_handler(lambda _, context: _FAULTS.append(str(context.get("exception") or context["message"])))


def counter_frames(data: bytes) -> None:
    """However the bytes are cut, the frames are the same; each is encoded to the bytes it came from."""
    whole, error = _read([data])
    cut = 1 + len(data) // 3
    pieces, other = _read([data[at : at + cut] for at in range(0, len(data), cut)])
    promise(error == other, "a stream is wrong, or not, however it is cut")
    promise(whole == pieces or error, "the frames are the same however they are cut")
    position = 0
    for frame in whole:
        encoded = frame.encode()
        promise(data[position : position + len(encoded)] == encoded, "a frame is what was sent")
        position += len(encoded)
        promise(len(frame.body) <= _LARGEST, "a body has a bound")
        if frame.type in {FrameType.HELLO, FrameType.STATE}:
            _read_json(frame)
    if not error and len(data) - position >= HEADER.size:
        promise(int.from_bytes(data[position : position + 4], "little") <= _LARGEST, "what is waited for has a bound")


def _read(pieces: list[bytes]) -> tuple[list[Frame], bool]:
    reader, frames = FrameReader(), []
    try:
        for piece in pieces:
            frames += reader.feed(piece)
    except WireError:
        return frames, True
    return frames, False


def _read_json(frame: Frame) -> None:
    try:
        promise(isinstance(json_body(frame), dict), "a hello is an object")
    except WireError:
        return


class _Transport(asyncio.Transport):
    """Keeps what the counter sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = FrameReader()
        self.frames = 0
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40000) if name == "peername" else default

    def write(self, data: Any) -> None:
        self.frames += len(self.sent.feed(bytes(data)))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        """It reads on."""

    def resume_reading(self) -> None:
        """It reads on."""


@functools.cache
def _key_file() -> str:
    """The public half for all counters: making a key, or reading a private one, takes longer than an input."""
    path = Path.cwd() / "monitoring.pem"
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(path)


def counter_connections(data: bytes) -> None:
    """Frames in any order are answered or end their connection, and no other."""
    _FAULTS.clear()
    _LOOP.run_until_complete(_connected(parts_of(data, 40)))
    promise(not _FAULTS, f"no fault of the counter's own: {_FAULTS[:1]}")


async def _connected(steps: list[bytes]) -> None:
    counter = _new_counter()
    connection, transport = counter.front.accept(), _Transport()
    connection.connection_made(transport)
    for step in steps:
        if not transport.closing:
            connection.data_received(step)
        await asyncio.sleep(0)
    connection.connection_lost(None)
    promise(not counter.front.connections, "a connection that is gone is forgotten")
    other, answered = counter.front.accept(), _Transport()
    other.connection_made(answered)
    other.data_received(_HELLO)
    promise(answered.frames == 1 and not answered.closing, "another one is greeted")
    other.connection_lost(None)
    counter.tmdb.close()
    for _ in range(3):
        await asyncio.sleep(0)


def _new_counter() -> SimulatedCounter:
    # The hash of the binding's layout is said, or it would be computed for each counter.
    config = CounterConfig(trading_day="20261123", liquidity=False, monitoring_key=_key_file(), abi_hash="fuzz")
    config = replace(
        config, instruments={name: one for name, one in config.instruments.items() if name in {"rb2701", "m2701"}}
    )
    return SimulatedCounter(config)


def counter_control(data: bytes) -> None:
    """Every line gets an answer that is JSON, and `status` is answered after it."""
    _FAULTS.clear()
    _LOOP.run_until_complete(_controlled(data.split(b"\n")[:8]))
    promise(not _FAULTS, f"no fault of the counter's own: {_FAULTS[:1]}")


_NOT_HERE = ("pause", "resume", "fill_day", "flood")
"""commands that listen, or take as long as they were asked to"""


async def _controlled(lines: list[bytes]) -> None:
    counter = _new_counter()
    server = ControlServer(counter.control)
    for name in _NOT_HERE:
        server._commands.pop(name, None)  # noqa: SLF001 - see there
    for line in lines:
        answer = await server.answer(line)
        promise(isinstance(answer["ok"], bool), "an answer says whether it was done")
        json.dumps(answer, ensure_ascii=False).encode()
    status = await server.answer(b'{"command": "status"}')
    if not status["ok"]:
        raise Broken(f"the counter still answers: {status}")
    counter.tmdb.close()


def _call(method: str, message: Any = None, request_id: int = 1) -> bytes:
    known = _CATALOG.methods[method]
    body = bytes(_CATALOG.structs[known.struct].size) if message is None else struct_from_message(message)
    return Frame(FrameType.CALL, known.slot, 0, request_id, 0, body).encode()


_HELLO = json_frame(
    FrameType.HELLO, {"private_topic": 0, "public_topic": 2, "flow_path": "flow", "abi_hash": "fuzz"}
).encode()
_AUTHENTICATE = _call(
    "ReqAuthenticate",
    structs_pb2.ReqAuthenticate(
        broker_id="9999",
        user_id="100001",
        app_id=demo_accounts.DIRECT_APP_ID,
        auth_code=demo_accounts.AUTH_CODES[demo_accounts.DIRECT_APP_ID],
    ),
)
_LOGIN = _call(
    "ReqUserLogin",
    structs_pb2.ReqUserLogin(broker_id="9999", user_id="100001", password=demo_accounts.password_of("100001")),
)
_CONFIRM = _call("ReqSettlementInfoConfirm", structs_pb2.SettlementInfoConfirm(broker_id="9999", investor_id="100001"))
_ORDER = _call(
    "ReqOrderInsert",
    structs_pb2.InputOrder(
        broker_id="9999",
        investor_id="100001",
        instrument_id="rb2701",
        exchange_id="SHFE",
        order_ref="1",
        direction=ord("0"),  # type: ignore[arg-type]
        order_price_type=ord("2"),  # type: ignore[arg-type]
        comb_offset_flag="0",
        comb_hedge_flag="1",
        limit_price=3500.0,
        volume_total_original=1,
        time_condition=ord("3"),  # type: ignore[arg-type]
        volume_condition=ord("1"),  # type: ignore[arg-type]
        contingent_condition=ord("1"),  # type: ignore[arg-type]
        min_volume=1,
    ),
)
_QUERY = _call("ReqQryTrade")
_REPORT = Frame(
    FrameType.REPORT,
    _CATALOG.methods["SubmitUserSystemInfo"].slot,
    body=bytes(_CATALOG.structs["UserSystemInfo"].size),
).encode()
_FRAMES = (_HELLO, _AUTHENTICATE, _LOGIN, _CONFIRM, _ORDER, _QUERY, _REPORT)


def _new_frame(random: Random) -> bytes:
    if random.random() < 0.5:
        return random.choice(_FRAMES)
    if random.random() < 0.3:
        kind = random.choice((FrameType.CALL, FrameType.REPORT, FrameType.STATE))
        return Frame(kind, random.randrange(200), body=bytes(random.randrange(600))).encode()
    return _call(random.choice(_CATALOG.requests).name)


def _other_frame(data: bytes, most: int, random: Random) -> bytes:
    """The body changed with its length right, most of the time."""
    if len(data) < HEADER.size or random.random() < 0.3:
        return any_bytes(data, most, random)
    body = any_bytes(data[HEADER.size :], most, random)
    if random.random() < 0.7:
        body = body[: len(data) - HEADER.size].ljust(len(data) - HEADER.size, b"\0")
    return len(body).to_bytes(4, "little") + data[4 : HEADER.size] + body


def _control_line(data: bytes, most: int, random: Random) -> bytes:
    if random.random() < 0.1:
        return json.dumps({"command": random.choice(_COMMANDS), "arguments": {}}).encode()
    return (json_text if random.random() < 0.9 else any_bytes)(data, most, random)


_COMMANDS = (
    *("refuse", "ignore", "answer", "mute", "delay", "duplicate", "return_code", "frequencies", "order_limit", "clear"),
    *(
        "rsp_error",
        "flap",
        "status",
        "reports",
        "trading_day",
        "flow_clearing",
        "bank_error",
        "account",
        "session_limit",
    ),
)
_CONTROLS = [
    {"command": "refuse", "arguments": {"method": "ReqUserLogin", "error_id": 3}},
    {
        "command": "answer",
        "arguments": {"method": "ReqUserLogin", "callback": "OnRspUserLogin", "values": {"UserID": "x"}},
    },
    {"command": "delay", "arguments": {"callback": "OnRtnTrade", "seconds": 0.5, "times": 1}},
    {"command": "account", "arguments": {"user_id": "100001", "locked": True}},
    {"command": "trading_day", "arguments": {"day": "20261124"}},
    {"command": "price", "arguments": {"instrument_id": "rb2701", "price": 3500.5}},
    {"command": "settlement_price", "arguments": {"instrument_id": "rb2701", "price": 3500.5}},
    {"command": "status"},
]

PLAYS = {
    "counter_frames": Play(
        counter_frames,
        [
            *_FRAMES,
            _HELLO + _LOGIN + _QUERY,
            event_frame(7, bytes(20), bytes(85), 3, is_last=True).encode(),
            json_frame(FrameType.STATE, {"front_id": 1}).encode(),
        ],
        _other_frame,
    ),
    "counter_connections": Play(
        counter_connections,
        [
            framed([_HELLO, _AUTHENTICATE, _LOGIN, _CONFIRM, _ORDER, _QUERY]),
            framed([_HELLO, _LOGIN]),
            framed([_HELLO, _REPORT, _HELLO]),
            framed([_LOGIN]),
        ],
        parts(_other_frame, _new_frame),
        longest=16_000,
    ),
    "counter_control": Play(
        counter_control, [json.dumps(line).encode() for line in _CONTROLS], _control_line, longest=2048
    ),
}
"""by target"""
