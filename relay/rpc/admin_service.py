"""AdminService as gRPC serves it: who asks, what is asked of `relay.admin`, and which code says what went wrong.

A door: it knows how the caller was found, and decides nothing. Each method makes a `Person` of the caller and of the
request's `asking`, hands both on, and writes the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.alarm_views import AlarmViews
from relay.admin.locks import LockActions
from relay.admin.person import Person
from relay.admin.reads import ReadEntries
from relay.admin.roles import RoleTooLow
from relay.admin.session_views import SessionUnknown, SessionViews
from relay.admin.status import StatusView, pause_message
from relay.admin.steering import NoOperator, Steering
from relay.admission.login_attempts import Lock
from relay.outside_text import shown
from relay.refusals.refusal import LedgerUnavailable
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_M = TypeVar("_M", bound=Message)
_Context = grpc.aio.ServicerContext[Any, Any]
PersonAt = Callable[[_Context], tuple[Person, bool]]
"""who is at the other end, and whether it may ask for accounts of its own; raises CallerUnknown"""
Look = Callable[[], Awaitable[int]]
"""ends the sessions of disabled terminals and investors; how many"""
SERVICE = "ctprelay.v1.AdminService"
LARGEST_REQUEST = 16 * 1024
"""bytes; what is asked for stands in the ledger"""
_SHORTEST_WATCH, _LONGEST_WATCH, _USUAL_WATCH = 0.2, 60.0, 1.0


class CallerUnknown(Exception):
    """It is not known who asks, so nothing is answered; the message is for people."""


_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (CallerUnknown, grpc.StatusCode.PERMISSION_DENIED),
    (RoleTooLow, grpc.StatusCode.PERMISSION_DENIED),
    (LedgerUnavailable, grpc.StatusCode.FAILED_PRECONDITION),
    (SessionUnknown, grpc.StatusCode.NOT_FOUND),
    (NoOperator, grpc.StatusCode.UNIMPLEMENTED),
    (ValueError, grpc.StatusCode.INVALID_ARGUMENT),
)


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the methods ask."""

    status: StatusView
    sessions: SessionViews
    steering: Steering
    locks: LockActions
    alarms: AlarmViews
    reads: ReadEntries
    look_for_disabled: Look


class AdminService:
    """The methods of one door."""

    def __init__(self, parts: AdminParts, person_at: PersonAt) -> None:
        self._of = parts
        self._person_at = person_at
        self._begun = Tasks()

    def handlers(self) -> grpc.GenericRpcHandler:
        """For a server."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "GetStatus": self._unary(pb.GetStatusRequest, self._status),
            "ListSessions": self._unary(pb.ListSessionsRequest, self._sessions),
            "GetSession": self._unary(pb.GetSessionRequest, self._session),
            "KickSession": self._unary(pb.KickSessionRequest, self._kick),
            "PauseLogins": self._unary(pb.PauseLoginsRequest, self._pause),
            "ResumeLogins": self._unary(pb.ResumeLoginsRequest, self._resume),
            "Drain": self._unary(pb.DrainRequest, self._drain),
            "ReconnectOperator": self._unary(pb.ReconnectOperatorRequest, self._reconnect_operator),
            "ReconnectCounter": self._unary(pb.ReconnectCounterRequest, self._reconnect_counter),
            "ListLocks": self._unary(pb.ListLocksRequest, self._list_locks),
            "LiftLocks": self._unary(pb.LiftLocksRequest, self._lift_locks),
            "SetLogLevel": self._unary(pb.SetLogLevelRequest, self._log_level),
            "GetRunningSettings": self._unary(pb.GetRunningSettingsRequest, self._running_settings),
            "Reload": self._unary(pb.ReloadRequest, self._reload),
            "LookForDisabled": self._unary(pb.LookForDisabledRequest, self._look),
            "ListAlarms": self._unary(pb.ListAlarmsRequest, self._alarms),
            "WatchStatus": grpc.unary_stream_rpc_method_handler(
                self._watch,
                request_deserializer=_parse(pb.WatchStatusRequest),
                response_serializer=pb.RelayStatus.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _unary(
        self, kind: type[_M], answer: Callable[[Person, _M], Coroutine[Any, Any, Message]]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """A caller who hangs up, or whose time is over, is not answered; what has its entry is carried out all the same."""

        async def serve(request: _M | None, context: _Context) -> Message:
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

    # Questions -----------------------------------------------------------------------------------------------

    async def _status(self, by: Person, _: pb.GetStatusRequest) -> pb.RelayStatus:
        return await self._of.status.now(by)

    async def _watch(self, request: pb.WatchStatusRequest | None, context: _Context) -> AsyncIterator[pb.RelayStatus]:
        try:
            asked = _read(request, pb.WatchStatusRequest)
            seconds = min(max(asked.every_seconds or _USUAL_WATCH, _SHORTEST_WATCH), _LONGEST_WATCH)
            while True:  # who asks is found anew: a reload may have taken the role away
                yield await self._of.status.now(self._person(request, context))
                await asyncio.sleep(seconds)
        except Exception as error:
            await _abort(context, error)
            raise

    async def _sessions(self, by: Person, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        return pb.ListSessionsResponse(sessions=await self._of.sessions.all(by, request.contains))

    async def _session(self, by: Person, request: pb.GetSessionRequest) -> pb.TerminalSession:
        return await self._of.sessions.one(by, request.session)

    async def _list_locks(self, by: Person, _: pb.ListLocksRequest) -> pb.ListLocksResponse:
        await self._of.reads.ask(by, "locks")
        return pb.ListLocksResponse(locks=_locks(self._of.locks.all()))

    async def _running_settings(self, by: Person, _: pb.GetRunningSettingsRequest) -> pb.RunningSettings:
        return (await self._of.steering.running_settings(by)).message()

    async def _alarms(self, by: Person, request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        return pb.ListAlarmsResponse(alarms=await self._of.alarms.newest(by, request.most))

    # Actions -------------------------------------------------------------------------------------------------

    async def _kick(self, by: Person, request: pb.KickSessionRequest) -> pb.KickSessionResponse:
        if request.WhichOneof("which") is None:
            raise ValueError("指明会话、投资者或 AppID / name a session, an investor or an app id")
        ended = await self._of.steering.kick(
            by,
            session=request.session,
            investor_id=request.investor_id,
            app_id=request.app_id,
            tell_terminal=request.tell_terminal,
        )
        return pb.KickSessionResponse(sessions=ended)

    async def _pause(self, by: Person, request: pb.PauseLoginsRequest) -> pb.PauseLoginsResponse:
        paused = await self._of.steering.pause_logins(by, request.public_reason)
        return pb.PauseLoginsResponse(paused=pause_message(paused))

    async def _resume(self, by: Person, _: pb.ResumeLoginsRequest) -> pb.ResumeLoginsResponse:
        return pb.ResumeLoginsResponse(were_paused=await self._of.steering.resume_logins(by))

    async def _drain(self, by: Person, _: pb.DrainRequest) -> pb.DrainResponse:
        sessions, seconds = await self._of.steering.drain(by)
        return pb.DrainResponse(sessions=sessions, seconds=seconds)

    async def _reconnect_operator(self, by: Person, _: pb.ReconnectOperatorRequest) -> pb.ReconnectResponse:
        await self._of.steering.reconnect_operator(by)
        return pb.ReconnectResponse(sessions=1)

    async def _reconnect_counter(self, by: Person, _: pb.ReconnectCounterRequest) -> pb.ReconnectResponse:
        return pb.ReconnectResponse(sessions=await self._of.steering.reconnect_counter(by))

    async def _lift_locks(self, by: Person, request: pb.LiftLocksRequest) -> pb.LiftLocksResponse:
        if request.WhichOneof("which") == "all_logins":
            lifted = await self._of.locks.resume_logins(by) if request.all_logins else ()
        else:
            lifted = await self._of.locks.lift(by, request.name)
        _log.warning("locks_lifted", locks=[f"{lock.subject} {shown(lock.name)}" for lock in lifted], **by.facts())
        return pb.LiftLocksResponse(lifted=_locks(lifted))

    async def _log_level(self, by: Person, request: pb.SetLogLevelRequest) -> pb.SetLogLevelResponse:
        before = await self._of.steering.set_log_level(by, request.level)
        return pb.SetLogLevelResponse(before=before, now=request.level)

    async def _reload(self, by: Person, _: pb.ReloadRequest) -> pb.ReloadResponse:
        return (await self._of.steering.reload(by)).message()

    async def _look(self, by: Person, _: pb.LookForDisabledRequest) -> pb.LookForDisabledResponse:
        await self._of.reads.ask(by, "look_for_disabled")
        return pb.LookForDisabledResponse(ended=await self._of.look_for_disabled())


async def _abort(context: _Context, error: Exception) -> None:
    """End the call with the code of an error that is known; returns for one that is not."""
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


def _locks(locks: Iterable[Lock]) -> list[pb.Lock]:
    return [pb.Lock(subject=lock.subject, name=lock.name, seconds_left=lock.seconds_left) for lock in locks]
