"""Which versions of TLS terminals may speak."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from relay.rpc.listener import Listener
from relay.settings.listen_section import Listen
from tests.relay.rpc.test_certificates import Files
from tests.relay.rpc.test_listener import _opening
from tests.relay.rpc.test_terminal_service import wide_gate


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1, None),
        (ssl.TLSVersion.TLSv1_1, None),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_the_floor_is_tls_1_2(tmp_path: Path, version: ssl.TLSVersion, spoken: str | None) -> None:
    """A client that would speak the older ones, with ciphers of theirs, is refused by the relay and not by itself."""
    files = Files(tmp_path)
    settings = Listen(address="127.0.0.1:0", tls_certificate=files.certificate, tls_key=files.key)
    listener = Listener(settings, _opening([]), wide_gate(), 100)
    port = await listener.start()
    try:
        if spoken is None:
            with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
                await asyncio.to_thread(_speak, port, version)
            assert isinstance(refused.value, ssl.SSLEOFError | ConnectionError) or "ALERT" in str(refused.value).upper()
        else:
            assert await asyncio.to_thread(_speak, port, version) == spoken
    finally:
        await listener.stop(0)


def _speak(port: int, version: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port), 30) as plain, context.wrap_socket(plain) as secure:
        return secure.version()
