"""The control socket: how the command line and the console reach this running process, and no one else.

AdminService over gRPC on a Unix domain socket in the state directory. Who may open the file may use it: it is the
relay's user's own, and there is no other authentication. Who uses it is what the kernel says of the connection's other
end (`callers`), and stands in the ledger's entry of each action. Of a worker's socket the other end may be its supervisor,
which has asked the kernel the same at the relay's own socket, and says who it was.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_reflection.v1alpha import reflection

from relay.admin.person import Person, person_at_socket
from relay.rpc.admin_service import LARGEST_REQUEST, SERVICE, AdminAnswers, AdminService, CallerUnknown
from relay.rpc.callers import MOST_CALLERS, Callers
from relay.rpc.few_streams import FewStreams
from relay.settings.file_modes import why_changeable

_log = structlog.get_logger(__name__)
_LONGEST_PATH = 107
"""bytes in a Unix socket's address"""
_INNER = ".grpc"
"""what the name of gRPC's own socket ends with; it stands beside the control socket"""
_MOST_CALLS = 4 * MOST_CALLERS
PERSON_KEY = "ctp-relay-person-bin"
"""metadata in which a supervisor says who asks"""
_SUPERVISOR = Person("supervisor", "supervisor")
"""at the other end of a connection; a person for whom it asks stands in each request's metadata"""
_FAREWELL_SECONDS = 3.0
"""for calls that were asked before the end; a stream is cut after them"""


class ControlSocket:
    """The socket while it is served."""

    def __init__(self, path: Path, answers: AdminAnswers, supervisor: int = 0) -> None:
        """`supervisor` is the process that may say who asks it; 0 where there is none."""
        self._path = path
        self._inner = path.with_name(f"{path.name}{_INNER}")
        self._callers = Callers(functools.partial(_person_of, supervisor))
        self._server = grpc.aio.server(
            interceptors=(FewStreams(),),
            maximum_concurrent_rpcs=_MOST_CALLS,
            options=(("grpc.max_receive_message_length", LARGEST_REQUEST),),
        )
        self._server.add_generic_rpc_handlers((AdminService(answers, self._person_at).handlers(),))
        reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), self._server)

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
        """Answer what was asked, serve no more, and leave no socket behind."""
        self._callers.close()
        await self._server.stop(_FAREWELL_SECONDS)  # answers on their way still pass the callers' connections
        await self._callers.stop()
        for path in (self._path, self._inner):
            path.unlink(missing_ok=True)

    def _person_at(self, context: grpc.aio.ServicerContext[Any, Any]) -> tuple[Person, bool]:
        """The console runs as the relay's user: who comes through the socket may name an account."""
        try:
            person = self._callers.person_at(context.peer())
            return _said_by_supervisor(context) if person is _SUPERVISOR else person, True
        except LookupError:
            raise CallerUnknown("the connection did not come through the control socket") from None


async def listen(path: Path, answers: AdminAnswers, supervisor: int = 0) -> ControlSocket | None:
    """Serve on the socket; None, and a line in the log, where it cannot be made: trading does not wait for it."""
    control = ControlSocket(path, answers, supervisor)
    try:
        await control.start()
    except (OSError, RuntimeError) as error:
        _log.error("control_socket_not_served", path=str(path), why=str(error))
        return None
    return control


def _person_of(supervisor: int, pid: int, uid: int) -> Person:
    return _SUPERVISOR if supervisor and pid == supervisor else person_at_socket(pid, uid)


def _said_by_supervisor(context: grpc.aio.ServicerContext[Any, Any]) -> Person:
    """Raises LookupError where it says nothing, or what is no person."""
    said = dict(context.invocation_metadata() or ()).get(PERSON_KEY)
    try:
        return Person.unpacked(said if isinstance(said, bytes) else b"")
    except ValueError:
        raise LookupError from None


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
