"""Which refusals of a login pass by themselves, which need the user, and which concern the whole relay.

The numbers are CTP's ErrorIDs as the vendor's error list names them.
"""

from __future__ import annotations

from enum import Enum, auto


class LoginVerdict(Enum):
    RETRY = auto()
    """the counter is not ready; the same login may succeed later"""
    PASSWORD_DUE = auto()
    """the password must be changed in this very session"""
    STOP_INVESTOR = auto()
    """repeating it harms this investor: wrong password, locked, too many sessions"""
    STOP_RELAY = auto()
    """repeating it harms everybody behind this relay: the address or the relay's app id is refused"""


_RETRY = frozenset({7, 8, 90, 154, 5002})
_PASSWORD_DUE = frozenset({131, 140, 141})
_STOP_RELAY = frozenset({63, 143, 144, 145, 3039, 3040, 4040, 4042, 4060})


def verdict_of(error_id: int) -> LoginVerdict:
    """The class of a refused authentication or login; unknown ids stop the investor, never loop."""
    if error_id in _RETRY:
        return LoginVerdict.RETRY
    if error_id in _PASSWORD_DUE:
        return LoginVerdict.PASSWORD_DUE
    if error_id in _STOP_RELAY:
        return LoginVerdict.STOP_RELAY
    return LoginVerdict.STOP_INVESTOR
