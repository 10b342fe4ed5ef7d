"""What the relay asks the counter before a call that names a trading code or unit: whose these are.

Asked only when a call names one that is not known yet, once for each investor and trading day, in the investor's name
and in the terminal's turn. The call waits for the answer as it would wait for an order it names, and no longer than its terminal
allows; what is not known to be the investor's then is refused. Orders of its terminal that come meanwhile stay behind it,
because the references a terminal gives must increase. A cancel asks and waits for nothing. A question that failed is not asked again for a while: it takes the
turn of other terminals' queries.
"""

from __future__ import annotations

from collections.abc import Callable

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog, Method
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.identity.trading_codes import KnownCodes
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.queries.query_lane import Unanswered
from relay.counter.port import CallOutcome
from relay.refusals.refusal import Refusal

MakeQuestion = Callable[[RouterLink, Method, float], OpenCall | Refusal]


class CodeQuestions:
    """The questions of one counter session; of an investor's own there are none."""

    def __init__(self, catalog: Catalog, make: MakeQuestion, *, is_shared: bool) -> None:
        """`make` makes an unfiltered query in a terminal's name, and does not send it."""
        self.known = KnownCodes(catalog) if is_shared else None
        self._methods = catalog.methods
        self._make = make
        self._under_way: dict[tuple[bytes, str], OpenCall] = {}
        self._failed = Unanswered()

    def logged_in(self) -> None:
        """The session is another: what failed may be asked again."""
        self._failed = Unanswered()

    def start_day(self) -> None:
        """A new trading day: nothing is known."""
        if self.known is not None:
            self.known.start_day()

    def concern(self, call: OpenCall) -> bool:
        """Whether `call` names a code of which it is not known whose it is."""
        if self.known is None or call.is_own or call.asked_codes or call.priority is Priority.CANCEL:
            return False
        return bool(self.known.questions(call.method.name, call.link.lane.identity.investor, call.body))

    def ahead_of(self, call: OpenCall, now: float) -> tuple[list[OpenCall], list[OpenCall]]:
        """What `call` must wait for, and the questions among it that are still to be sent."""
        ahead, new, investor = list[OpenCall](), list[OpenCall](), call.link.lane.identity.investor
        if self.known is None or call.is_own or call.asked_codes or call.priority is Priority.CANCEL:
            return ahead, new
        call.asked_codes = True
        for name in self.known.questions(call.method.name, investor, call.body):
            key = investor, name
            asked = self._under_way.get(key)
            if asked is None and not self._failed.seconds_left(key, now):
                made = self._make(call.link, self._methods[name], now)
                if isinstance(made, OpenCall):
                    asked = self._under_way[key] = made
                    new.append(made)
            if asked is not None:
                ahead.append(asked)
        if call.priority is Priority.ORDER:
            _keep_in_order(call, ahead)
        return ahead, new

    def learn(self, event: RawEvent) -> None:
        """A row of an answer, whoever asked."""
        if self.known is not None and event.error[0] == 0:
            self.known.learn(event.callback, event.body)

    def ended(self, call: OpenCall, result: CallOutcome | Refusal, now: float) -> None:
        """A question of the relay's own was answered, or will not be."""
        key = call.link.lane.identity.investor, call.method.name
        if self.known is None or self._under_way.get(key) is not call:
            return
        del self._under_way[key]
        if isinstance(result, CallOutcome) and result.return_code == 0:
            self.known.answered(*key)
        elif isinstance(result, CallOutcome):
            self._failed.gave_up(key, now)

    def confine(self, call: OpenCall, body: bytearray) -> Refusal | None:
        """Refuse what names another investor's code; of `body` the rest is written as the counter does."""
        if self.known is None:
            return None
        is_cancel = call.priority is Priority.CANCEL
        return self.known.confine(call.method.name, call.link.lane.identity.investor, body, is_cancel=is_cancel)


def _keep_in_order(order: OpenCall, ahead: list[OpenCall]) -> None:
    """An order that comes while one of its terminal waits here waits for that one, too."""
    link = order.link
    if order in link.asking:  # it asks anew, and those behind it stay there
        return
    link.asking = [one for one in link.asking if one.result_due and one.follows]
    ahead += link.asking[:1]
    if ahead:
        link.asking.append(order)
