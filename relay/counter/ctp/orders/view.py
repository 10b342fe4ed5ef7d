"""What a terminal sees of a callback: its own references, no operator's name, and no row of somebody else."""

from __future__ import annotations

from typing import Final

from ctpabi.catalog import Callback, Catalog
from ctpabi.codec.cells import present_text_cells
from ctpabi.codec.messages import Messages
from ctpabi.codec.text import encode
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.lanes import Lanes, ReadEvent
from relay.counter.ctp.queries.query_cache import Row
from relay.counter.port import CounterEvent, TerminalLogin

_OPERATOR_FIELDS: Final = ("UserID", "ActiveUserID", "OperatorID")
_NO_ONE: Final = Identity("", "")


class OperatorMask:
    """Shows terminals their own investor where an order or answer has the operator's UserID (CTP fact 29).

    So a terminal cannot tell the modes apart by it, and the operator's name at the counter stays the firm's own. An
    empty id masks nothing.
    """

    def __init__(self, catalog: Catalog, operator_id: str) -> None:
        operator = encode(operator_id)
        self._cells = {
            callback.name: [
                (cell, (operator + b"\0")[: cell.stop - cell.start])
                for cell in present_text_cells(catalog.structs[callback.struct], *_OPERATOR_FIELDS)
                if len(operator) <= cell.stop - cell.start
            ]
            for callback in catalog.callbacks.values()
            if operator_id and callback.struct
        }
        """where the name may stand, and how it is written there: with its NUL, where that fits"""

    def may_hide(self, callback: Callback) -> bool:
        """Whether investors may see different things of this callback."""
        return bool(self._cells.get(callback.name))

    def show(self, callback: Callback, body: bytes, investor: bytes) -> bytes:
        """The struct as this investor may see it; the same object where nothing is to be replaced."""
        shown: bytearray | None = None
        for cell, written in self._cells.get(callback.name, ()):
            if body[cell.start] == written[0] and body.startswith(written, cell.start):
                shown = bytearray(body) if shown is None else shown
                cell.write(shown, investor)
        return body if shown is None else bytes(shown)


class EventView:
    """Callbacks of one counter session, encoded for terminals."""

    def __init__(self, messages: Messages, ownership: OwnershipTable, lanes: Lanes, operator_id: str) -> None:
        """`operator_id` is empty where the session is an investor's own."""
        catalog = messages.catalog
        self._ownership = ownership
        self._lanes = lanes
        self._messages = messages
        self._mask = OperatorMask(catalog, operator_id)
        self._no_answer = catalog.callbacks["OnRspError"]

    def notice(self, notice: Notice, read: ReadEvent, investor: bytes) -> CounterEvent:
        """A notice as all terminals of this investor see it."""
        callback = notice.callback
        shown = self._mask.show(callback, self._lanes.show(read), investor)
        wire = self._messages.event_bytes(callback, shown, error_id=notice.error_id, error_msg=notice.error_msg)
        return CounterEvent(callback.name, wire, error_id=notice.error_id)

    def is_same_for_all(self, notice: Notice) -> bool:
        """Whether all investors see the same of it."""
        return not self._mask.may_hide(notice.callback)

    def is_own(self, row: Row, identity: Identity) -> bool:
        """Whether a row of an answer is this terminal's, or names nobody."""
        return row.body is None or self._ownership.belongs(row.callback, row.body, identity)

    def answer(self, row: Row, request_id: int, identity: Identity, rsp: tuple[int, bytes]) -> CounterEvent:
        """One callback of an answer to the terminal's `request_id`; `rsp` is ErrorID and text in GB18030."""
        callback, shown = row.callback, row.body
        if shown is not None:
            read = self._lanes.read(callback, shown)
            if self._lanes.shown is not None and not rsp[0]:
                self._lanes.shown.learn(callback, shown, read.keys, identity.investor, ours=read.order is not None)
            shown = self._mask.show(callback, self._lanes.show(read), identity.investor)
        wire = self._messages.event_bytes(
            callback, shown, error_id=rsp[0], error_msg=rsp[1], request_id=request_id, is_last=row.is_last
        )
        return CounterEvent(callback.name, wire, request_id, rsp[0], row.is_last)

    def lost(self, request_id: int, why: str) -> CounterEvent:
        """The answer that the relay gives where the counter's will never come."""
        told = NEVER_ANSWERED, why.encode("gb18030")
        return self.answer(Row(self._no_answer, None, is_last=True), request_id, _NO_ONE, told)


def identity_of(login: TerminalLogin, operator_id: str = "") -> Identity:
    """Who an admitted terminal acts as; with an operator, in a session that is not the investor's own."""
    report = login.report
    return Identity(
        broker_id=report.investor.broker_id,
        investor_id=report.investor.investor_id,
        operator_id=operator_id,
        accounts=login.accounts,
        public_ip=report.public_ip,
        mac_address=report.mac_address,
        app_id=report.app_id,
    )
