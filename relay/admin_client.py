"""Asks a running relay over AdminService: through its Unix socket, or over TCP with a client certificate.

For whoever is not the relay itself: `ctp-relay`'s commands, which wait (`ask_now`), and the console, which has a loop
(`AdminClient`). Nothing of the serving relay is imported here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import grpc

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import admin_pb2_grpc

_T = TypeVar("_T")
DEADLINE_SECONDS = 10.0
_OPTIONS = (("grpc.max_receive_message_length", 16 * 1024 * 1024),)


class AskTrouble(StrEnum):
    """Why a running relay did not do what it was asked."""

    AWAY = "away"
    """it does not answer: not running, another machine's, or the caller is not known there"""
    REFUSED = "refused"
    """the role is too low, or it is not known who asks"""
    MALFORMED = "malformed"
    """the request is wrong, or has no reason"""
    NOT_FOUND = "not_found"
    NO_LEDGER = "no_ledger"
    """the ledger cannot be written, so nothing was changed"""
    NOT_HERE = "not_here"
    """this relay has nothing of the kind"""
    FAULT = "fault"


_TROUBLES = {
    grpc.StatusCode.UNAVAILABLE: AskTrouble.AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: AskTrouble.AWAY,
    grpc.StatusCode.PERMISSION_DENIED: AskTrouble.REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: AskTrouble.REFUSED,
    grpc.StatusCode.INVALID_ARGUMENT: AskTrouble.MALFORMED,
    grpc.StatusCode.NOT_FOUND: AskTrouble.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION: AskTrouble.NO_LEDGER,
    grpc.StatusCode.UNIMPLEMENTED: AskTrouble.NOT_HERE,
}


class AskFailed(Exception):
    """A running relay did not do what it was asked; `text` is for people, Chinese and English."""

    def __init__(self, trouble: AskTrouble, text: str) -> None:
        super().__init__(f"{trouble}: {text}")
        self.trouble = trouble
        self.text = text


@dataclass(frozen=True, slots=True)
class RelayDoor:
    """Where one relay answers: either its socket, or its address with the files of mTLS."""

    socket: Path | None = None
    address: str = ""
    """HOST:PORT of `[admin] address`"""
    authority: Path | None = None
    """PEM of the authority whose certificate the relay must show"""
    certificate: Path | None = None
    """PEM of the caller's own certificate chain"""
    key: Path | None = field(default=None, repr=False)
    server_name: str = ""
    """the name in the relay's certificate, where it is another one than the host in `address`"""

    @property
    def target(self) -> str:
        """As gRPC writes it."""
        return f"unix:{self.socket.absolute()}" if self.socket is not None else self.address

    def __str__(self) -> str:
        return str(self.socket) if self.socket is not None else self.address

    @property
    def options(self) -> tuple[tuple[str, Any], ...]:
        """For the channel."""
        return (*_OPTIONS, ("grpc.ssl_target_name_override", self.server_name)) if self.server_name else _OPTIONS

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None for a socket; reads the files, raises OSError."""
        if self.socket is not None:
            return None
        authority, certificate, key = (_read(path) for path in (self.authority, self.certificate, self.key))
        return grpc.ssl_channel_credentials(authority, key, certificate)


def ask_now(door: RelayDoor, question: Callable[[admin_pb2_grpc.AdminServiceStub], _T]) -> _T:
    """Ask one question and wait; the question passes `timeout=` to the stub. Raises AskFailed, OSError."""
    credentials = door.credentials()
    channel = (
        grpc.insecure_channel(door.target, door.options)
        if credentials is None
        else grpc.secure_channel(door.target, credentials, door.options)
    )
    with channel:
        try:
            return question(admin_pb2_grpc.AdminServiceStub(channel))  # type: ignore[no-untyped-call]  # generated
        except grpc.RpcError as error:
            raise _failed(error) from None


class AdminClient:
    """One relay, asked again and again. For the loop; every method raises AskFailed.

    Every request has a member `asking`: for a console's account `pb.Asking(account=…, role=…, reason=…)`.
    """

    def __init__(self, door: RelayDoor, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        """Inside a running loop. Connects when it is first asked, and again after a break. Raises OSError."""
        self.door = door
        self._deadline = deadline_seconds
        credentials = door.credentials()
        self._channel = (
            grpc.aio.insecure_channel(door.target, door.options)
            if credentials is None
            else grpc.aio.secure_channel(door.target, credentials, door.options)
        )
        self._stub: Any = admin_pb2_grpc.AdminServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    async def close(self) -> None:
        """Let the connection go; idempotent."""
        await self._channel.close()

    async def watch_status(self, request: pb.WatchStatusRequest) -> AsyncGenerator[pb.RelayStatus, None]:
        """Its status now, and again and again until the caller stops or the relay ends."""
        call = self._stub.WatchStatus(request)
        try:
            async for status in call:
                yield status
        except grpc.RpcError as error:
            raise _failed(error) from None
        finally:
            call.cancel()  # who stops looking gives the place at the relay back

    async def get_status(self, request: pb.GetStatusRequest) -> pb.RelayStatus:
        """How it is."""
        return await self._ask("GetStatus", request, pb.RelayStatus)

    async def list_sessions(self, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        """Its terminal sessions."""
        return await self._ask("ListSessions", request, pb.ListSessionsResponse)

    async def get_session(self, request: pb.GetSessionRequest) -> pb.TerminalSession:
        """One of them."""
        return await self._ask("GetSession", request, pb.TerminalSession)

    async def kick_session(self, request: pb.KickSessionRequest) -> pb.KickSessionResponse:
        """End sessions."""
        return await self._ask("KickSession", request, pb.KickSessionResponse)

    async def pause_logins(self, request: pb.PauseLoginsRequest) -> pb.PauseLoginsResponse:
        """Refuse new logins."""
        return await self._ask("PauseLogins", request, pb.PauseLoginsResponse)

    async def resume_logins(self, request: pb.ResumeLoginsRequest) -> pb.ResumeLoginsResponse:
        """Take new logins again."""
        return await self._ask("ResumeLogins", request, pb.ResumeLoginsResponse)

    async def drain(self, request: pb.DrainRequest) -> pb.DrainResponse:
        """Stop it, as SIGTERM does."""
        return await self._ask("Drain", request, pb.DrainResponse)

    async def reconnect_operator(self, request: pb.ReconnectOperatorRequest) -> pb.ReconnectResponse:
        """Log the operator in anew."""
        return await self._ask("ReconnectOperator", request, pb.ReconnectResponse)

    async def reconnect_counter(self, request: pb.ReconnectCounterRequest) -> pb.ReconnectResponse:
        """Replace its sessions at the counter."""
        return await self._ask("ReconnectCounter", request, pb.ReconnectResponse)

    async def list_locks(self, request: pb.ListLocksRequest) -> pb.ListLocksResponse:
        """Who cannot log in."""
        return await self._ask("ListLocks", request, pb.ListLocksResponse)

    async def lift_locks(self, request: pb.LiftLocksRequest) -> pb.LiftLocksResponse:
        """Forget failed logins."""
        return await self._ask("LiftLocks", request, pb.LiftLocksResponse)

    async def set_log_level(self, request: pb.SetLogLevelRequest) -> pb.SetLogLevelResponse:
        """Log more, or less."""
        return await self._ask("SetLogLevel", request, pb.SetLogLevelResponse)

    async def get_running_settings(self, request: pb.GetRunningSettingsRequest) -> pb.RunningSettings:
        """The settings in force."""
        return await self._ask("GetRunningSettings", request, pb.RunningSettings)

    async def reload(self, request: pb.ReloadRequest) -> pb.ReloadResponse:
        """Read the settings again."""
        return await self._ask("Reload", request, pb.ReloadResponse)

    async def look_for_disabled(self, request: pb.LookForDisabledRequest) -> pb.LookForDisabledResponse:
        """End sessions of disabled terminals and investors at once."""
        return await self._ask("LookForDisabled", request, pb.LookForDisabledResponse)

    async def list_alarms(self, request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        """Its newest alarms."""
        return await self._ask("ListAlarms", request, pb.ListAlarmsResponse)

    async def _ask(self, method: str, request: object, _answer: type[_T]) -> _T:
        try:
            answer: _T = await getattr(self._stub, method)(request, timeout=self._deadline)
        except grpc.RpcError as error:
            raise _failed(error) from None
        return answer


def _failed(error: Any) -> AskFailed:
    return AskFailed(_TROUBLES.get(error.code(), AskTrouble.FAULT), str(error.details() or ""))


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path is not None else None
