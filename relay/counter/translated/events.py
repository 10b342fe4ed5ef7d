"""Callbacks of CTP, made of plain values by the catalog: what an adapter's terminals hear.

A text that is longer than its field, as another system may send it, is cut at a character. What the struct has no field
for is left out. An error of a counter whose numbers are not CTP's has NATIVE_ERROR_ID, and its own code beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ctpabi.catalog import Catalog, Kind, Struct
from ctpabi.codec import layout, text
from ctpabi.codec.messages import Messages
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.port import CounterEvent, NativeError
from relay.counter.translated.values import Values

NATIVE_ERROR_ID = 99_999
"""CTP has no such ErrorID"""


class EventMaker:
    """For one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._messages = Messages(catalog)

    def notice(self, callback: str, values: Values, error: NativeError | None = None) -> CounterEvent:
        """OnRtn…, or OnErrRtn… with an error."""
        return self._event(callback, values, 0, error, is_last=True)

    def answer(
        self,
        callback: str,
        values: Values | None,
        request_id: int,
        *,
        error: NativeError | None = None,
        is_last: bool = True,
    ) -> CounterEvent:
        """One OnRsp… for the terminal's own request; None is the NULL of an empty answer."""
        return self._event(callback, values, request_id, error, is_last=is_last)

    def rows(self, method: str, rows: list[Values], request_id: int) -> Iterator[CounterEvent]:
        """A query's whole answer, made as it is taken."""
        callback = f"OnRsp{method[3:]}"
        if not rows:
            return iter((self.answer(callback, None, request_id),))
        last = len(rows) - 1
        return (self.answer(callback, row, request_id, is_last=place == last) for place, row in enumerate(rows))

    def never_answered(self, request_id: int, why: str) -> CounterEvent:
        """The answer that the relay gives where the counter's will never come."""
        wire = self._messages.event_bytes(
            self._catalog.callbacks["OnRspError"],
            None,
            error_id=NEVER_ANSWERED,
            error_msg=text.encode(why),
            request_id=request_id,
        )
        return CounterEvent("OnRspError", wire, request_id, NEVER_ANSWERED)

    def _event(
        self, name: str, values: Values | None, request_id: int, error: NativeError | None, *, is_last: bool
    ) -> CounterEvent:
        callback = self._catalog.callbacks[name]
        body = None if values is None else _packed(self._catalog.structs[callback.struct], values)
        error_id = 0 if error is None else NATIVE_ERROR_ID
        wire = self._messages.event_bytes(
            callback, body, error_id=error_id, error_msg=_words(error), request_id=request_id, is_last=is_last
        )
        return CounterEvent(name, wire, request_id, error_id, is_last, error)


def _words(error: NativeError | None) -> bytes:
    """[E2000000] and the counter's text, in GB18030; what that cannot write becomes a question mark."""
    return b"" if error is None else f"[{error.code}] {error.text}".encode("gb18030", "replace")[:240]


def _packed(struct: Struct, values: Values) -> bytes:
    known = {field.name: field for field in struct.fields}
    fitting: Values = {}
    for name, value in values.items():
        field = known.get(name)
        if field is not None:
            fitting[name] = _cut(value, field.size - 1) if field.kind is Kind.TEXT else value
    return layout.pack(struct, fitting)


def _cut(value: str, most: int) -> str:
    """What the field can hold of it: no NUL, which would end it, and nothing that GB18030 cannot write."""
    if value.isascii() and len(value) <= most and "\0" not in value:
        return value
    return value.replace("\0", " ").encode("gb18030", "replace")[:most].decode("gb18030", "ignore")
