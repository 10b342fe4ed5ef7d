"""The control socket: how the command line reaches this running process, and no one else.

AdminService over gRPC on a Unix domain socket in the state directory. Who may open the file may use it: it is the
relay's user's own, and there is no other authentication. What is asked for is announced in the ledger by the command.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from ctprelay.v1 import admin_pb2 as pb
from relay.domain.login_attempts import Lock
from relay.services.login_guard import LoginGuard

_M = TypeVar("_M", bound=Message)

_log = structlog.get_logger(__name__)
_LONGEST_PATH = 107
"""bytes in a Unix socket's address"""


class AdminService:
    """What an operator may ask of the running process."""

    def __init__(self, guard: LoginGuard) -> None:
        self._guard = guard

    def handlers(self) -> grpc.GenericRpcHandler:
        """For the gRPC server."""
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
        }
        return grpc.method_handlers_generic_handler("ctprelay.v1.AdminService", methods)

    async def _list_locks(self, _: pb.ListLocksRequest | None, __: Any) -> pb.ListLocksResponse:
        return pb.ListLocksResponse(locks=_locks(self._guard.locks()))

    async def _lift_locks(
        self, request: pb.LiftLocksRequest | None, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.LiftLocksResponse:
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is no LiftLocksRequest")
        if request.WhichOneof("which") == "all_logins":
            lifted = self._guard.resume_logins() if request.all_logins else ()
        else:
            lifted = self._guard.lift(request.name)
        _log.warning("locks_lifted", locks=[f"{lock.subject} {lock.name}" for lock in lifted])
        return pb.LiftLocksResponse(lifted=_locks(lifted))


async def listen(path: Path, service: AdminService) -> grpc.aio.Server | None:
    """Serve on the socket; None, and a line in the log, where it cannot be made: trading does not wait for it."""
    server = grpc.aio.server(maximum_concurrent_rpcs=16)
    server.add_generic_rpc_handlers((service.handlers(),))
    try:
        _bind(server, path)
    except (OSError, RuntimeError) as error:  # grpc's only word for whatever stood in the way
        _log.error("control_socket_not_served", path=str(path), why=str(error))
        return None
    await server.start()
    return server


def _bind(server: grpc.aio.Server, path: Path) -> None:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(f"the path is longer than {_LONGEST_PATH} bytes; set relay.control_socket to a shorter one")
    _make_room(path)
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{path}")
    finally:
        os.umask(before)


async def stop(server: grpc.aio.Server, path: Path) -> None:
    """Serve no more, and leave no socket behind."""
    await server.stop(1.0)
    _unlink(path)


def _make_room(path: Path) -> None:
    """Remove the socket of a process that was killed, and nothing else. Raises OSError where something else is there."""
    if not path.exists():
        return
    if not path.is_socket():
        raise OSError("there is another file; set relay.control_socket to a path of its own")
    with socket.socket(socket.AF_UNIX) as there:
        if there.connect_ex(str(path)) == 0:
            raise OSError("another process answers there; give each relay a relay.control_socket of its own")
    _unlink(path)


def _unlink(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


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
