"""How often a wrong password may be tried: per account and address, per address, and per account from unknown addresses.

    account at address   5 in a window, then this address waits for this account
    address              20 in a window, then this address waits for every account
    account              50 in a window from all addresses, then addresses it was never signed in from wait

A name that does not exist is counted like one that does, so the answer is the same. The last rule leaves a person who signed in
before a way in while strangers guess. A right password forgets the failures of this account at this address. An IPv6 address
counts as its /64 network. Pure: the clock is passed in.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 900.0
MOST_AT_ADDRESS: Final = 5
MOST_OF_ADDRESS: Final = 20
MOST_OF_ACCOUNT: Final = 50
_MOST_KEYS = 10_000
"""kept of each kind; the one that failed longest ago is forgotten first"""


class SignInTries:
    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._failures: dict[str, OrderedDict[tuple[str, ...], deque[float]]] = {
            "account_at_address": OrderedDict(),
            "address": OrderedDict(),
            "account": OrderedDict(),
        }
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        """accounts with addresses they were signed in from"""

    def seconds_left(self, account: str, address: str) -> float:
        """How long no password of this account is looked at from this address; 0.0 where one is."""
        place = place_of(address)
        left = max(
            self._left("account_at_address", (account, place), MOST_AT_ADDRESS),
            self._left("address", (place,), MOST_OF_ADDRESS),
        )
        if (account, place) in self._known:
            return left
        return max(left, self._left("account", (account,), MOST_OF_ACCOUNT))

    def failed(self, account: str, address: str) -> None:
        """A wrong password, or a wrong code of the second factor."""
        place, now = place_of(address), self._clock()
        keys: dict[str, tuple[str, ...]] = {
            "account_at_address": (account, place),
            "address": (place,),
            "account": (account,),
        }
        for kind, key in keys.items():
            rows = self._failures[kind]
            rows.setdefault(key, deque(maxlen=MOST_OF_ACCOUNT)).append(now)
            rows.move_to_end(key)
            while len(rows) > _MOST_KEYS:
                rows.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Signed in, second factor included."""
        place = place_of(address)
        self._failures["account_at_address"].pop((account, place), None)
        self._known[account, place] = None
        self._known.move_to_end((account, place))
        while len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)

    def _left(self, kind: str, key: tuple[str, ...], most: int) -> float:
        times = self._failures[kind].get(key)
        if times is None:
            return 0.0
        now = self._clock()
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        return WINDOW_SECONDS - (now - times[-most]) if len(times) >= most else 0.0


def place_of(address: str) -> str:
    """What an address counts as: itself, or the network of an IPv6 address."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:  # as a proxy that listens on both kinds writes an IPv4 address
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))
