"""What a terminal reads: a hostile relay's messages, its own settings file, the collector process' answer."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import subprocess
from collections import deque
from pathlib import Path
from random import Random

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.wire.messages import MessagePieces
from ctprelay.wire.messages import framed as in_pieces
from fuzz.mutations import any_bytes, framed, json_text, message_of, parts, parts_of, toml_text
from fuzz.targets import Play, promise
from terminal_client.call import RelayCall
from terminal_client.channel import Tls
from terminal_client.cli.options import Options, OptionsInvalid, load
from terminal_client.collector import Collected, answer_of
from terminal_client.conversation import Endpoint
from terminal_client.dispatch import Dispatch
from terminal_client.errors import CollectorFailed, TerminalError
from terminal_client.link import RelayLink
from terminal_client.secret import Secret
from terminal_client.session import Credentials, Deadlines, State

_AUTH_CODE = "0123456789abcdef"
_PASSWORD = "geheim-0123456789"  # noqa: S105 - looked for in messages
_LOOP = asyncio.new_event_loop()
_FAULTS: list[str] = []
_LOOP.set_exception_handler(lambda _, context: _FAULTS.append(str(context.get("exception") or context["message"])))
_DEADLINES = Deadlines(
    login_seconds=5.0,
    close_seconds=0.05,
    first_retry_seconds=0.0001,
    longest_retry_seconds=0.0001,
    give_up_after_seconds=0.0,
    busy_seconds=0.01,
    notice_capacity=50,
)


class _HostileRelay:
    """A connection on which the relay has said these messages; then it ends the call."""

    window, blocked = 1 << 30, False

    def __init__(self) -> None:
        self._sent = MessagePieces(1 << 20)

    def send(self, _stream: int, data: bytes | memoryview) -> None:
        """It goes to the relay, which may write down what it likes."""
        for said in self._sent.take(bytes(data)):
            message = pb.TerminalMessage.FromString(said)
            promise(_PASSWORD not in str(message) or message.HasField("login"), "only a login has the password")

    def open_window(self, _stream: int, _more: int) -> None:
        """It may send more."""

    def reset(self, _stream: int) -> None:
        """It hears that the call is over."""


class _HostileChannel:
    """Each stream says what stands next in the input."""

    def __init__(self, streams: list[list[bytes]]) -> None:
        self._streams = deque(streams)

    def call(self, _method: str) -> RelayCall:
        call = RelayCall()
        call.begin(_HostileRelay(), 1, 1 << 30)
        for message in self._streams.popleft() if self._streams else ():
            call.take(in_pieces(message), 0)
        call.end("the relay closed the stream")
        return call

    async def close(self) -> None:
        """Nothing to close."""


def relay_batches(data: bytes) -> None:
    """Whatever a relay says: a login fails in words, and afterwards everything is settled."""
    _FAULTS.clear()
    streams: list[list[bytes]] = [[]]
    for part in parts_of(data, 48):
        if part[:1] == b"\xff":
            streams.append([])
            continue
        streams[-1].append(part)
    _LOOP.run_until_complete(_talk(streams))
    promise(not _FAULTS, f"no fault of the terminal's own: {_FAULTS[:1]}")


async def _talk(streams: list[list[bytes]]) -> None:
    dispatch = Dispatch(_DEADLINES)
    notices, statuses = dispatch.notices.subscribe(), dispatch.statuses.subscribe()
    endpoint = Endpoint("127.0.0.1:1", "terminal_1.0", Secret(_AUTH_CODE), Tls(None, "", insecure=True), "1")
    link = RelayLink(endpoint, dispatch, _DEADLINES, _credentials)
    link._entrance._channel = _HostileChannel(streams)  # type: ignore[assignment]  # noqa: SLF001 - in the place of the real one
    try:
        async with asyncio.timeout(10):
            await link.log_in(await _credentials())
    except TerminalError as error:
        promise(_PASSWORD not in str(error) and _AUTH_CODE not in str(error), "an error shows no secret")
        promise(link.state is State.IDLE, "after a login that failed another may be tried")
    else:
        with dispatch.pending("qry_trade") as call:
            for _ in range(200):
                if link.state is State.ENDED:
                    break
                await asyncio.sleep(0)
            promise(len(call.rows) <= _DEADLINES.row_capacity, "an answer has a bound")
    await link.close()
    promise(link.state in {State.ENDED, State.IDLE}, "what is closed is over")
    promise(len(notices) <= _DEADLINES.notice_capacity, "notices have a bound")
    promise(len(statuses) <= _DEADLINES.notice_capacity, "statuses have a bound")
    for _ in range(5):
        await asyncio.sleep(0)
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    promise(not waiting, f"no task is left: {[task.get_name() for task in waiting][:3]}")


async def _credentials() -> Credentials:
    collected = Collected(
        system_info=bytes(264),
        length=264,
        code=0,
        version="1",
        library=Path("collector"),
        collected_at=dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
        missing=(),
    )
    return Credentials("9999", "100001", Secret(_PASSWORD), collected)


def terminal_options(data: bytes) -> None:
    """Options, or OptionsInvalid in words."""
    path = Path("terminal.toml")
    path.write_bytes(data)
    try:
        options = load(path, {})
    except OptionsInvalid as error:
        promise(_PASSWORD not in str(error), "an error shows no secret")
        return
    promise(isinstance(options, Options), "options are options")


def collector_answers(data: bytes) -> None:
    """A collection, or CollectorFailed: another program's output is never trusted to be JSON."""
    child = subprocess.CompletedProcess(["collector"], 0 if data[:1] != b"!" else 1, data, data)
    try:
        answer = answer_of(child, Path("collector"), "production")
    except CollectorFailed:
        return
    promise(answer["length"] == len(base64.b64decode(answer["system_info"])), "an answer's length is its bytes'")


def _batch(*messages: pb.RelayMessage) -> bytes:
    return pb.RelayBatch(messages=messages).SerializeToString()


def _event(sequence: int, request_id: int = 0) -> pb.RelayMessage:
    event = events_pb2.Event(rtn_order=structs_pb2.Order(order_ref="1", front_id=1))
    if request_id:
        event = events_pb2.Event(rsp_qry_trade=structs_pb2.Trade(trade_id="1"), request_id=request_id, is_last=True)
    return pb.RelayMessage(sequence=sequence, event=event)


def _goodbye(kind: int) -> pb.RelayMessage:
    return pb.RelayMessage(goodbye=pb.Goodbye(kind=kind, reason="x"))  # type: ignore[arg-type]


_CHALLENGE = _batch(pb.RelayMessage(challenge=pb.Challenge(timestamp=bytes(range(128)), relay_version="1")))
_WELCOME = pb.RelayMessage(
    logged_in=pb.LoggedIn(broker_id="9999", investor_id="100001", resume_token=bytes(32), front_id=1, session_id=7)
)
_LOGGED_IN = _batch(_WELCOME)
_REJECTED = pb.RelayMessage(rejected=pb.Rejected(source=pb.SOURCE_RELAY, reason="relay_full", retry_after_seconds=0))
_RESULT = pb.RelayMessage(call_result=pb.CallResult(request_id=1, return_code=0, order_ref="1"))
_STATUS = pb.RelayMessage(sequence=3, status=pb.SessionStatus(state=pb.SessionStatus.STATE_RECOVERING, reason="x"))
_NEXT_STREAM = b"\xff"
_BATCHES = (
    *(_CHALLENGE, _LOGGED_IN, _NEXT_STREAM, _batch(_REJECTED), _batch(_RESULT, _event(1), _event(2, 1), _STATUS)),
    *(_batch(_goodbye(kind)) for kind in pb.Goodbye.Kind.values()),
)


def _new_batch(random: Random) -> bytes:
    return random.choice(_BATCHES)


def _other_batch(data: bytes, most: int, random: Random) -> bytes:
    return (message_of(pb.RelayBatch) if random.random() < 0.85 else any_bytes)(data, most, random)


_COLLECTED = json.dumps(
    {"code": 0, "length": 264, "system_info": base64.b64encode(bytes(264)).decode(), "version": "1"}
)
_OPTIONS = b"""relay = "relay.example:50051"
app_id = "terminal_1.0"
broker = "9999"
investor = "100001"
insecure = false
timeout = 30.0
confirm_settlement = true
password_file = "~/password"
"""

PLAYS = {
    "relay_batches": Play(
        relay_batches,
        [
            framed([_CHALLENGE, _LOGGED_IN, _batch(_RESULT, _event(1), _event(2, 1), _STATUS), _batch(_goodbye(1))]),
            framed([_CHALLENGE, _LOGGED_IN, _batch(_event(1), _event(3)), _NEXT_STREAM, _CHALLENGE, _LOGGED_IN]),
            framed([_CHALLENGE, _batch(_REJECTED)]),
            framed([_CHALLENGE, _LOGGED_IN, _batch(_REJECTED), _NEXT_STREAM, _CHALLENGE, _LOGGED_IN]),
            framed(
                [_CHALLENGE, _LOGGED_IN, _batch(_goodbye(2)), _NEXT_STREAM, _CHALLENGE, _LOGGED_IN, _batch(_event(1))]
            ),
            framed([_LOGGED_IN]),
        ],
        parts(_other_batch, _new_batch),
        longest=8192,
    ),
    "terminal_options": Play(terminal_options, [_OPTIONS, b""], toml_text, longest=2048),
    "collector_answers": Play(
        collector_answers,
        [
            _COLLECTED.encode(),
            b'{"failed": "symbol_missing", "why": "x"}',
            b'{"failed": "library_missing", "why": "x"}',
        ],
        json_text,
        longest=2048,
    ),
}
"""by target"""
