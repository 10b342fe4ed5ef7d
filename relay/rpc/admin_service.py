"""AdminService as gRPC serves it: who asks, what is asked of `relay.admin`, and which code says what went wrong.

A door: it knows how the caller was found, and decides nothing. Each method makes a `Person` of the caller and of the
request's `asking`, hands both on, and writes the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.person import Person
from relay.admin.roles import RoleTooLow
from relay.admin.session_views import SessionUnknown
from relay.admin.steering import NoOperator
from relay.refusals.refusal import LedgerUnavailable
from relay.tasks import Tasks

_M = TypeVar("_M", bound=Message)
_Context = grpc.aio.ServicerContext[Any, Any]
PersonAt = Callable[[_Context], tuple[Person, bool]]
"""who is at the other end, and whether it may ask for accounts of its own; raises CallerUnknown"""
Answer = Callable[[Person, Any], Coroutine[Any, Any, Message]]
SERVICE = "ctprelay.v1.AdminService"
LARGEST_REQUEST = 16 * 1024
"""bytes; what is asked for stands in the ledger"""
_SHORTEST_WATCH, _LONGEST_WATCH, _USUAL_WATCH = 0.2, 60.0, 1.0


class CallerUnknown(Exception):
    """It is not known who asks, so nothing is answered; the message is for people."""


class RefusedByWorker(Exception):
    """One of several workers refused what all of them were asked; the message is for people."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (CallerUnknown, grpc.StatusCode.PERMISSION_DENIED),
    (RoleTooLow, grpc.StatusCode.PERMISSION_DENIED),
    (LedgerUnavailable, grpc.StatusCode.FAILED_PRECONDITION),
    (SessionUnknown, grpc.StatusCode.NOT_FOUND),
    (NoOperator, grpc.StatusCode.UNIMPLEMENTED),
    (ValueError, grpc.StatusCode.INVALID_ARGUMENT),
)


class AdminAnswers(Protocol):
    """Who answers: one process, or the supervisor of several for all of them. One method for each of the service's."""

    async def get_status(self, by: Person, request: pb.GetStatusRequest, /) -> pb.RelayStatus: ...

    async def list_sessions(self, by: Person, request: pb.ListSessionsRequest, /) -> pb.ListSessionsResponse: ...

    async def get_session(self, by: Person, request: pb.GetSessionRequest, /) -> pb.TerminalSession: ...

    async def kick_session(self, by: Person, request: pb.KickSessionRequest, /) -> pb.KickSessionResponse: ...

    async def pause_logins(self, by: Person, request: pb.PauseLoginsRequest, /) -> pb.PauseLoginsResponse: ...

    async def resume_logins(self, by: Person, request: pb.ResumeLoginsRequest, /) -> pb.ResumeLoginsResponse: ...

    async def drain(self, by: Person, request: pb.DrainRequest, /) -> pb.DrainResponse: ...

    async def reconnect_operator(self, by: Person, request: pb.ReconnectOperatorRequest, /) -> pb.ReconnectResponse: ...

    async def reconnect_counter(self, by: Person, request: pb.ReconnectCounterRequest, /) -> pb.ReconnectResponse: ...

    async def list_locks(self, by: Person, request: pb.ListLocksRequest, /) -> pb.ListLocksResponse: ...

    async def lift_locks(self, by: Person, request: pb.LiftLocksRequest, /) -> pb.LiftLocksResponse: ...

    async def set_log_level(self, by: Person, request: pb.SetLogLevelRequest, /) -> pb.SetLogLevelResponse: ...

    async def get_running_settings(
        self, by: Person, request: pb.GetRunningSettingsRequest, /
    ) -> pb.RunningSettings: ...

    async def reload(self, by: Person, request: pb.ReloadRequest, /) -> pb.ReloadResponse: ...

    async def look_for_disabled(
        self, by: Person, request: pb.LookForDisabledRequest, /
    ) -> pb.LookForDisabledResponse: ...

    async def list_alarms(self, by: Person, request: pb.ListAlarmsRequest, /) -> pb.ListAlarmsResponse: ...


_METHODS: Mapping[str, tuple[type[Message], Callable[[AdminAnswers], Answer]]] = {
    "GetStatus": (pb.GetStatusRequest, lambda of: of.get_status),
    "ListSessions": (pb.ListSessionsRequest, lambda of: of.list_sessions),
    "GetSession": (pb.GetSessionRequest, lambda of: of.get_session),
    "KickSession": (pb.KickSessionRequest, lambda of: of.kick_session),
    "PauseLogins": (pb.PauseLoginsRequest, lambda of: of.pause_logins),
    "ResumeLogins": (pb.ResumeLoginsRequest, lambda of: of.resume_logins),
    "Drain": (pb.DrainRequest, lambda of: of.drain),
    "ReconnectOperator": (pb.ReconnectOperatorRequest, lambda of: of.reconnect_operator),
    "ReconnectCounter": (pb.ReconnectCounterRequest, lambda of: of.reconnect_counter),
    "ListLocks": (pb.ListLocksRequest, lambda of: of.list_locks),
    "LiftLocks": (pb.LiftLocksRequest, lambda of: of.lift_locks),
    "SetLogLevel": (pb.SetLogLevelRequest, lambda of: of.set_log_level),
    "GetRunningSettings": (pb.GetRunningSettingsRequest, lambda of: of.get_running_settings),
    "Reload": (pb.ReloadRequest, lambda of: of.reload),
    "LookForDisabled": (pb.LookForDisabledRequest, lambda of: of.look_for_disabled),
    "ListAlarms": (pb.ListAlarmsRequest, lambda of: of.list_alarms),
}
"""by the service's names, what is asked with, and which method answers"""


class AdminService:
    """The methods of one door."""

    def __init__(self, answers: AdminAnswers, person_at: PersonAt) -> None:
        self._answers = answers
        self._person_at = person_at
        self._begun = Tasks()

    def handlers(self) -> grpc.GenericRpcHandler:
        """For a server."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            **{name: self._unary(kind, answer_of(self._answers)) for name, (kind, answer_of) in _METHODS.items()},
            "WatchStatus": grpc.unary_stream_rpc_method_handler(
                self._watch,
                request_deserializer=_parse(pb.WatchStatusRequest),
                response_serializer=pb.RelayStatus.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _unary(self, kind: type[Message], answer: Answer) -> grpc.RpcMethodHandler[Any, Any]:
        """A caller who hangs up, or whose time is over, is not answered; what has its entry is carried out all the same."""

        async def serve(request: Message | None, context: _Context) -> Message:
            try:
                asked = answer(self._person(request, context), _read(request, kind))
                return await self._begun.finish(asked, kind.DESCRIPTOR.name)
            except Exception as error:
                await _abort(context, error)
                raise

        return grpc.unary_unary_rpc_method_handler(
            serve, request_deserializer=_parse(kind), response_serializer=lambda message: message.SerializeToString()
        )

    def _person(self, request: Any, context: _Context) -> Person:
        """The caller, for its console's account where it names one, with its reason. Raises CallerUnknown, ValueError."""
        person, has_accounts = self._person_at(context)
        asking: pb.Asking = getattr(request, "asking", pb.Asking())
        if asking.account:
            if not has_accounts:
                raise CallerUnknown("此证书不能代表控制台账号 / this certificate may not ask for a console's accounts")
            person = person.acting_for(asking.account, asking.role)
        return person.because(asking.reason)

    async def _watch(self, request: pb.WatchStatusRequest | None, context: _Context) -> AsyncIterator[Message]:
        try:
            asked = _read(request, pb.WatchStatusRequest)
            seconds = min(max(asked.every_seconds or _USUAL_WATCH, _SHORTEST_WATCH), _LONGEST_WATCH)
            while True:  # who asks is found anew: a reload may have taken the role away
                yield await self._answers.get_status(self._person(request, context), pb.GetStatusRequest())
                await asyncio.sleep(seconds)
        except Exception as error:
            await _abort(context, error)
            raise


async def _abort(context: _Context, error: Exception) -> None:
    """End the call with the code of an error that is known; returns for one that is not."""
    if isinstance(error, RefusedByWorker):
        await context.abort(error.code, str(error))
    for kind, code in _CODES:
        if isinstance(error, kind):
            await context.abort(code, str(error))


def _parse(message: type[_M]) -> Callable[[bytes], _M | None]:
    """A deserializer that gives None for what it cannot read: gRPC would write a traceback into the log."""

    def parse(data: bytes) -> _M | None:
        try:
            return message.FromString(data)
        except DecodeError:
            return None

    return parse


def _read(request: _M | None, kind: type[_M]) -> _M:
    if request is None:
        raise ValueError(f"the request is no {kind.DESCRIPTOR.name}")
    return request
