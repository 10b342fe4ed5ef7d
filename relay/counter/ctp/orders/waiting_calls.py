"""Calls that wait in the relay: for their turn to be sent, for the firm's answer, or for an order they name.

The pacer has what waits for its turn. A call is parked where it waits for something else: it stands in its link's
line because it asks the firm's other processes, or one before it does; or it follows orders that it names and that
still wait here. What comes while nothing waits passes by the pacer, and is sent next. Between any two calls it holds that a call whose result is due waits in one of these places only, or
is on its way to the API. A parked call's own time may run out, as that of every other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.orders.outputs import AskFirm, LaneIsDead, Output, RenewSession
from relay.counter.ctp.pacing.pacing import Pacer, PacingLimits
from relay.counter.ctp.pacing.ticket import Stage
from relay.refusals.refusal import Refusal


class WaitingCalls:
    """What waits in one counter session."""

    def __init__(self, lanes: Lanes, *, has_firm: bool) -> None:
        """`has_firm`: other relay processes send orders of the same investors."""
        self._lanes = lanes
        self._has_firm = has_firm
        self.pacer: Pacer[OpenCall] = Pacer(PacingLimits())
        self.passing: deque[OpenCall] = deque()
        """what is sent next, in this order"""
        self._names: dict[OpenCall, tuple[OrderName, ...]] = {}
        self._named: dict[OrderName, list[OpenCall]] = {}
        """orders that wait by every name, their own first: a cancel must not look through all of them"""
        self._unnamed: list[OpenCall] = []
        """orders that began to wait since; most are sent at once and need no name"""
        self.lines: deque[RouterLink] = deque()
        """links whose line has another first: it goes on as soon as there is nothing to send"""
        self._parked: dict[OpenCall, None] = {}
        self._parked_until = math.inf
        """no parked call's time runs out before this"""
        self._lane_is_dead = False
        self._followers: dict[OpenCall, list[OpenCall]] = {}
        """by the order they wait for"""

    def pass_by(self, call: OpenCall, now: float) -> bool:
        """Whether it need not wait, because nothing does: then it is sent next."""
        passes = not self._parked and self.pacer.pass_by(call, now)
        if passes:
            self.passing.append(call)
        return passes

    def queue(self, call: OpenCall) -> Refusal | None:
        """It waits for its turn."""
        ahead = self.pacer.submit(call)
        if isinstance(ahead, Refusal):
            return ahead
        call.ahead = ahead
        if call.priority is Priority.ORDER:
            self._unnamed.append(call)
        return None

    def stand_in_line(self, call: OpenCall) -> bool:
        """It waits at the end of its link's line; returns whether it is the first."""
        self._park(call)
        call.link.line.append(call)
        return len(call.link.line) == 1

    def ask_of_firm(self, call: OpenCall) -> AskFirm | None:
        """What only the firm's other processes know: of a key that is new here, or of an order that one of them named."""
        if not self._has_firm:
            return None
        lane = call.link.lane
        content = self._lanes.content(call.method, call.body) if call.order_key else b""
        if content and self._lanes.knows_key(lane, call.order_key, content):
            content = b""
        name = self._lanes.named_elsewhere(lane, call.method, call.body)
        return AskFirm(call, content, name) if content or name is not None else None

    def follow(self, call: OpenCall, orders: Iterable[OpenCall]) -> None:
        """It waits until these calls were sent, or were not for another reason."""
        self._park(call)
        if call.priority is Priority.ORDER:
            self._unnamed.append(call)
        for order in orders:
            call.follows += 1
            self._followers.setdefault(order, []).append(call)

    def take_out(self, call: OpenCall) -> None:
        """It waits nowhere any more; idempotent."""
        for name in self._names.pop(call, ()):
            self._named[name].remove(call)
            if not self._named[name]:
                del self._named[name]
        if call not in self._parked:
            self.pacer.withdraw(call)
            if call in self.passing:
                self.passing.remove(call)
            return
        del self._parked[call]
        line = call.link.line
        if line and line[0] is call:
            self.lines.append(call.link)
        if call in line:
            line.remove(call)

    def followers(self, order: OpenCall) -> list[OpenCall]:
        """The order has its result: the calls that need wait no longer, taken out."""
        freed = []
        for call in self._followers.pop(order, ()):
            call.follows -= 1
            if order.is_own and not order.link.is_open:
                call.asked_codes = False  # the terminal in whose name it was asked has left
            if call.follows == 0 and call in self._parked:
                self.take_out(call)
                freed.append(call)
        return freed

    def of(self, link: RouterLink, *, in_line: bool) -> list[OpenCall]:
        """Everything of one link that waits; what waited for its turn is taken out."""
        parked = [call for call in self._parked if call.link is link and (in_line or call.follows)]
        passing = [call for call in self.passing if call.link is link]
        return [*parked, *passing, *self.pacer.drop(link)]

    def named_by(self, call: OpenCall) -> tuple[list[OpenCall], bool]:
        """The waiting orders of its investor that an action names, and whether it ends them all.

        It cannot end an order by the name of one that this becomes, as one side of a quote.
        """
        self.name_orders()
        named = self._lanes.named_by(call.link.lane, call.method, call.body) if self._names else None
        if named is None:
            return [], False
        investor = call.link.lane.identity.investor
        orders = [one for one in self._named.get(named.name, ()) if one.link.lane.identity.investor == investor]
        return orders, named.ends_it and all(self._names[order][0] == named.name for order in orders)

    def name_orders(self) -> None:
        """Orders that were not sent at once get the names a cancel may use."""
        for call in self._unnamed:
            if call not in self._names and (call.stage is Stage.WAITING or call in self._parked):
                names = self._lanes.waiting_names(call.link.lane, call.method, call.body)
                if names:
                    self._names[call] = names
                for name in names:
                    self._named.setdefault(name, []).append(call)
        self._unnamed.clear()

    def look_at_lane(self, now: float) -> tuple[float | None, list[Output]]:
        """When to look again whether the API takes queries, and what is wanted: renewal where it takes none."""
        at, wanted = self.pacer.query_lane.renew_at(now), list[Output]()
        if at is not None and not self._lane_is_dead:
            wanted.append(LaneIsDead())
        self._lane_is_dead = at is not None
        if at is None or at > now:
            return at, wanted
        self.pacer.query_lane.renewed(now)
        return None, [*wanted, RenewSession()]

    @property
    def wake_at(self) -> float | None:
        """When the time of a parked call may have run out."""
        return self._parked_until if self._parked else None

    def expired(self, now: float) -> list[OpenCall]:
        """The parked calls whose time has run out."""
        if now < self._parked_until:
            return []
        self._parked_until = min((call.deadline for call in self._parked if call.deadline > now), default=math.inf)
        return [call for call in self._parked if call.deadline <= now]

    def _park(self, call: OpenCall) -> None:
        self._parked[call] = None
        self._parked_until = min(self._parked_until, call.deadline)
