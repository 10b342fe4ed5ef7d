"""How a terminal reaches the relay: TLS, or plaintext on this machine only."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from terminal_client.call import RelayCall
from terminal_client.connection import RelayConnection

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""as getaddrinfo gives it"""
CONNECT_SECONDS = 25.0
"""more than the relay lets a connection wait for its turn"""
_NEXT_ADDRESS_SECONDS = 3.0
"""how long one address of a name may be silent before the next one is tried"""
_LAST_PORT = 65_535


_OF_ANOTHER_NAME = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH"""


class NotReached(StrEnum):
    """Why a relay is not reached, in words that programs may look for in an error's text."""

    NOTHING_LISTENS = "nothing listens there"
    NO_SUCH_HOST = "there is no such host"
    NO_ANSWER = "there is no answer"
    NO_TLS = "it speaks no TLS"
    NO_RELAY = "it speaks TLS, but not HTTP/2: it is no relay"
    HUNG_UP = "it ended the connection before TLS was agreed on"
    NOT_TRUSTED = "its certificate is not trusted (ca_file)"
    ANOTHER_NAME = "its certificate has another name (server_name)"


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust."""

    ca_file: Path | None = None
    """PEM file with the roots to trust; None takes the system's"""
    server_name: str = ""
    """the name to expect in the certificate where it differs from the address"""
    insecure: bool = False
    """no TLS at all; only for an address on this machine"""
    certificate_file: Path | None = None
    """PEM certificate that the terminal shows the relay, where the relay asks for one"""
    key_file: Path | None = None
    """PEM private key of `certificate_file`"""


class RelayChannel:
    """The way to one relay: a connection where one is needed, and another when that is gone or takes no more calls."""

    def __init__(self, address: str, tls: Tls, keepalive_seconds: float) -> None:
        """`address` is host:port, or unix: and a path; `keepalive_seconds` is how often a quiet connection is tested, 0 never.

        Nothing is connected yet. ValueError for an address that is none, and for plaintext to another machine; OSError for
        files that are not there.
        """
        if tls.insecure and not is_loopback(address):
            raise ValueError(f"plaintext is allowed to this machine only, not to {address}: use TLS")
        self._address = address
        self._host, self._port = _parts(address)
        self._name = tls.server_name or self._host
        self._tls = None if tls.insecure else context_of(tls)
        self._keepalive = keepalive_seconds
        self._connections: list[RelayConnection] = []
        """the last one is for the next call; those before it have calls that go on"""
        self._connecting: asyncio.Task[RelayConnection] | None = None
        self._beginning: set[asyncio.Task[None]] = set()

    def call(self, method: str) -> RelayCall:
        """Begin a call; `method` is its path. That there is no connection shows in its `read`."""
        call = RelayCall()
        connection = self._usable()
        if connection is not None:
            connection.open(call, method)
        else:
            task = asyncio.get_running_loop().create_task(self._begin(call, method), name="terminal-begins-call")
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)
        return call

    async def ready(self) -> None:
        """Return when the relay is connected. Raises ConnectionError, whose words say why it is not."""
        await self._connected()

    async def close(self) -> None:
        """End every call and let go of the connection, also where whoever waits for it is cancelled."""
        ending: list[asyncio.Future[Any]] = [task for task in (*self._beginning, self._connecting) if task is not None]
        for task in ending:
            task.cancel()
        connections, self._connections, self._connecting = self._connections, [], None
        ending += [connection.close() for connection in connections]
        await asyncio.gather(*ending, return_exceptions=True)

    def _usable(self) -> RelayConnection | None:
        self._connections = [one for one in self._connections if not one.is_over]
        newest = self._connections[-1] if self._connections else None
        return None if newest is None or newest.leaves else newest

    async def _begin(self, call: RelayCall, method: str) -> None:
        try:
            connection = await self._connected()
        except ConnectionError as error:
            call.end(str(error))
        except BaseException:
            call.end("the connection was closed here")
            raise
        else:
            if call.ended is None:
                connection.open(call, method)

    async def _connected(self) -> RelayConnection:
        """One for the next call. Raises ConnectionError."""
        usable = self._usable()
        if usable is not None:
            return usable
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.get_running_loop().create_task(self._connect(), name="terminal-connects")
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())  # all may have gone
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> RelayConnection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._reach()
        except TimeoutError:
            raise ConnectionError(f"UNAVAILABLE: {self._address}: {NotReached.NO_ANSWER}") from None
        except (OSError, ValueError) as error:  # ValueError for a name that no one can look up
            raise ConnectionError(f"UNAVAILABLE: {self._address}: {_why(error)}") from None
        self._connections.append(connection)
        return connection

    async def _reach(self) -> RelayConnection:
        loop, tls = asyncio.get_running_loop(), self._tls
        name = None if tls is None else self._name
        if not self._port:
            _, connection = await loop.create_unix_connection(self._new, self._host, ssl=tls, server_hostname=name)
            return connection
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        reached = await _first_reached(found)
        try:
            transport, connection = await loop.create_connection(self._new, sock=reached, ssl=tls, server_hostname=name)
        except BaseException:
            reached.close()
            raise
        spoken = transport.get_extra_info("ssl_object")
        if spoken is not None and spoken.selected_alpn_protocol() != "h2":
            transport.abort()
            raise OSError(NotReached.NO_RELAY)
        return connection

    def _new(self) -> RelayConnection:
        return RelayConnection(self._name, self._keepalive)


async def _first_reached(addresses: Sequence[Address]) -> socket.socket:
    """A connection to the first that takes one. Raises the OSError of the last."""
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        is_last = number == len(addresses)
        one = socket.socket(family, kind, protocol)
        try:
            one.setblocking(False)
            async with asyncio.timeout(None if is_last else _NEXT_ADDRESS_SECONDS):
                await asyncio.get_running_loop().sock_connect(one, address)
        except BaseException as error:
            one.close()
            if is_last or not isinstance(error, OSError):  # a time-out is one
                raise
        else:
            return one
    raise OSError(NotReached.NO_SUCH_HOST)


def context_of(tls: Tls) -> ssl.SSLContext:
    """Whom to trust and what to show. ValueError for a certificate without its key and for a file that holds none,
    OSError for a file that is not there.
    """
    if (tls.certificate_file is None) != (tls.key_file is None):
        raise ValueError("certificate_file and key_file belong together: give both or neither")
    roots = None if tls.ca_file is None else _text(tls.ca_file)
    try:
        context = ssl.create_default_context(cadata=roots)
    except (ssl.SSLError, ValueError):
        raise ValueError(f"ca_file: {tls.ca_file} holds no PEM certificate") from None
    context.set_alpn_protocols(["h2"])
    # On from Python 3.13: authorities of firms lack an extension or another.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if tls.certificate_file is not None and tls.key_file is not None:
        _text(tls.certificate_file), _text(tls.key_file)  # what is not there is named: OpenSSL would not
        try:
            context.load_cert_chain(tls.certificate_file, tls.key_file, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise ValueError(
                f"certificate_file {tls.certificate_file} and key_file {tls.key_file} are not a PEM certificate and its key"
            ) from None
    return context


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="ignore")


def _no_password() -> str:
    """A key with a password is refused; OpenSSL would ask for it on the terminal."""
    raise ValueError


def _parts(address: str) -> tuple[str, int]:
    """Host and port; a path and 0 for a unix: address."""
    if address.startswith("unix:"):
        return address.removeprefix("unix:").removeprefix("//"), 0
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"{address!r} is not the address of a relay: it is to be host:port")
    return host.strip("[]"), int(port)


def _why(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OF_ANOTHER_NAME:
            return f"{NotReached.ANOTHER_NAME}: {error.verify_message}"
        case ssl.SSLCertVerificationError():
            return f"{NotReached.NOT_TRUSTED}: {error.verify_message}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return NotReached.NO_TLS
        case socket.gaierror():
            return f"{NotReached.NO_SUCH_HOST}: {error.strerror}"
        case ConnectionRefusedError():
            return NotReached.NOTHING_LISTENS
        case ConnectionResetError():
            return NotReached.HUNG_UP
        case _:
            return str(error) or type(error).__name__


def is_loopback(address: str) -> bool:
    """Whether host:port, or a unix: path, is this machine."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
