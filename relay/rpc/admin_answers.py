"""What one relay process answers to AdminService: each method asks `relay.admin` and writes the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.alarm_views import AlarmViews
from relay.admin.locks import LockActions
from relay.admin.person import Person
from relay.admin.reads import ReadEntries
from relay.admin.session_views import SessionViews
from relay.admin.status import StatusView, pause_message
from relay.admin.steering import Steering
from relay.admission.login_attempts import Lock
from relay.outside_text import shown

_log = structlog.get_logger(__name__)
Look = Callable[[], Awaitable[int]]
"""ends the sessions of disabled terminals and investors; how many"""


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What one process is asked, and how it answers."""

    status: StatusView
    sessions: SessionViews
    steering: Steering
    locks: LockActions
    alarms: AlarmViews
    reads: ReadEntries
    end_disabled: Look

    # Questions -----------------------------------------------------------------------------------------------

    async def get_status(self, by: Person, _: pb.GetStatusRequest) -> pb.RelayStatus:
        return await self.status.now(by)

    async def list_sessions(self, by: Person, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        return pb.ListSessionsResponse(sessions=await self.sessions.all(by, request.contains))

    async def get_session(self, by: Person, request: pb.GetSessionRequest) -> pb.TerminalSession:
        return await self.sessions.one(by, request.session)

    async def list_locks(self, by: Person, _: pb.ListLocksRequest) -> pb.ListLocksResponse:
        await self.reads.ask(by, "locks")
        return pb.ListLocksResponse(locks=_locks(self.locks.all()))

    async def get_running_settings(self, by: Person, _: pb.GetRunningSettingsRequest) -> pb.RunningSettings:
        return (await self.steering.running_settings(by)).message()

    async def list_alarms(self, by: Person, request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        return pb.ListAlarmsResponse(alarms=await self.alarms.newest(by, request.most))

    # Actions -------------------------------------------------------------------------------------------------

    async def kick_session(self, by: Person, request: pb.KickSessionRequest) -> pb.KickSessionResponse:
        if request.WhichOneof("which") is None:
            raise ValueError("指明会话、投资者或 AppID / name a session, an investor or an app id")
        ended = await self.steering.kick(
            by,
            session=request.session,
            investor_id=request.investor_id,
            app_id=request.app_id,
            tell_terminal=request.tell_terminal,
        )
        return pb.KickSessionResponse(sessions=ended)

    async def pause_logins(self, by: Person, request: pb.PauseLoginsRequest) -> pb.PauseLoginsResponse:
        paused = await self.steering.pause_logins(by, request.public_reason)
        return pb.PauseLoginsResponse(paused=pause_message(paused))

    async def resume_logins(self, by: Person, _: pb.ResumeLoginsRequest) -> pb.ResumeLoginsResponse:
        return pb.ResumeLoginsResponse(were_paused=await self.steering.resume_logins(by))

    async def drain(self, by: Person, _: pb.DrainRequest) -> pb.DrainResponse:
        sessions, seconds = await self.steering.drain(by)
        return pb.DrainResponse(sessions=sessions, seconds=seconds)

    async def reconnect_operator(self, by: Person, _: pb.ReconnectOperatorRequest) -> pb.ReconnectResponse:
        await self.steering.reconnect_operator(by)
        return pb.ReconnectResponse(sessions=1)

    async def reconnect_counter(self, by: Person, _: pb.ReconnectCounterRequest) -> pb.ReconnectResponse:
        return pb.ReconnectResponse(sessions=await self.steering.reconnect_counter(by))

    async def lift_locks(self, by: Person, request: pb.LiftLocksRequest) -> pb.LiftLocksResponse:
        if request.WhichOneof("which") == "all_logins":
            lifted = await self.locks.resume_logins(by) if request.all_logins else ()
        else:
            lifted = await self.locks.lift(by, request.name)
        _log.warning("locks_lifted", locks=[f"{lock.subject} {shown(lock.name)}" for lock in lifted], **by.facts())
        return pb.LiftLocksResponse(lifted=_locks(lifted))

    async def set_log_level(self, by: Person, request: pb.SetLogLevelRequest) -> pb.SetLogLevelResponse:
        before = await self.steering.set_log_level(by, request.level)
        return pb.SetLogLevelResponse(before=before, now=request.level)

    async def reload(self, by: Person, _: pb.ReloadRequest) -> pb.ReloadResponse:
        return (await self.steering.reload(by)).message()

    async def look_for_disabled(self, by: Person, _: pb.LookForDisabledRequest) -> pb.LookForDisabledResponse:
        await self.reads.ask(by, "look_for_disabled")
        return pb.LookForDisabledResponse(ended=await self.end_disabled())


def _locks(locks: Iterable[Lock]) -> list[pb.Lock]:
    return [pb.Lock(subject=lock.subject, name=lock.name, seconds_left=lock.seconds_left) for lock in locks]
