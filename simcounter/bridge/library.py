"""The library behind the stand-in, as far as the seed document and the public copies of its header tell: an operator's login, the message
bus's login, a licence, and a list with an exchange (one character) and a board (two) for each security.

What the characters stand for is not known; those here are made up, so that a relay has something to register.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from ctprelay.bridge.v1 import bridge_pb2 as pb
from simcounter.accounts import Role, User

SYSTEM = "ksmm"
VERSION = "played 1.0"
MIDDLEWARE_USER = "KCXP00"
MIDDLEWARE_PASSWORD = "888888"  # noqa: S105 - the demonstration's
LICENCE_DAYS = 200
_LICENCE, _OPERATOR, _MIDDLEWARE, _NOT_LOGGED_IN = -100, -101, -102, -103
_SHA256 = "0" * 64


def demo_tradables() -> list[pb.Tradable]:
    """Two exchanges with two boards each."""
    rows = (
        ("430001", "2", "N0"),
        ("430002", "2", "N0"),
        ("831001", "2", "N1"),
        ("899001", "3", "B0"),
        ("899002", "3", "B1"),
    )
    return [
        pb.Tradable(
            asset_unit="U1",
            portfolio="P1",
            security=security,
            exchange=exchange,
            board=board,
            tick=0.01,
            lot=100,
            least=1000,
        )
        for security, exchange, board in rows
    ]


@dataclass(slots=True)
class PlayedLibrary:
    """One library; it is loaded anew with each opening."""

    users: tuple[User, ...]
    licence_days: int = LICENCE_DAYS
    tradables: list[pb.Tradable] = field(default_factory=demo_tradables)
    product: str = ""
    """the one that the licence is for; empty: any"""

    def log_in(self, request: pb.LoginRequest) -> pb.PluginError | None:
        """None where both logins succeed."""
        if self.licence_days <= 0 or (self.product and request.product != self.product):
            return pb.PluginError(code=_LICENCE, text="授权码无效或已过期", part=0)
        operators = {user.user_id: user.password for user in self.users if user.role is Role.OPERATOR}
        said = request.operator
        if not _same(operators.get(said.user), said.password):
            return pb.PluginError(code=_OPERATOR, text="操作员或密码错误", part=1)
        bus = request.middleware
        if request.HasField("middleware") and not (
            bus.user == MIDDLEWARE_USER and _same(MIDDLEWARE_PASSWORD, bus.password)
        ):
            return pb.PluginError(code=_MIDDLEWARE, text="KCBP 登录失败", part=0)
        return None

    def described(self, server_time: str) -> pb.DescribeReply:
        """What it says when it is logged in."""
        return pb.DescribeReply(tradables=self.tradables, server_time=server_time, licence_days=self.licence_days)

    def opened(self, session: str, protocol: int) -> pb.OpenReply:
        """What it says of itself."""
        return pb.OpenReply(
            protocol=protocol,
            session=session,
            bridge_version="played",
            system=SYSTEM,
            library_version=VERSION,
            library_sha256=_SHA256,
        )


def not_logged_in() -> pb.PluginError:
    """What it says to everything before a login."""
    return pb.PluginError(code=_NOT_LOGGED_IN, text="未初始化", part=0)


def _same(known: str | None, given: str) -> bool:
    return known is not None and hmac.compare_digest(known.encode(), given.encode())
