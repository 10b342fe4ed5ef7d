"""Who may do what: three roles, each of which may do all that the one before it may, and the action's name → its role.

A door finds out which role a caller has. Whether it is enough is decided in this room, where the action is carried out:
`Changes` asks for every change, `ReadEntries` for every question.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class PersonRole(StrEnum):
    """From what may do least to what may do all."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: PersonRole) -> bool:
        """Whether this role includes `needed`."""
        return _RANK[self] >= _RANK[needed]

    def at_most(self, other: PersonRole) -> PersonRole:
        """The lower one of both."""
        return min(self, other, key=_RANK.__getitem__)


_RANK = {role: rank for rank, role in enumerate(PersonRole)}

NEEDED: Mapping[str, PersonRole] = MappingProxyType(
    {
        # Questions to a running relay
        "status": PersonRole.VIEWER,
        "sessions": PersonRole.VIEWER,
        "locks": PersonRole.VIEWER,
        "alarms": PersonRole.VIEWER,
        "history": PersonRole.VIEWER,
        "running_settings": PersonRole.OPERATOR,
        # Actions on a running relay
        "session_kick": PersonRole.OPERATOR,
        "logins_pause": PersonRole.OPERATOR,
        "logins_resume": PersonRole.OPERATOR,
        "operator_reconnect": PersonRole.OPERATOR,
        "counter_reconnect": PersonRole.OPERATOR,
        "locks_lift": PersonRole.OPERATOR,
        "log_level": PersonRole.OPERATOR,
        "look_for_disabled": PersonRole.OPERATOR,
        "drain": PersonRole.ADMIN,
        "reload": PersonRole.ADMIN,
        # Changes of directory and ledger
        "terminal_enable": PersonRole.OPERATOR,
        "terminal_disable": PersonRole.OPERATOR,
        "investor_enable": PersonRole.OPERATOR,
        "investor_disable": PersonRole.OPERATOR,
        "investor_forget_machines": PersonRole.OPERATOR,
        "terminal_add": PersonRole.ADMIN,
        "terminal_rotate": PersonRole.ADMIN,
        "terminal_end_overlap": PersonRole.ADMIN,
        "terminal_kinds": PersonRole.ADMIN,
        "terminal_certificates": PersonRole.ADMIN,
        "investor_add": PersonRole.ADMIN,
        "investor_import": PersonRole.ADMIN,
        "investor_passwd": PersonRole.ADMIN,
        "investor_accounts": PersonRole.ADMIN,
        "ledger_signing_key": PersonRole.ADMIN,
        "account_add": PersonRole.ADMIN,
        "account_enable": PersonRole.ADMIN,
        "account_disable": PersonRole.ADMIN,
        "account_role": PersonRole.ADMIN,
        "account_passwd": PersonRole.ADMIN,
        "account_reset_second_factor": PersonRole.ADMIN,
        "account_sign_out": PersonRole.ADMIN,
        # What a person changes of their own account at the console
        "account_sign_in": PersonRole.VIEWER,
        "account_own_passwd": PersonRole.VIEWER,
        "account_own_second_factor": PersonRole.VIEWER,
        "account_own_sign_out": PersonRole.VIEWER,
    }
)
"""What an action or question needs; one that is not here needs admin."""

REASON_FOR: frozenset[str] = frozenset(
    {
        "session_kick",
        "logins_pause",
        "logins_resume",
        "operator_reconnect",
        "counter_reconnect",
        "locks_lift",
        "log_level",
        "drain",
        "reload",
    }
)
"""Actions that never go without a reason. A change of the directory may, where it is typed on a command line."""


class RoleTooLow(Exception):
    """The person may not do this; the message is for people."""

    def __init__(self, role: PersonRole, needed: PersonRole) -> None:
        super().__init__(f"此操作需要角色 {needed}，当前为 {role} / this needs the role {needed}, yours is {role}")
        self.needed = needed


class ReasonMissing(ValueError):
    """The action has no reason, or one that is too long."""


def needed_for(action: str) -> PersonRole:
    """The role an action or question needs."""
    return NEEDED.get(action, PersonRole.ADMIN)
