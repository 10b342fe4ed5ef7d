"""Whether a terminal may send a request now, and in whose name: every request passes here, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ctpabi.catalog import Method
from ctpabi.codec import layout
from ctpabi.codec.messages import Messages, NotOffered
from ctpabi.native.events import NativeEvents
from relay.counter.ctp.identity.scope import authorize
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.port import ReadRequest, TerminalCall
from relay.refusals import call_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal

OWN_SECONDS: Final = 10.0
"""how long what the relay asks by itself may wait to be sent"""
_PASSWORD_UPDATE: Final = "ReqUserPasswordUpdate"  # noqa: S105 - a method's name
_LEGAL_WHILE_PASSWORD_DUE: Final = frozenset({_PASSWORD_UPDATE, "ReqTradingAccountPasswordUpdate"})


Decoded = tuple[Method, bytearray]
"""a request's method, and its struct's bytes as the terminal filled it"""


def read_call(message: bytes, native: NativeEvents) -> TerminalCall | None:
    """See `port.CounterLink.read_call`."""
    read = native.call(message)
    if read is None:
        return None
    request_id, milliseconds, key, fresh, place, body = read
    method = native.requests[place]
    return TerminalCall(ReadRequest(method.proto_name, (method, body)), request_id, milliseconds / 1000, key, fresh)


def decoded(call: TerminalCall, messages: Messages) -> Decoded | Refusal:
    """What a call's request stands for."""
    request = call.request
    if isinstance(request, ReadRequest):
        found: Decoded = request.content
        return found
    if request.WhichOneof("body") is None:
        return stream_reasons.request_malformed(why="the call carries no request this relay's CTP version knows")
    try:
        method, body = messages.request_body(request)
    except NotOffered as missing:
        row = call_reasons.field_not_offered_by_counter if missing.is_field else call_reasons.not_offered_by_counter
        return row(name=missing.name)
    except ValueError as error:
        return stream_reasons.request_malformed(why=str(error))
    return method, bytearray(body)


class CallChecks:
    """The checks of one counter session."""

    def __init__(self, tables: RouterTables, is_live: Callable[[], bool]) -> None:
        """`is_live` says whether the counter session is logged in at this moment."""
        self._messages = tables.messages
        self._structs = tables.catalog.structs
        self._scope = tables.scope
        self._is_live = is_live
        self.password_due = False
        """the login waits for another password: only its change may be sent"""

    def checked(self, link: RouterLink, call: TerminalCall, now: float) -> OpenCall | Refusal:
        """What a terminal asks, if it may be sent for it now."""
        known = decoded(call, self._messages)
        if isinstance(known, Refusal):
            return known
        method, body = known
        refusal = self.not_ready(link, method)
        made = refusal or self.make_call(link, method, body, call.request_id, call.valid_for, now)
        if isinstance(made, OpenCall):
            made.fresh, made.order_key = call.fresh, call.client_order_key
        return made

    def make_call(
        self, link: RouterLink, method: Method, body: bytearray, number: int, seconds: float, now: float
    ) -> OpenCall | Refusal:
        """The request with this terminal's identity in its `body`; it may wait for `seconds`."""
        rule = self._scope.rule(method)
        if isinstance(rule, Refusal):
            return rule
        is_question = rule.priority is Priority.QUERY or rule.priority is Priority.EXEMPT_QUERY
        if is_question and number in link.questions:
            return call_reasons.request_id_in_use(request_id=number)
        refusal = authorize(rule, link.lane.identity, body)
        if refusal is not None:
            return refusal
        call = OpenCall(link, rule.priority, now + seconds, link=link, method=method, body=body, number=number)
        call.is_question, call.is_public = is_question, rule.cacheable
        if number:
            call.limit = link.limits[rule.request_class]
        if method.name == _PASSWORD_UPDATE:
            call.new_password = str(layout.get(self._structs[method.struct], body, "NewPassword"))
        return call

    def make_question(self, link: RouterLink, method: Method, now: float) -> OpenCall | Refusal:
        """An otherwise empty request in this terminal's name, which the relay asks by itself."""
        return self.make_call(link, method, bytearray(self._structs[method.struct].size), 0, OWN_SECONDS, now)

    def not_ready(self, link: RouterLink, method: Method) -> Refusal | None:
        """Why nothing can be sent for this terminal now."""
        if not link.is_open:
            return stream_reasons.session_gone()
        if self.password_due and method.name in _LEGAL_WHILE_PASSWORD_DUE:
            return None
        return None if link.reported and self._is_live() else relay_reasons.counter_unavailable(why="not logged in")
