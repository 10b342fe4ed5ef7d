"""What the router wants done that it cannot do itself: it comes out of `OrderRouter.take`, in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.orders.calls import OpenCall
from relay.counter.port import CallOutcome
from relay.refusals.refusal import Refusal


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of a call when it left the relay, or why it did not; given once for every `OpenCall`.

    Of what the relay asks by itself it is the answer: `return_code` is its ErrorID.
    """

    call: OpenCall
    result: CallOutcome | Refusal


@dataclass(frozen=True, slots=True)
class AskFirm:
    """Ask the firm's other relay processes, then say `firm_answered`; nothing else of this link is asked meanwhile."""

    call: OpenCall
    content: bytes
    """what the call's client_order_key would stand for; empty where it claims none"""
    name: OrderName | None
    """the order of another process that the call names"""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The counter accepted a new password of the session's user."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaneIsDead:
    """The API takes no query any more; said once, until one goes through again."""


@dataclass(frozen=True, slots=True)
class RenewSession:
    """The counter session must be renewed: no query goes through, and the moment is good."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A line for the log."""

    event: str
    facts: dict[str, object]


Output = CallResult | AskFirm | NewPassword | LaneIsDead | RenewSession | Warned
