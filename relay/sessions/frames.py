"""How a session's messages look on the wire: serialized RelayMessage and RelayBatch.

Events are framed by hand around bytes that are encoded once, however many terminals get them; everything
rarer goes through the protobuf library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from ctprelay.ctp.v1.requests_pb2 import Request
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.wire_format import varint
from relay.counter.port import (
    Attached,
    CallOutcome,
    Confirmation,
    CounterDescription,
    Exchange,
    LinkCause,
    LinkState,
    LinkStatus,
    NativeError,
    WantedInfo,
)
from relay.refusals.refusal import Refusal, Source
from relay.sessions.endings import Ending

_SEQUENCE: Final = b"\x08"  # RelayMessage.sequence = 1, varint
_EVENT: Final = b"\x32"  # RelayMessage.event = 6, length-delimited
_NATIVE_ERROR: Final = b"\x4a"  # RelayMessage.native_error = 9, length-delimited
_MESSAGE: Final = b"\x0a"  # RelayBatch.messages = 1, length-delimited

_SOURCES: Final = {source: getattr(pb, f"SOURCE_{source.name}") for source in Source}
_STATES: Final = {state: getattr(pb.SessionStatus, f"STATE_{state.name}") for state in LinkState}
_CAUSES: Final = {cause: getattr(pb.SessionStatus, f"CAUSE_{cause.name}") for cause in LinkCause}
_CONFIRMATIONS: Final = {
    Confirmation.NOT_ASKED: pb.SETTLEMENT_CONFIRMATION_UNSPECIFIED,
    Confirmation.CONFIRMED: pb.SETTLEMENT_CONFIRMATION_CONFIRMED,
    Confirmation.REFUSED: pb.SETTLEMENT_CONFIRMATION_REFUSED,
    Confirmation.UNKNOWN: pb.SETTLEMENT_CONFIRMATION_UNKNOWN,
}


def event(wire: bytes, native: NativeError | None = None) -> bytes:
    """RelayMessage, yet without a sequence, of one serialized ctp.v1.Event, and of the counter's own error beside it."""
    message = b"".join((_EVENT, varint(len(wire)), wire))
    if native is None:
        return message
    said = _native(native).SerializeToString()
    return b"".join((message, _NATIVE_ERROR, varint(len(said)), said))


def sequence(number: int) -> bytes:
    """What a RelayMessage begins with that has this sequence: fields of a protobuf message may be put one after another."""
    return _SEQUENCE + varint(number)


def numbered_batch(first: int, messages: Iterable[bytes]) -> bytes:
    """RelayBatch of serialized RelayMessages that have no sequence yet; the first one gets `first`."""
    parts: list[bytes] = []
    for number, message in enumerate(messages, first):
        beginning = _SEQUENCE + varint(number)
        parts += (_MESSAGE, varint(len(beginning) + len(message)), beginning, message)
    return b"".join(parts)


def batch(messages: Iterable[tuple[bytes, bytes]]) -> bytes:
    """RelayBatch of serialized RelayMessages, each as its beginning and the rest."""
    parts: list[bytes] = []
    for beginning, rest in messages:
        parts += (_MESSAGE, varint(len(beginning) + len(rest)), beginning, rest)
    return b"".join(parts)


def challenge(
    timestamp: bytes, version: str, wanted: Iterable[WantedInfo] = (), offer: pb.PasswordOffer | None = None
) -> bytes:
    """RelayMessage of a challenge; `timestamp` is 128 random bytes, `version` the relay's."""
    said = pb.Challenge(timestamp=timestamp, relay_version=version, wanted=_wanted(wanted), password_offer=offer)
    return pb.RelayMessage(challenge=said).SerializeToString()


def login_progress(place: int, waiting: int) -> bytes:
    """RelayMessage for a login that waits; `place` is 1 for the one that came first."""
    text = f"登录排队中：第 {place} 位，共 {waiting} 个 / waiting to log in: number {place} of {waiting}"
    said = pb.LoginProgress(place=place, waiting=waiting, text=text)
    return pb.RelayMessage(login_progress=said).SerializeToString()


def rejected(refusal: Refusal) -> bytes:
    """RelayMessage of a refused login, resume or conversation."""
    return pb.RelayMessage(rejected=rejection(refusal)).SerializeToString()


def rejection(refusal: Refusal) -> pb.Rejected:
    """A refusal as the terminal may know it."""
    told = refusal.told
    return pb.Rejected(
        source=_SOURCES[told.source],
        reason=told.reason,
        code=told.code,
        message=told.message,
        advice=told.advice,
        retry_after_seconds=told.retry_after_seconds,
        native=None if told.native is None else _native(told.native),
    )


def logged_in(welcome: pb.LoggedIn, attached: Attached) -> bytes:
    """RelayMessage of a welcome: what the relay says, and what the counter said."""
    answer = pb.LoggedIn(
        trading_day=attached.trading_day,
        login_time=attached.login_time,
        front_id=attached.front_id,
        session_id=attached.session_id,
        max_order_ref=attached.max_order_ref,
        relay_app_type=attached.app_type,
        must_change_password=attached.must_change_password != 0,
        report_return_code=attached.report_return_code,
        system_name=attached.system_name,
        settlement_confirmation=_CONFIRMATIONS[attached.confirmation],
        settlement_error_id=attached.confirmation_error_id,
        counter=None if attached.offered is None else description(attached.offered),
    )
    answer.MergeFrom(welcome)
    return pb.RelayMessage(logged_in=answer).SerializeToString()


def description(offered: CounterDescription) -> pb.CounterDescription:
    """What a counter offers, as a message."""
    pushes, library = offered.pushes, offered.library
    return pb.CounterDescription(
        system=offered.system,
        version=offered.version,
        exchanges=map(_exchange, offered.exchanges),
        capabilities=offered.capabilities,
        not_offered=_not_offered(offered.requests),
        fields_not_offered=offered.fields_not_offered,
        product=offered.product,
        library_sha256=offered.library_sha256,
        trading_day=offered.trading_day,
        seconds_ahead=offered.seconds_ahead,
        levels=[pb.LoginLevel(name=one.name, up=one.up, of_terminal=one.of_terminal) for one in offered.levels],
        currencies=offered.currencies,
        accounts=offered.accounts,
        translated=sorted(offered.translated),
        local=sorted(offered.local),
        wanted=_wanted(offered.wanted),
        limits=[pb.OfferedLimit(name=one.name, most=one.most, seconds=one.seconds) for one in offered.limits],
        pushes=None if pushes is None else pb.Pushes(orders=pushes.orders, trades=pushes.trades, replay=pushes.replay),
        since=offered.since,
        binding="" if library is None else library.binding,
        library_version="" if library is None else library.version,
    )


@lru_cache(maxsize=64)
def _not_offered(requests: frozenset[str]) -> tuple[str, ...]:
    """Of all there are; looked for once, because every login is told."""
    members = Request.DESCRIPTOR.oneofs_by_name["body"].fields
    return tuple(sorted({member.name for member in members} - requests))


@lru_cache(maxsize=256)
def _exchange(one: Exchange) -> pb.Exchange:
    boards = [pb.Board(code=board.code, name=board.name, native_code=board.native_code) for board in one.boards]
    return pb.Exchange(code=one.code, name=one.name, boards=boards, native_code=one.native_code, source=one.source)


def _wanted(wanted: Iterable[WantedInfo]) -> Iterator[pb.WantedInfo]:
    for one in wanted:
        yield pb.WantedInfo(
            kind=one.kind,
            required=one.required,
            encoding=one.encoding,
            shortest=one.shortest,
            longest=one.longest,
        )


def _native(error: NativeError) -> pb.NativeError:
    return pb.NativeError(code=error.code, text=error.text, level=error.level)


def call_result(request_id: int, outcome: CallOutcome) -> bytes:
    """RelayMessage of what became of a call; `request_id` is the terminal's own."""
    result = pb.CallResult(
        request_id=request_id,
        return_code=outcome.return_code,
        order_ref=outcome.order_ref,
        first_order_ref=outcome.first_order_ref,
        first_front_id=outcome.first_front_id,
        first_session_id=outcome.first_session_id,
        queue_position=outcome.queue_position,
        waited_milliseconds=outcome.waited_milliseconds,
    )
    return pb.RelayMessage(call_result=result).SerializeToString()


def call_refused(request_id: int, refusal: Refusal) -> bytes:
    """RelayMessage of a call the relay did not let through; its return code is -100, which is none of CTP's."""
    result = pb.CallResult(request_id=request_id, return_code=-100, rejected=rejection(refusal))
    return pb.RelayMessage(call_result=result).SerializeToString()


def status(link: LinkStatus) -> bytes:
    """RelayMessage, yet without a sequence, of a session status."""
    answer = pb.SessionStatus(
        state=_STATES[link.state],
        reason=link.reason,
        trading_day=link.attached.trading_day if link.attached else "",
        trading_day_changed=link.day_changed,
        cause=_CAUSES[link.cause],
    )
    return pb.RelayMessage(status=answer).SerializeToString()


def goodbye(ending: Ending) -> bytes:
    """RelayMessage of a stream's last word."""
    return pb.RelayMessage(goodbye=pb.Goodbye(kind=ending.kind.wire, reason=ending.text)).SerializeToString()


def leave_notice(leave_in: float, gone_in: float, *, successor: bool, reason: str) -> bytes:
    """RelayMessage that asks a terminal to move; both times in seconds from now."""
    notice = pb.LeaveNotice(
        leave_after_milliseconds=round(1000 * max(0.0, leave_in)),
        gone_after_milliseconds=round(1000 * max(0.0, gone_in)),
        successor=successor,
        reason=reason,
    )
    return pb.RelayMessage(leave_notice=notice).SerializeToString()
