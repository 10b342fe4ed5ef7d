"""A certificate that is renewed while the relay serves."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from relay.rpc.certificates import Certificates, CertificateUnusable, ServedFiles, read_pair
from relay.rpc.listener import Listener
from relay.settings.listen_section import Listen
from tests.relay.rpc.test_terminal_service import wide_gate

DEADLINE_SECONDS = 30.0


class Files:
    """A certificate and its key on disk."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / "relay.crt", directory / "relay.key"
        self.authority = trustme.CA()
        self.renew()

    def renew(self, **until: Any) -> int:
        """Replace both; returns the new serial number."""
        issued = self.authority.issue_cert("127.0.0.1", **until)
        issued.cert_chain_pems[0].write_to_path(str(self.certificate))
        issued.private_key_pem.write_to_path(str(self.key))
        self.key.chmod(0o600)
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).serial_number


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def served(port: int) -> int:
    """The serial number of the certificate a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number


def other_than(first: int, port: int) -> int:
    """The serial number of the next certificate that is served."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (now := served(port)) == first:
        assert time.monotonic() < deadline, "the renewed certificate is not served"
        time.sleep(0.05)
    return now


async def test_a_renewed_certificate_is_served_without_a_word(files: Files) -> None:
    """As certbot and a firm's own authority leave it on disk; connections from then on get it."""
    settings = Listen(address="127.0.0.1:0", tls_certificate=files.certificate, tls_key=files.key)
    listener = Listener(settings, _no_stream, wide_gate(), 100)
    port = await listener.start()
    first = await asyncio.to_thread(served, port)

    wanted = files.renew()

    assert await asyncio.to_thread(other_than, first, port) == wanted
    await listener.stop(0)


def _broken(files: Files) -> None:
    files.certificate.write_text("no certificate")


def _another_key(files: Files) -> None:
    Files.renew(files)
    other = files.authority.issue_cert("127.0.0.1")
    other.private_key_pem.write_to_path(str(files.key))
    files.key.chmod(0o600)


def _expired(files: Files) -> None:
    files.renew(not_after=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))


def _gone(files: Files) -> None:
    files.key.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_broken, "relay.crt: is not a PEM certificate"),
        (_another_key, "relay.key: is not the key of"),
        (_expired, "relay.crt: expired at"),
        (_gone, "relay.key: No such file"),
    ],
)
async def test_a_certificate_that_cannot_serve_leaves_the_one_before(
    files: Files, spoil: Callable[[Files], None], said: str
) -> None:
    """And is said once, not every time somebody looks; the next good one is taken."""
    settings = Listen(address="127.0.0.1:0", tls_certificate=files.certificate, tls_key=files.key)
    listener = Listener(settings, _no_stream, wide_gate(), 100)
    assert listener.certificates is not None
    port = await listener.start()
    first = await asyncio.to_thread(served, port)

    with capture_logs() as lines:
        spoil(files)
        listener.certificates.look()
        listener.certificates.look()
        kept = await asyncio.to_thread(served, port)
        wanted = files.renew()
        listener.certificates.look()

    errors = [line for line in lines if line["event"] == "certificate_not_taken"]
    assert kept == first
    assert said in " ".join(line["why"] for line in errors)
    assert len(errors) == 1
    assert await asyncio.to_thread(served, port) == wanted
    await listener.stop(0)


def test_a_pair_that_does_not_fit_stops_the_start(files: Files) -> None:
    """gRPC would start, and refuse every connection without saying why."""
    _another_key(files)

    with pytest.raises(CertificateUnusable, match="is not the key of"):
        Certificates(ServedFiles(files.certificate, files.key))


def _pair_of(key: Any, directory: Path) -> tuple[Path, Path]:
    """A certificate that the key signs for itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    issued = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    certificate, key_file = directory / "relay.crt", directory / "relay.key"
    certificate.write_bytes(issued.public_bytes(Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key_file


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())])
async def test_keys_that_are_taken_serve_terminals(tmp_path: Path, key: Any) -> None:
    """RSA is what the other tests use."""
    certificate, key_file = _pair_of(key, tmp_path)
    listen = Listen(address="127.0.0.1:0", tls_certificate=certificate, tls_key=key_file)
    listener = Listener(listen, _no_stream, wide_gate(), 10)
    port = await listener.start()
    try:
        trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
        async with asyncio.timeout(DEADLINE_SECONDS), grpc.aio.secure_channel(f"localhost:{port}", trusted) as channel:
            await channel.channel_ready()
    finally:
        await listener.stop(0)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(1024),
    ],
    ids=["ed25519", "P-521", "secp256k1", "DSA"],
)
def test_a_key_that_no_terminal_could_use_is_not_taken(tmp_path: Path, key: Any) -> None:
    """gRPC would refuse every connection and say nothing."""
    with pytest.raises(CertificateUnusable, match="P-256 and P-384 only"):
        read_pair(*_pair_of(key, tmp_path))


def test_a_certificate_of_no_known_version_is_not_taken(files: Files) -> None:
    """The library has an error of its own for it, which would end the relay's look at its files."""
    text = files.certificate.read_text().partition("-----END")[0]
    data = bytearray(base64.b64decode("".join(text.splitlines()[1:])))
    at = data.index(b"\xa0\x03\x02\x01\x02")
    data[at + 4] = 20
    body = base64.encodebytes(data).decode()
    files.certificate.write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")

    with pytest.raises(CertificateUnusable, match="is not a PEM certificate"):
        read_pair(files.certificate, files.key)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602])
def test_a_key_that_others_can_use_is_not_taken(files: Files, mode: int) -> None:
    """As any other secret's file, with the command that mends it; what is served already is served on."""
    serving = Certificates(ServedFiles(files.certificate, files.key))
    files.renew()
    files.key.chmod(mode)

    with pytest.raises(CertificateUnusable, match="run: chmod 600"):
        read_pair(files.certificate, files.key)
    with pytest.raises(CertificateUnusable, match="run: chmod 600"):
        serving.use(ServedFiles(files.certificate, files.key))
    files.key.chmod(0o640)  # the group's members are chosen, as orchestrators mount secrets
    serving.use(ServedFiles(files.certificate, files.key))


def test_a_key_whose_mode_was_mended_is_taken(files: Files) -> None:
    """As the log advises; nothing else of the file changes by that, and the certificate before would expire."""
    certificates = Certificates(ServedFiles(files.certificate, files.key))
    wanted = files.renew()
    files.key.chmod(0o644)
    with capture_logs() as lines:
        certificates.look()
        files.key.chmod(0o600)
        certificates.look()

    assert [line["event"] for line in lines] == ["certificate_not_taken", "certificate_taken"]
    assert int(lines[-1]["serial"], 16) == wanted


def test_a_certificate_that_came_too_early_is_taken_when_it_begins(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority whose clock is ahead; its files do not change any more."""
    certificates = Certificates(ServedFiles(files.certificate, files.key))
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    wanted = files.renew(not_before=begins)
    with capture_logs() as lines:
        certificates.look()
        certificates.look()
        monkeypatch.setattr("relay.rpc.certificates._now", lambda: begins + dt.timedelta(seconds=1))
        certificates.look()
        certificates.look()

    assert [line["event"] for line in lines] == ["certificate_not_taken", "certificate_taken"]
    assert int(lines[-1]["serial"], 16) == wanted


def test_the_key_stands_in_no_text(files: Files) -> None:
    """Whatever is printed of the pair, or said about it."""
    secret = files.key.read_text().splitlines()[1]
    files.certificate.write_text(files.certificate.read_text() + files.key.read_text())  # one file with both
    pair = read_pair(files.certificate, files.key)
    files.key.write_text(secret)

    with pytest.raises(CertificateUnusable) as caught:
        read_pair(files.certificate, files.key)

    assert secret not in repr(pair) + str(caught.value)


def _no_stream(_: object) -> Any:
    raise AssertionError("nobody opens a stream")
