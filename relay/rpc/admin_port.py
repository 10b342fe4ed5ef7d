"""AdminService on TCP, only where `[admin] address` is set: for a console on another machine.

TLS with the client's certificate, which an authority of the settings must have signed. Who asks is a name in it to which
`admin.roles` gives a role: one of its subject alternative names, or, where it has none, its common name, as TLS takes names
(RFC 6125). A certificate without one may ask nothing. Only the names in `admin.consoles` may ask for a console's accounts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_reflection.v1alpha import reflection

from relay.admin.person import Person
from relay.admin.roles import PersonRole
from relay.outside_text import shown
from relay.rpc.admin_service import LARGEST_REQUEST, SERVICE, AdminAnswers, AdminService, CallerUnknown
from relay.rpc.certificates import Authorities, CertificateUnusable, Pair, read_authorities, read_pair
from relay.rpc.few_streams import FewStreams
from relay.settings.admin_section import AdminSettings
from relay.settings.settings import Settings

_log = structlog.get_logger(__name__)
_MOST_CALLS = 64
_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_REQUEST),
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", _MOST_CALLS),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.server_handshake_timeout_ms", 5_000),
)


class CertifiedPeople:
    """Who is behind a client certificate."""

    def __init__(self, settings: AdminSettings) -> None:
        self.take_settings(settings)

    def take_settings(self, settings: AdminSettings) -> None:
        """What may change while it serves."""
        self._roles: Mapping[str, PersonRole] = {name: PersonRole(role) for name, role in settings.role_of.items()}
        self._consoles = frozenset(settings.consoles)

    def __call__(self, context: grpc.aio.ServicerContext[Any, Any]) -> tuple[Person, bool]:
        """Raises CallerUnknown."""
        names = _names(context.auth_context())
        for name in names:
            role = self._roles.get(name)
            if role is not None:
                return Person(shown(name), "network", role=role), name in self._consoles
        _log.warning("admin_certificate_without_role", names=[shown(name) for name in names])
        raise CallerUnknown("证书没有角色 (admin.roles) / the certificate has no role: see admin.roles")


class AdminPort:
    """The port while it is served."""

    def __init__(self, settings: AdminSettings, answers: AdminAnswers) -> None:
        """Raises OSError where certificate, key or authority cannot be used."""
        self._settings = settings
        self.people = CertifiedPeople(settings)
        self._server = grpc.aio.server(
            interceptors=(FewStreams(),), maximum_concurrent_rpcs=_MOST_CALLS, options=_OPTIONS
        )
        self._server.add_generic_rpc_handlers((AdminService(answers, self.people).handlers(),))
        reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), self._server)
        self._served = _read_files(*_files(settings))

    async def start(self) -> int:
        """Serve; returns the port. Raises OSError."""
        served = self._served

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """On a thread of gRPC's, at each new connection; None leaves it at the one before."""
            nonlocal served
            if self._served is served:
                return None
            served = self._served
            return _configuration(*served)

        credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(*served),
            fetch,  # type: ignore[arg-type]  # may be None
            require_client_authentication=True,
        )
        try:
            port = self._server.add_secure_port(self._settings.address or "", credentials)
            await self._server.start()
        except (RuntimeError, OSError) as error:  # grpc says RuntimeError, whatever stood in the way
            where = f"admin.address {self._settings.address}"
            raise OSError(f"{where} cannot be used: is another program there? ({error})") from None
        _log.info("admin_ready", port=port)
        return port

    async def stop(self) -> None:
        """Serve no more."""
        await self._server.stop(1.0)

    @property
    def expiries(self) -> dict[str, Callable[[], dt.datetime]]:
        """By setting: when what is in use expires; of several authorities, the first of them."""
        return {
            "admin.certificate": lambda: self._served[0].valid_until,
            "admin.client_authority": lambda: self._served[1].valid_until,
        }

    def take_roles(self, settings: Settings) -> None:
        """Who may do what from now on."""
        self.people.take_settings(settings.admin)

    def take_certificate(self, settings: Settings) -> None:
        """Read the files again; blocks, raises OSError and serves the ones before."""
        served = _read_files(*_files(settings.admin))
        if served != self._served:
            self._served = served


def _files(settings: AdminSettings) -> tuple[Path, Path, Path]:
    files = settings.certificate, settings.key, settings.client_authority
    certificate, key, authority = files
    if certificate is None or key is None or authority is None:
        raise CertificateUnusable(
            "admin.certificate, admin.key and admin.client_authority: are required with admin.address"
        )
    return certificate, key, authority


def _read_files(certificate: Path, key: Path, authority: Path) -> tuple[Pair, Authorities]:
    return read_pair(certificate, key), read_authorities(authority)


def _configuration(pair: Pair, trusted: Authorities) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], trusted.pem)


def _names(known: Mapping[str, Any]) -> list[str]:
    """Of the certificate, as gRPC gives them; the common name only where there is no other."""
    found = known.get("x509_subject_alternative_name", ()) or known.get("x509_common_name", ())
    return [name.decode("utf-8", "replace") for name in found]
