"""What keeps a terminal from a relay is said with the file, the setting or the address that is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from terminal_client.channel import Address, NotReached, RelayChannel, Tls, _first_reached
from tests.ports import unused_port

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> Tls:
    """Everything right, with a certificate of the terminal's."""
    own = authority.issue_cert("terminal")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    return Tls(tmp_path / "ca.pem", certificate_file=tmp_path / "own.pem", key_file=tmp_path / "own.key")


def _lock(path: Path) -> None:
    key = load_pem_private_key(path.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(locked)


def _nonsense(path: Path) -> None:
    path.write_bytes(b"\xff no certificate")


@pytest.mark.parametrize(
    ("file", "spoil", "error"),
    [
        ("ca.pem", Path.unlink, FileNotFoundError),
        ("ca.pem", _nonsense, ValueError),
        ("own.pem", Path.unlink, FileNotFoundError),
        ("own.pem", _nonsense, ValueError),
        ("own.key", Path.unlink, FileNotFoundError),
        ("own.key", _nonsense, ValueError),
        ("own.key", _lock, ValueError),
    ],
)
async def test_a_file_that_is_wrong_is_named(
    tls: Tls, tmp_path: Path, file: str, spoil: Spoil, error: type[Exception]
) -> None:
    """At once, before anything is connected; a key's password is not asked for."""
    RelayChannel("127.0.0.1:1", tls, 0)
    spoil(tmp_path / file)

    with pytest.raises(error, match=file):
        RelayChannel("127.0.0.1:1", tls, 0)


@pytest.mark.parametrize("address", ["relay", "relay:", ":5", "relay:0", "relay:65536", "relay:http", ""])
async def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        RelayChannel(address, Tls(insecure=False), 0)


async def test_plaintext_stays_on_this_machine() -> None:
    with pytest.raises(ValueError, match="use TLS"):
        RelayChannel("10.0.0.1:5000", Tls(insecure=True), 0)


@pytest.mark.parametrize("address", ["127.0.0.1:5000", "127.9.9.9:5000", "[::1]:5000", "localhost:5000", "unix:/x"])
async def test_on_this_machine_plaintext_is_allowed(address: str) -> None:
    """By every name that it has."""
    RelayChannel(address, Tls(insecure=True), 0)


async def test_a_socket_of_this_machine_is_reached(tmp_path: Path) -> None:
    """By its path; and a channel that is closed has let go of its connection."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        writer.close()
        gone.set()

    server = await asyncio.start_unix_server(serve, tmp_path / "relay.sock")
    async with server:
        channel = RelayChannel(f"unix:{tmp_path / 'relay.sock'}", Tls(insecure=True), 0)
        await channel.ready()
        connection = channel._usable()
        assert connection is not None
        await channel.close()

        assert connection.is_over
        async with asyncio.timeout(10):
            await gone.wait()


async def _why(address: str, tls: Tls) -> str:
    channel = RelayChannel(address, tls, 0)
    try:
        with pytest.raises(ConnectionError) as failed:
            await channel.ready()
        return str(failed.value)
    finally:
        await channel.close()


@contextlib.asynccontextmanager
async def _served(certificate: trustme.LeafCert | None, *protocols: str) -> AsyncIterator[str]:
    """A server that is no relay; its address."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(list(protocols))
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As a plain server: it waits for a word and answers in its own way."""
    with contextlib.suppress(OSError):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()


async def test_why_a_relay_is_not_reached(tls: Tls, authority: trustme.CA) -> None:
    """Each with the address, and where a setting may be wrong with its name."""
    here, elsewhere = authority.issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    nobody = f"127.0.0.1:{unused_port()}"
    said = {
        NotReached.NOTHING_LISTENS: await _why(nobody, tls),
        NotReached.NO_SUCH_HOST: await _why("relay.invalid:5000", tls),
    }
    async with _served(None) as address:
        said[NotReached.NO_TLS] = await _why(address, tls)
    async with _served(elsewhere, "h2") as address:
        said[NotReached.NOT_TRUSTED] = await _why(address, tls)
    async with _served(here, "h2") as address:
        said[NotReached.ANOTHER_NAME] = await _why(address, replace(tls, server_name="relay.example"))
    async with _served(authority.issue_cert("127.0.0.2"), "h2") as address:
        said_of_address = await _why(address, tls)
    async with _served(here, "http/1.1") as address:
        said[NotReached.NO_RELAY] = await _why(address, tls)

    assert NotReached.ANOTHER_NAME in said_of_address
    assert said[NotReached.NOTHING_LISTENS] == f"UNAVAILABLE: {nobody}: nothing listens there"
    assert {why: words for why, words in said.items() if why not in words} == {}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_another_address_of_a_name_is_tried(loop: str, tls: Tls, authority: trustme.CA) -> None:
    """Whatever loop the terminal's program runs on; the first address takes no connections."""
    run = asyncio.run if loop == "asyncio" else pytest.importorskip("uvloop").run

    async def reached() -> str:
        async with _served(authority.issue_cert("localhost"), "h2") as address:
            port = int(address.rpartition(":")[2])
            known: list[Address] = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port)) for there in ("127.0.0.2", "127.0.0.1")
            ]
            with await _first_reached(known) as one:
                return str(one.getpeername()[0])

    assert run(reached()) == "127.0.0.1"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_relay_is_reached_by_name(loop: str, tls: Tls, authority: trustme.CA) -> None:
    run = asyncio.run if loop == "asyncio" else pytest.importorskip("uvloop").run

    async def reached() -> None:
        async with _served(authority.issue_cert("localhost"), "h2") as address:
            channel = RelayChannel(address.replace("127.0.0.1", "localhost"), tls, 0)
            await channel.ready()
            await channel.close()

    run(reached())
