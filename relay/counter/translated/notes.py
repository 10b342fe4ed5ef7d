"""What the audited stream of orders is given: who sent which order from which terminal, and what the counter said."""

from __future__ import annotations

from functools import partial

from relay.counter.port import NativeError, OrderNote, OrderTrail
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.values import KnownOrder, SentName, Values

_ORDERED = (
    "ExchangeID", "InstrumentID", "Direction", "CombOffsetFlag", "LimitPrice", "VolumeTotalOriginal", "OrderPriceType",
)  # fmt: skip


class NativeOrderNotes:
    """Of one process; the notes are made on the stream's own thread."""

    def __init__(self, trail: OrderTrail | None) -> None:
        self._trail = trail

    def sent(self, link: TranslatedLink, name: SentName, values: Values, day: str, order_key: str) -> None:
        """An order was given to the counter."""
        if self._trail is not None:
            facts = self._facts(link, "ReqOrderInsert", values, name)
            facts |= {"client_order": order_key} if order_key else {}
            self._trail.put(partial(OrderNote, "order_insert", link.session, day, facts))

    def canceled(self, link: TranslatedLink, order: KnownOrder, values: Values, day: str) -> None:
        """A cancel was given to the counter."""
        if self._trail is not None:
            facts = self._facts(link, "ReqOrderAction", values, order.name)
            facts["at_counter"] = {"OrderSysID": order.state.native_id}
            self._trail.put(partial(OrderNote, "order_cancel", link.session, day, facts))

    def refused(self, link: TranslatedLink, call: str, order: KnownOrder, error: NativeError, day: str) -> None:
        """The counter refused an order or a cancel."""
        if self._trail is not None:
            facts: dict[str, object] = {
                **_who(link),
                "refused": call,
                "native": error.as_evidence(),
                "of_terminal": _of_terminal(order.name),
                "at_counter": _at_counter(order.name),
            }
            self._trail.put(partial(OrderNote, "order_refused", link.session, day, facts))

    def numbered(self, link: TranslatedLink, order: KnownOrder, day: str) -> None:
        """The counter's number of an order became known."""
        if self._trail is not None:
            facts: dict[str, object] = {
                **_who(link),
                "ExchangeID": order.state.exchange_id,
                "OrderSysID": order.state.native_id,
                "of_terminal": _of_terminal(order.name),
                "at_counter": _at_counter(order.name),
            }
            self._trail.put(partial(OrderNote, "order_numbered", link.session, day, facts))

    @staticmethod
    def _facts(link: TranslatedLink, call: str, values: Values, name: SentName | None) -> dict[str, object]:
        return {
            **_who(link),
            "call": call,
            "return_code": 0,
            "order": {field: values[field] for field in _ORDERED if field in values},
            "of_terminal": _of_terminal(name),
            "at_counter": _at_counter(name),
        }


def _who(link: TranslatedLink) -> dict[str, object]:
    return {"terminal_app_id": link.identity.app_id, "investor_id": link.identity.investor_id}


def _of_terminal(name: SentName | None) -> dict[str, object]:
    return {} if name is None else {"FrontID": name.front, "SessionID": name.session, "OrderRef": name.ref}


def _at_counter(name: SentName | None) -> dict[str, object]:
    return {} if name is None else {"Ref": name.number}
