"""What a refused authentication or login means for the next try: whose fault it is, and whether it passes by itself.

The numbers are CTP's ErrorIDs as the vendor's error list names them.
"""

from __future__ import annotations

from enum import Enum, auto


class LoginVerdict(Enum):
    RETRY = auto()
    """the counter is not ready; the same login may succeed later"""
    PASSING = auto()
    """an old session still counts, or a step was taken out of order; ids that are in no list belong here too"""
    PASSWORD_DUE = auto()
    """the password must be changed in this very session"""
    WRONG_PASSWORD = auto()
    """user or password is wrong; a few of these in a row lock the user at the counter"""
    STOP_INVESTOR = auto()
    """only a person can change it for this user: locked, unknown, not allowed here"""
    STOP_RELAY = auto()
    """repeating it harms everybody behind this relay: the address or the relay's app id is refused"""


_VERDICTS: dict[LoginVerdict, frozenset[int]] = {
    LoginVerdict.RETRY: frozenset({7, 8, 90, 154, 5002}),
    LoginVerdict.PASSING: frozenset({5, 6, 60, 64}),
    LoginVerdict.PASSWORD_DUE: frozenset({131, 132, 140, 141}),
    LoginVerdict.WRONG_PASSWORD: frozenset({3, 48}),
    LoginVerdict.STOP_INVESTOR: frozenset(
        {4, 9, 10, 11, 12, 13, 14, 49, 56, 57, 58, 59, 75, 4043, *range(4100, 4112), *range(6014, 6024)}
    ),
    LoginVerdict.STOP_RELAY: frozenset({63, 77, 143, 144, 145, 3039, 3040, 4040, 4042, 4060}),
}
_BY_ID = {error_id: verdict for verdict, ids in _VERDICTS.items() for error_id in ids}


def verdict_of(error_id: int) -> LoginVerdict:
    """The class of a refused authentication or login; an id nobody knows may pass, so it is tried again, not often."""
    return _BY_ID.get(error_id, LoginVerdict.PASSING)
