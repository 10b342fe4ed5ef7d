"""grpc.health.v1 on the terminal port, for load balancers: whether terminals should be sent here.

Check alone is there, and only for who may ask: this machine, the proxies that are configured, and
`listen.health_checks_from`. All others get what they get for any method that is not there, so a stranger still learns
nothing of the relay's state. A check is one short stream and counts as any stream does. Watch would hold a place for as
long as it likes without a proof, so it is not served; gRPC's own clients then take the relay for healthy and find out by
connecting.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2 as health

from relay.admission.origin.trusted_proxies import Network, Origin, OriginUnknown, is_in
from relay.http2.call import CallEnded

CHECK = "/grpc.health.v1.Health/Check"
_SERVICES = {"", "ctprelay.v1.TerminalService"}
_THIS_MACHINE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Health:
    """Answers checks."""

    def __init__(self) -> None:
        self.asked_from: Sequence[Network] = ()
        """who may ask, beside this machine and the proxies"""
        self.is_ready: Callable[[], bool] = lambda: False
        """whether a login can succeed now"""

    def may_ask(self, origin_of: Callable[[], Origin]) -> bool:
        """Whether it is one who is answered. A proxy that names no terminal asks for itself."""
        try:
            origin = origin_of()
        except OriginUnknown:
            return True
        return is_in(origin.ip, self.asked_from) or is_in(origin.ip, _THIS_MACHINE)

    def answer(self, request: bytes) -> bytes:
        """The state. Raises CallEnded: *not found* for a service that is not here."""
        try:
            asked = health.HealthCheckRequest.FromString(request)
        except DecodeError:
            raise CallEnded(grpc.StatusCode.INVALID_ARGUMENT, "the request is no HealthCheckRequest") from None
        if asked.service not in _SERVICES:
            raise CallEnded(grpc.StatusCode.NOT_FOUND, "no such service here")
        states = health.HealthCheckResponse
        state = states.SERVING if self.is_ready() else states.NOT_SERVING
        return bytes(states(status=state).SerializeToString())
