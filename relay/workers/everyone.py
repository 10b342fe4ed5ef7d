"""AdminService for all workers at once: what is asked of the relay is asked of each of them, for the same person.

Who asks was found at the relay's own socket or port; a worker believes its supervisor who it was. So each worker has
its entry of an action in its own chain, and refuses what the person may not do. An action reaches every worker that
serves, also where one of them refuses it; the refusal is then the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import admin_pb2_grpc
from relay.admin.person import Person
from relay.admin_client import DEADLINE_SECONDS, RelayDoor
from relay.database.times import COUNTER_ZONE
from relay.rpc.admin_service import RefusedByWorker
from relay.rpc.control import PERSON_KEY
from relay.settings.settings import Settings
from relay.workers.crashes import WorkerCrashes
from relay.workers.together import alarms_together, locks_together, reload_together, status_together
from relay.workers.worker_process import WorkerProcess, WorkerState
from relay.workers.worker_settings import is_workers_own, worker_socket

_USUAL_ALARMS = 100
_STATUS_SECONDS = 4.0
"""a console waits for five"""
_GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_SOON = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000))
"""a worker that is started again is found again"""
_AGAIN_SECONDS = 0.5
_AWAY = "没有一个工作进程应答 / no worker answers"


class Everyone:
    """For the loop."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        workers: Mapping[int, WorkerProcess],
        stop: Callable[[], object],
        reload: Callable[[], Awaitable[object]],
        crashes: WorkerCrashes,
    ) -> None:
        """`stop` does what SIGTERM does, `reload` reads the supervisor's own settings again."""
        self._settings = settings
        self._workers = workers
        self._stop = stop
        self._reload = reload
        self._crashes = crashes
        self._started_at = dt.datetime.now(COUNTER_ZONE)
        self._channels: dict[int, grpc.aio.Channel] = {}
        self.pause: tuple[Person, pb.PauseLoginsRequest] | None = None
        """what a worker that is started meanwhile has to be asked"""

    async def close(self) -> None:
        """Let the connections go; idempotent."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def pause_again(self, worker: WorkerProcess) -> None:
        """Ask a worker that starts what the others were asked while it was not there, until it has done so, or ended."""
        process = worker.pid
        while self.pause is not None and worker.pid == process and worker.state is WorkerState.STARTING:
            by, request = self.pause
            with contextlib.suppress(grpc.RpcError):  # its ledger is not there, say
                await self._one(worker.number, "PauseLogins", by, request)
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    # Questions -----------------------------------------------------------------------------------------------

    async def get_status(self, by: Person, request: pb.GetStatusRequest) -> pb.RelayStatus:
        """Of all together, and of each."""
        found: dict[int, pb.RelayStatus] = {}
        try:
            found = await self._each("GetStatus", by, request, _STATUS_SECONDS)
        except RefusedByWorker as refused:
            if refused.code not in _GONE:
                raise
        together = status_together(list(found.values())) if found else self._away()
        together.relay = self._settings().relay.name
        together.at = _iso(dt.datetime.now(COUNTER_ZONE))
        self._add_process(together, found.values())
        together.faults.extend(self._crashes.standing())
        together.workers.extend(self._state(worker, found.get(number)) for number, worker in self._workers.items())
        return together

    def _away(self) -> pb.RelayStatus:
        at = self._settings()
        not_ready = pb.Readiness(ready=False, reason="relay_stuck", message=_AWAY)
        return pb.RelayStatus(mode=at.relay.mode, broker_id=at.counter.broker_id, readiness=not_ready)

    def _add_process(self, together: pb.RelayStatus, found: Iterable[pb.RelayStatus]) -> None:
        at = together.process
        at.pid, at.started_at = os.getpid(), _iso(self._started_at)
        at.uptime_seconds = (dt.datetime.now(COUNTER_ZONE) - self._started_at).total_seconds()
        at.resident_bytes = sum(one.process.resident_bytes for one in found)
        at.open_files = sum(one.process.open_files for one in found)

    def _state(self, worker: WorkerProcess, status: pb.RelayStatus | None) -> pb.WorkerStatus:
        return pb.WorkerStatus(
            number=worker.number,
            state=worker.state.value,
            pid=worker.pid,
            starts=worker.starts,
            why=worker.why,
            status=status,
        )

    async def list_sessions(self, by: Person, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        found: dict[int, pb.ListSessionsResponse] = await self._each("ListSessions", by, request)
        for number, answer in found.items():
            for session in answer.sessions:
                session.worker = number
        return pb.ListSessionsResponse(sessions=[session for answer in found.values() for session in answer.sessions])

    async def get_session(self, by: Person, request: pb.GetSessionRequest) -> pb.TerminalSession:
        refused: RefusedByWorker | None = None
        for number in self._serving():
            try:
                session: pb.TerminalSession = await self._asked(number, "GetSession", by, request)
            except RefusedByWorker as failed:
                if refused is None or failed.code is not grpc.StatusCode.NOT_FOUND:
                    refused = failed
            else:
                session.worker = number
                return session
        raise refused or RefusedByWorker(grpc.StatusCode.UNAVAILABLE, _AWAY)

    async def list_locks(self, by: Person, request: pb.ListLocksRequest) -> pb.ListLocksResponse:
        found: dict[int, pb.ListLocksResponse] = await self._each("ListLocks", by, request)
        return pb.ListLocksResponse(locks=locks_together(answer.locks for answer in found.values()))

    async def get_running_settings(self, by: Person, request: pb.GetRunningSettingsRequest) -> pb.RunningSettings:
        """Of one for all; those that each has for itself are left out."""
        number = self._serving()[0]
        answer: pb.RunningSettings = await self._asked(number, "GetRunningSettings", by, request)
        settings = self._settings()
        return pb.RunningSettings(settings=[one for one in answer.settings if not is_workers_own(settings, one.key)])

    async def list_alarms(self, by: Person, request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        found: dict[int, pb.ListAlarmsResponse] = await self._each("ListAlarms", by, request)
        for number, answer in found.items():
            for alarm in answer.alarms:
                alarm.facts["worker"] = str(number)
        return alarms_together([*found.values(), self._crashes.recent()], request.most or _USUAL_ALARMS)

    # Actions -------------------------------------------------------------------------------------------------

    async def kick_session(self, by: Person, request: pb.KickSessionRequest) -> pb.KickSessionResponse:
        if not request.session:
            found: dict[int, pb.KickSessionResponse] = await self._each("KickSession", by, request)
            return pb.KickSessionResponse(sessions=[name for one in found.values() for name in one.sessions])
        has = self._serving()[0]
        with contextlib.suppress(RefusedByWorker):  # then the first one refuses it, with its entry
            has = (await self.get_session(by, pb.GetSessionRequest(session=request.session))).worker
        answer: pb.KickSessionResponse = await self._asked(has, "KickSession", by, request)
        return answer

    async def pause_logins(self, by: Person, request: pb.PauseLoginsRequest) -> pb.PauseLoginsResponse:
        found: dict[int, pb.PauseLoginsResponse] = await self._each("PauseLogins", by, request)
        self.pause = by, request
        return next(iter(found.values()))

    async def resume_logins(self, by: Person, request: pb.ResumeLoginsRequest) -> pb.ResumeLoginsResponse:
        found: dict[int, pb.ResumeLoginsResponse] = await self._each("ResumeLogins", by, request)
        self.pause = None
        return pb.ResumeLoginsResponse(were_paused=any(one.were_paused for one in found.values()))

    async def drain(self, by: Person, request: pb.DrainRequest) -> pb.DrainResponse:
        """The workers are stopped by the supervisor, once each has its entry; one that refuses stops it."""
        found: dict[int, pb.DrainResponse] = await self._each("Drain", by, request, on_first=self._stop)
        return pb.DrainResponse(
            sessions=sum(one.sessions for one in found.values()), seconds=max(one.seconds for one in found.values())
        )

    async def reconnect_operator(self, by: Person, request: pb.ReconnectOperatorRequest) -> pb.ReconnectResponse:
        return await self._reconnect("ReconnectOperator", by, request)

    async def reconnect_counter(self, by: Person, request: pb.ReconnectCounterRequest) -> pb.ReconnectResponse:
        return await self._reconnect("ReconnectCounter", by, request)

    async def _reconnect(self, method: str, by: Person, request: Message) -> pb.ReconnectResponse:
        found: dict[int, pb.ReconnectResponse] = await self._each(method, by, request)
        return pb.ReconnectResponse(sessions=sum(one.sessions for one in found.values()))

    async def lift_locks(self, by: Person, request: pb.LiftLocksRequest) -> pb.LiftLocksResponse:
        found: dict[int, pb.LiftLocksResponse] = await self._each("LiftLocks", by, request)
        return pb.LiftLocksResponse(lifted=locks_together(answer.lifted for answer in found.values()))

    async def set_log_level(self, by: Person, request: pb.SetLogLevelRequest) -> pb.SetLogLevelResponse:
        found: dict[int, pb.SetLogLevelResponse] = await self._each("SetLogLevel", by, request)
        return next(iter(found.values()))

    async def reload(self, by: Person, request: pb.ReloadRequest) -> pb.ReloadResponse:
        found: dict[int, pb.ReloadResponse] = await self._each("Reload", by, request)
        await self._reload()
        return reload_together(list(found.values()))

    async def look_for_disabled(self, by: Person, request: pb.LookForDisabledRequest) -> pb.LookForDisabledResponse:
        found: dict[int, pb.LookForDisabledResponse] = await self._each("LookForDisabled", by, request)
        return pb.LookForDisabledResponse(ended=sum(one.ended for one in found.values()))

    # One worker, and each of them ----------------------------------------------------------------------------

    def _serving(self) -> list[int]:
        """Raises RefusedByWorker where there is none."""
        serving = [number for number, worker in self._workers.items() if worker.state is WorkerState.SERVING]
        if not serving:
            raise RefusedByWorker(grpc.StatusCode.UNAVAILABLE, _AWAY)
        return serving

    async def _each(
        self,
        method: str,
        by: Person,
        request: Message,
        seconds: float = DEADLINE_SECONDS,
        on_first: Callable[[], object] = lambda: None,
    ) -> dict[int, Any]:
        """What each worker that serves answers; one that is gone meanwhile is left out. Raises RefusedByWorker."""
        asks = {number: self._one(number, method, by, request, seconds) for number in self._serving()}
        answers = await asyncio.gather(*asks.values(), return_exceptions=True)
        found: dict[int, Any] = {}
        refused: list[BaseException] = []
        for number, answer in zip(asks, answers, strict=True):
            if isinstance(answer, BaseException):
                refused.append(answer)
            else:
                found[number] = answer
        if found:
            on_first()
        _raise_refusal(refused, anything=bool(found))
        return found

    async def _asked(self, number: int, method: str, by: Person, request: Message) -> Any:
        try:
            return await self._one(number, method, by, request)
        except grpc.RpcError as error:
            raise _refusal(error) from None

    async def _one(
        self, number: int, method: str, by: Person, request: Message, seconds: float = DEADLINE_SECONDS
    ) -> Any:
        channel = self._channels.get(number)
        if channel is None:
            door = RelayDoor(worker_socket(self._settings(), self._workers[number].place))
            channel = self._channels[number] = grpc.aio.insecure_channel(door.target, (*door.options, *_SOON))
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        metadata = ((PERSON_KEY, by.packed()),)
        return await getattr(stub, method)(
            _without_account(request), timeout=seconds, metadata=metadata, wait_for_ready=True
        )


def _without_account(request: Message) -> Message:
    """The account is in the person already; the reason is read again."""
    copy: Any = type(request)()
    copy.CopyFrom(request)
    copy.asking.account = copy.asking.role = ""
    return copy  # type: ignore[no-any-return]


def _refusal(error: Any) -> RefusedByWorker:
    return RefusedByWorker(error.code(), str(error.details() or ""))


def _raise_refusal(errors: Sequence[BaseException], *, anything: bool) -> None:
    """The first error that is a worker's word; where nothing was answered at all, the first one of any kind."""
    for error in errors:
        if not isinstance(error, grpc.RpcError):
            raise error
        if error.code() not in _GONE:
            raise _refusal(error)
    if errors and not anything:
        raise _refusal(errors[0])


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")
