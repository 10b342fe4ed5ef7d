"""The listening gRPC server: address, TLS, limits of the transport, and where a terminal's address comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc

from relay.domain.public_ip import Origin, origin_of, parse_networks, parse_peer
from relay.rpc.terminal_service import OriginOf, TerminalService
from relay.services.terminal_stream import TerminalStream
from relay.settings import Listen

_TRANSPORT_MESSAGE_BYTES = 16 * 1024 * 1024
"""what gRPC itself lets through: far more than the setting, so that a larger message is refused by name"""


async def listen(settings: Listen, open_stream: Callable[[Origin], TerminalStream]) -> tuple[grpc.aio.Server, int]:
    """Start serving; returns the server and the port it got.

    OSError where certificate or key cannot be read, or the address cannot be used.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _TRANSPORT_MESSAGE_BYTES),
            ("grpc.max_concurrent_streams", settings.max_streams),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ],
        maximum_concurrent_rpcs=settings.max_streams,
    )
    service = TerminalService(open_stream, _origins(settings.trusted_proxies), settings.max_message_bytes)
    server.add_generic_rpc_handlers((service,))
    try:
        port = _bind(server, settings)
    except RuntimeError as error:  # grpc's only word for whatever stood in the way
        raise OSError(
            f"listen.address {settings.address} cannot be used: is another program there? ({error})"
        ) from None
    await server.start()
    return server, port


def _bind(server: grpc.aio.Server, settings: Listen) -> int:
    if settings.tls_certificate is None or settings.tls_key is None:
        return int(server.add_insecure_port(settings.address))
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    return int(server.add_secure_port(settings.address, grpc.ssl_server_credentials([pair])))


def _origins(trusted_proxies: Sequence[str]) -> OriginOf:
    trusted = parse_networks(trusted_proxies)

    def origin(peer: str, metadata: Sequence[tuple[str, str | bytes]]) -> Origin:
        forwarded = [str(value) for key, value in metadata if key == "x-forwarded-for"]
        return origin_of(parse_peer(peer), forwarded, trusted)

    return origin
