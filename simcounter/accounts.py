"""Who exists at the counter: app ids with their types, investors, operators, and who may act for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class AppType(StrEnum):
    """CTP's AppType, as OnRspAuthenticate returns it."""

    DIRECT = "1"
    INVESTOR_RELAY = "2"
    OPERATOR_RELAY = "3"


@dataclass(frozen=True, slots=True)
class App:
    """One program that may connect, and under which code."""

    app_id: str
    app_type: AppType
    auth_code: str = field(repr=False)
    """16 characters"""
    users: frozenset[str] = frozenset()
    """empty: any user; otherwise others get 4043"""
    addresses: frozenset[str] = frozenset()
    """empty: any address; otherwise others get 4042"""


class Role(StrEnum):
    INVESTOR = "investor"
    OPERATOR = "operator"


@dataclass(slots=True)
class User:
    """One login name."""

    user_id: str
    password: str = field(repr=False)
    role: Role = Role.INVESTOR
    organization: str = "demo"
    """an operator acts for the investors of its own; an operator's empty one means all"""
    name: str = ""
    first_login: bool = False
    """login answers 140 until the password is changed"""
    expired: bool = False
    """login answers 141 until the password is changed"""
    weak: bool = False
    """login answers 131 until the password is changed"""
    locked: bool = False
    """login answers 4"""
    balance: float = 10_000_000.0
    """yuan at the start of the day; investors only"""
    fund_password: str = field(default="", repr=False)
    """empty: the same as the login's"""
    collector_vendor: str = "demo"
    """CTS: whose collector's information a login must bring; empty: none"""
    positions: tuple[tuple[str, str, int], ...] = ()
    """held since yesterday: (InstrumentID, '0' long or '1' short, lots)"""

    @property
    def password_due(self) -> int:
        """The ErrorID that asks for a new password, or 0."""
        if self.first_login:
            return 140
        if self.expired:
            return 141
        return 131 if self.weak else 0

    def change_password(self, password: str) -> None:
        self.password = password
        self.first_login = self.expired = self.weak = False


class Accounts:
    """All apps and users of one broker."""

    def __init__(self, broker_id: str, apps: Iterable[App], users: Iterable[User]) -> None:
        self.broker_id = broker_id
        self.apps = {app.app_id: app for app in apps}
        self.users = {user.user_id: user for user in users}

    def investor(self, investor_id: str) -> User | None:
        user = self.users.get(investor_id)
        return user if user is not None and user.role is Role.INVESTOR else None

    def may_act_for(self, user: User, investor_id: str) -> bool:
        """CTP's permission rule: an investor for itself, an operator for its organization's investors."""
        if user.role is Role.INVESTOR:
            return user.user_id == investor_id
        investor = self.investor(investor_id)
        return investor is not None and user.organization in {"", investor.organization}

    def investors_of(self, user: User) -> list[str]:
        """Everybody `user` may see; an empty InvestorID in its queries means all of these."""
        return [name for name in self.users if self.may_act_for(user, name)]
