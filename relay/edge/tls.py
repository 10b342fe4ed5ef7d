"""TLS of one connection over bytes, with no socket: what comes is given in, what is to go is taken out."""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

_MOST: Final = 16 * 1024
"""bytes in a record"""


class TlsWrong(Exception):
    """TLS was not agreed on, or what came is none; the words are OpenSSL's."""


class TlsEnd:
    """The relay's end. Not for two threads at a time."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.agreed = False
        self.ended = False
        """whether the terminal has said that it sends no more"""

    @property
    def protocol(self) -> str | None:
        """What both ends speak inside."""
        return self._tls.selected_alpn_protocol()

    @property
    def certificate(self) -> bytes | None:
        """The terminal's, DER; None where it showed none."""
        return self._tls.getpeercert(binary_form=True)

    def give(self, data: bytes | memoryview) -> None:
        """Bytes from the terminal."""
        self._in.write(data)

    def agree(self) -> None:
        """Take the next step of the handshake: about a millisecond, a longer key's more. Raises TlsWrong."""
        try:
            self._tls.do_handshake()
            self.agreed = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError) as error:
            raise TlsWrong(_words(error)) from None

    def opened(self) -> bytes:
        """What was inside the records that came so far; what comes after the terminal's last is dropped. Raises TlsWrong."""
        parts: list[bytes] = []
        try:
            while not self.ended and (self._in.pending or self._tls.pending()):
                parts.append(self._tls.read(_MOST))
                self.ended = not parts[-1]  # so Python says that close_notify came, however often it is asked
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.ended = True
        except (ssl.SSLError, OSError) as error:
            raise TlsWrong(_words(error)) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def sealed(self, data: bytes) -> bytes:
        """The records that say it, after what else waits to be sent."""
        self._tls.write(data)
        return self._out.read()

    def farewell(self) -> bytes:
        """What says that no more comes, so that nobody can cut the end off unnoticed; only where TLS is agreed on."""
        with contextlib.suppress(ssl.SSLError, OSError):
            self._tls.unwrap()  # says it, and wants to read the other's
        return self._out.read()

    def to_send(self) -> bytes:
        """What TLS itself wants to send."""
        return self._out.read()


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else type(error).__name__
