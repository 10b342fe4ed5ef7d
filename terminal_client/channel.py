"""How a terminal reaches the relay: TLS, or plaintext on this machine only."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

# One batch of a day's replay is the largest message; the relay refuses larger ones from us by itself.
MAX_RECEIVE_BYTES = 16 * 1024 * 1024
CONNECT_MILLISECONDS = 25_000
"""more than the relay lets a connection wait for its turn"""
WINDOW_BYTES = 1024 * 1024
"""what the relay may send before the terminal has read it"""
SILENCE_MILLISECONDS = 10_000
"""how long the relay may leave a ping unanswered before the connection is taken as broken"""


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


def open_channel(address: str, tls: Tls, keepalive_seconds: float) -> grpc.aio.Channel:
    """A channel to `address` (host:port). ValueError for plaintext to another machine, OSError for files that are not there.

    Nothing is connected yet. `keepalive_seconds` is how often a quiet connection is tested; 0 never.
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # In spite of its name: how long one attempt to connect may take, TLS included. A busy relay takes its time.
        ("grpc.min_reconnect_backoff_ms", CONNECT_MILLISECONDS),
        ("grpc.max_reconnect_backoff_ms", 5000),
        # Each terminal session has a connection of its own, so that one's trouble is not another's.
        ("grpc.use_local_subchannel_pool", 1),
        # gRPC measures the road with a ping after nearly every message, which costs both sides two packets and as many
        # wake-ups; without it the window is what is said here.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
    ]
    if keepalive_seconds:
        options += [
            ("grpc.keepalive_time_ms", int(keepalive_seconds * 1000)),
            ("grpc.keepalive_timeout_ms", SILENCE_MILLISECONDS),
            # gRPC ends a ping by this bound, 60 s unless it is set; the one above alone changes nothing.
            ("grpc.http2.ping_timeout_ms", SILENCE_MILLISECONDS),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    if tls.insecure:
        if not is_loopback(address):
            raise ValueError(f"plaintext is allowed to this machine only, not to {address}: use TLS")
        return grpc.aio.insecure_channel(address, options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(address, _credentials(tls), options)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    if (tls.certificate_file is None) != (tls.key_file is None):
        raise ValueError("certificate_file and key_file belong together: give both or neither")
    if tls.certificate_file is None or tls.key_file is None:
        return grpc.ssl_channel_credentials(roots(tls.ca_file))
    return grpc.ssl_channel_credentials(
        roots(tls.ca_file), tls.key_file.read_bytes(), tls.certificate_file.read_bytes()
    )


def roots(ca_file: Path | None) -> bytes | None:
    """The trusted roots as PEM; None where the system has no bundle and gRPC's own must do."""
    if ca_file is not None:
        return ca_file.read_bytes()
    bundle = ssl.get_default_verify_paths().cafile
    return Path(bundle).read_bytes() if bundle else None


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
