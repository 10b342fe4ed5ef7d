"""The control socket: how the command line reaches this running process, and no one else.

AdminService over gRPC on a Unix domain socket in the state directory. Who may open the file may use it: it is the
relay's user's own, and there is no other authentication. Who uses it is what the kernel says of the connection's other
end (`callers`), and stands in the ledger's entry of each change.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.locks import LockActions
from relay.admin.person import Person, person_at_socket
from relay.admin.roles import RoleTooLow
from relay.admission.login_attempts import Lock
from relay.refusals.refusal import LedgerUnavailable
from relay.rpc.callers import MOST_CALLERS, Callers
from relay.settings.file_modes import why_changeable

_M = TypeVar("_M", bound=Message)
Look = Callable[[], Awaitable[int]]
"""ends the sessions of disabled terminals and investors; how many"""

_log = structlog.get_logger(__name__)
_LONGEST_PATH = 107
"""bytes in a Unix socket's address"""
_INNER = ".grpc"
"""what the name of gRPC's own socket ends with; it stands beside the control socket"""


class AdminService:
    """What an operator may ask of the running process."""

    def __init__(self, locks: LockActions, look_for_disabled: Look, person_at: Callable[[str], Person]) -> None:
        """`person_at` finds the person from gRPC's name of the peer; raises LookupError."""
        self._locks = locks
        self._look_for_disabled = look_for_disabled
        self._person_at = person_at

    def handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "ListLocks": grpc.unary_unary_rpc_method_handler(
                self._list_locks,
                request_deserializer=_parse(pb.ListLocksRequest),
                response_serializer=pb.ListLocksResponse.SerializeToString,
            ),
            "LiftLocks": grpc.unary_unary_rpc_method_handler(
                self._lift_locks,
                request_deserializer=_parse(pb.LiftLocksRequest),
                response_serializer=pb.LiftLocksResponse.SerializeToString,
            ),
            "LookForDisabled": grpc.unary_unary_rpc_method_handler(
                self._look,
                request_deserializer=_parse(pb.LookForDisabledRequest),
                response_serializer=pb.LookForDisabledResponse.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler("ctprelay.v1.AdminService", methods)

    async def _list_locks(self, _: pb.ListLocksRequest | None, __: Any) -> pb.ListLocksResponse:
        return pb.ListLocksResponse(locks=_locks(self._locks.all()))

    async def _look(self, _: pb.LookForDisabledRequest | None, __: Any) -> pb.LookForDisabledResponse:
        return pb.LookForDisabledResponse(ended=await self._look_for_disabled())

    async def _lift_locks(
        self, request: pb.LiftLocksRequest | None, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.LiftLocksResponse:
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is no LiftLocksRequest")
        try:
            by = self._person_at(context.peer())
            if request.asking.account:
                by = by.acting_for(request.asking.account, request.asking.role)
            lifted = await self._lift(by.because(request.asking.reason), request)
        except RoleTooLow as error:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except LookupError:
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "the connection did not come through the control socket"
            )
        except LedgerUnavailable as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        _log.warning("locks_lifted", locks=[f"{lock.subject} {lock.name}" for lock in lifted], **by.facts())
        return pb.LiftLocksResponse(lifted=_locks(lifted))

    async def _lift(self, by: Person, request: pb.LiftLocksRequest) -> tuple[Lock, ...]:
        if request.WhichOneof("which") == "all_logins":
            return await self._locks.resume_logins(by) if request.all_logins else ()
        return await self._locks.lift(by, request.name)


class ControlSocket:
    """The socket while it is served."""

    def __init__(self, path: Path, locks: LockActions, look_for_disabled: Look) -> None:
        self._path = path
        self._inner = path.with_name(f"{path.name}{_INNER}")
        self._callers = Callers(person_at_socket)
        self._server = grpc.aio.server(maximum_concurrent_rpcs=MOST_CALLERS)
        self._server.add_generic_rpc_handlers(
            (AdminService(locks, look_for_disabled, self._callers.person_at).handlers(),)
        )

    async def start(self) -> None:
        """Serve. Raises OSError, or RuntimeError, which is grpc's only word for whatever stood in the way."""
        longest = _LONGEST_PATH - len(_INNER)
        if len(os.fsencode(self._path)) > longest:
            raise OSError(f"the path is longer than {longest} bytes; set relay.control_socket to a shorter one")
        if why := why_changeable(self._path):
            raise OSError(why)
        for path in (self._path, self._inner):
            _make_room(path)
        before = os.umask(0o177)
        try:
            self._server.add_insecure_port(f"unix:{self._inner}")
            listening = _bound(self._path)
        finally:
            os.umask(before)
        await self._server.start()
        await self._callers.start(listening, self._inner)

    async def stop(self) -> None:
        """Serve no more, and leave no socket behind."""
        await self._callers.stop()
        await self._server.stop(1.0)
        for path in (self._path, self._inner):
            path.unlink(missing_ok=True)


async def listen(path: Path, locks: LockActions, look_for_disabled: Look) -> ControlSocket | None:
    """Serve on the socket; None, and a line in the log, where it cannot be made: trading does not wait for it."""
    control = ControlSocket(path, locks, look_for_disabled)
    try:
        await control.start()
    except (OSError, RuntimeError) as error:
        _log.error("control_socket_not_served", path=str(path), why=str(error))
        return None
    return control


def _bound(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    return listening


def _make_room(path: Path) -> None:
    """Remove the socket of a process that was killed, and nothing else. Raises OSError where something else is there."""
    if not path.exists():
        return
    if not path.is_socket():
        raise OSError("there is another file; set relay.control_socket to a path of its own")
    with socket.socket(socket.AF_UNIX) as there:
        if there.connect_ex(str(path)) == 0:
            raise OSError("another process answers there; give each relay a relay.control_socket of its own")
    path.unlink(missing_ok=True)


def _parse(message: type[_M]) -> Callable[[bytes], _M | None]:
    """A deserializer that gives None for what it cannot read: gRPC would write a traceback into the log."""

    def parse(data: bytes) -> _M | None:
        try:
            return message.FromString(data)
        except DecodeError:
            return None

    return parse


def _locks(locks: Iterable[Lock]) -> list[pb.Lock]:
    return [pb.Lock(subject=lock.subject, name=lock.name, seconds_left=lock.seconds_left) for lock in locks]
