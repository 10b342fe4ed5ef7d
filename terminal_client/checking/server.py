"""The played relay behind TLS, with a certificate of its own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ctprelay.v1 import terminal_pb2_grpc
from terminal_client.checking.findings import TerminalFindings
from terminal_client.checking.lesson import Lesson, LessonPace, LessonStep
from terminal_client.checking.line import Line
from terminal_client.checking.rules import Given
from terminal_client.secret import Secret

_DAYS = 2
_PINGS = [
    ("grpc.http2.min_ping_interval_without_data_ms", 4000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signs itself: the terminal trusts it as its authority."""

    certificate: bytes
    key: bytes


def certificate_for(host: str) -> Certificate:
    """For this host name or address, two days long."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ctp-terminal check")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM), private)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def new_given(app_id: str = "", broker_id: str = "", investor_id: str = "") -> Given:
    """What the terminal's user is given for this run; auth code and password are made up, and are good nowhere else."""
    return Given(
        app_id=app_id or "check_terminal_1.0",
        auth_code=Secret(secrets.token_hex(8).upper()),
        broker_id=broker_id or "9999",
        investor_id=investor_id or "100001",
        password=Secret(secrets.token_hex(6)),
    )


async def check_terminal(
    host: str,
    port: int,
    given: Given,
    issued: Certificate,
    *,
    ready: Callable[[int], None],
    show: Callable[[LessonStep], None],
    pace: LessonPace,
) -> TerminalFindings:
    """Play a relay at host:port until the lesson is over. `ready` gets the port, `show` each step."""
    server = grpc.aio.server(options=_PINGS)
    credentials = grpc.ssl_server_credentials([(issued.key, issued.certificate)])
    line = Line(server.add_secure_port("127.0.0.1:0", credentials))
    lesson = Lesson(given, line, pace, show)
    terminal_pb2_grpc.add_TerminalServiceServicer_to_server(lesson, server)  # type: ignore[no-untyped-call]  # generated
    await server.start()
    try:
        await line.start(host, port)
        ready(line.port)
        return await lesson.lead()
    finally:
        await line.stop()
        await server.stop(0)
