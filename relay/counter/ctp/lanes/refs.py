"""The references CTP numbers requests with, and where they lie in each struct.

A reference is unique within one counter session (FrontID, SessionID) and must increase there (CTP facts 46 and 47). The text ones are
char[13] decimal digits; the others are ints. Two requests carry none: an offset setting and a bank transfer are
recognized by the struct's own RequestID, which is treated as their reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from ctpabi.catalog import Struct
from ctpabi.codec.cells import INT_MAX, IntCell, TextCell, int_cell, present_text_cells, text_cell

DIGITS_MAX: Final = 12


class RefSpace(StrEnum):
    """One kind of reference; the value is the field's name in CTP."""

    ORDER = "OrderRef"
    QUOTE = "QuoteRef"
    EXEC_ORDER = "ExecOrderRef"
    FOR_QUOTE = "ForQuoteRef"
    OPTION_SELF_CLOSE = "OptionSelfCloseRef"
    COMB_ACTION = "CombActionRef"
    OFFSET_SETTING = "OffsetSetting.RequestID"
    TRANSFER = "Transfer.RequestID"
    ORDER_ACTION = "OrderActionRef"
    QUOTE_ACTION = "QuoteActionRef"
    EXEC_ORDER_ACTION = "ExecOrderActionRef"
    OPTION_SELF_CLOSE_ACTION = "OptionSelfCloseActionRef"

    # Every order hashes its space a dozen times; Enum's own hash is a Python function and slower by far.
    __hash__ = str.__hash__


_MAIN: Final = {
    RefSpace.ORDER: ("OrderSysID", "OrderLocalID"),
    RefSpace.QUOTE: ("QuoteSysID", "QuoteLocalID"),
    RefSpace.EXEC_ORDER: ("ExecOrderSysID", "ExecOrderLocalID"),
    RefSpace.FOR_QUOTE: ("", "ForQuoteLocalID"),
    RefSpace.OPTION_SELF_CLOSE: ("OptionSelfCloseSysID", "OptionSelfCloseLocalID"),
    RefSpace.COMB_ACTION: ("", "ActionLocalID"),
}
"""with the exchange's number of what it names, and the number on the way there"""
_ACTION: Final = (
    RefSpace.ORDER_ACTION,
    RefSpace.QUOTE_ACTION,
    RefSpace.EXEC_ORDER_ACTION,
    RefSpace.OPTION_SELF_CLOSE_ACTION,
)
_OFFSETS: Final = ("InputOffsetSetting", "OffsetSetting", "CancelOffsetSetting")
_TRANSFERS: Final = ("ReqTransfer", "RspTransfer", "ReqRepeal", "RspRepeal", "ReqQueryAccount", "NotifyQueryAccount")
_BY_REQUEST_ID: Final = dict.fromkeys(_OFFSETS, RefSpace.OFFSET_SETTING) | dict.fromkeys(_TRANSFERS, RefSpace.TRANSFER)
INT_SPACES: Final = frozenset({RefSpace.OFFSET_SETTING, RefSpace.TRANSFER, *_ACTION})


def greatest_ref(space: RefSpace) -> int:
    """What the space's field holds: 31 bits, or twelve decimal digits."""
    return INT_MAX if space in INT_SPACES else 10**DIGITS_MAX - 1


@lru_cache(maxsize=4096)  # the states of an order have one reference
def parse_ref(text: bytes) -> int | None:
    """The number a reference stands for, 0 where it is empty, spaces around it aside.

    None where it is no reference: not decimal digits, or too many.
    """
    digits = text.strip(b" ")
    if not digits:
        return 0
    if len(digits) > DIGITS_MAX or not digits.isdigit():
        return None
    return int(digits)


@dataclass(frozen=True, slots=True)
class RefPlaces:
    """Where one struct keeps its references and the session they count in."""

    size: int
    space: RefSpace | None
    ref: TextCell | IntCell | None
    action_space: RefSpace | None
    action_ref: IntCell | None
    derived: tuple[TextCell, ...]
    """AskOrderRef and BidOrderRef: the references of the two orders a quote becomes"""
    front: IntCell | None
    session: IntCell | None
    request_id: IntCell | None
    investor: TextCell | None
    broker: TextCell | None
    origin: tuple[TextCell, ...]
    """IPAddress and MacAddress: where a request came from, not what it asks"""
    exchange: TextCell | None
    system_id: TextCell | None
    number_name: str
    """the name of `system_id`"""
    trader: TextCell | None
    local_id: TextCell | None
    """the number an order has on its way to the exchange, unique for each TraderID"""
    action_flag: TextCell | None
    """whether an action cancels or changes"""
    keyed: bool
    """whether the struct itself says which counter session its reference counts in"""


def ref_places(struct: Struct) -> RefPlaces | None:
    """Where `struct` keeps references; None where it has none and passes unchanged."""
    space = _BY_REQUEST_ID.get(struct.name) or next((s for s in _MAIN if struct.has(s.value)), None)
    action = next((s for s in _ACTION if struct.has(s.value)), None)
    if space is None and action is None:
        return None
    by_request_id = struct.name in _BY_REQUEST_ID
    system_id, local_id = _MAIN.get(space, ("", "")) if space else ("", "")
    front, session = int_cell(struct, "FrontID"), int_cell(struct, "SessionID")
    main = int_cell(struct, "RequestID") if by_request_id else text_cell(struct, space.value) if space else None
    return RefPlaces(
        size=struct.size,
        space=space,
        ref=main,
        action_space=action,
        action_ref=int_cell(struct, action.value) if action else None,
        derived=present_text_cells(struct, "AskOrderRef", "BidOrderRef"),
        front=front,
        session=session,
        request_id=None if by_request_id else int_cell(struct, "RequestID"),
        investor=text_cell(struct, "InvestorID"),
        broker=text_cell(struct, "BrokerID"),
        origin=present_text_cells(struct, "IPAddress", "MacAddress"),
        exchange=text_cell(struct, "ExchangeID"),
        system_id=text_cell(struct, system_id),
        number_name=system_id,
        trader=text_cell(struct, "TraderID"),
        local_id=text_cell(struct, local_id),
        action_flag=text_cell(struct, "ActionFlag"),
        keyed=front is not None and session is not None,
    )


def write_ref(cell: TextCell | IntCell | None, body: bytearray, number: int) -> None:
    """Put a number there, a text field's as text; nothing where the struct has no such field."""
    if isinstance(cell, IntCell):
        cell.write(body, number)
    elif cell is not None:
        cell.write(body, str(number).encode("ascii"))


def read_ref(cell: TextCell | IntCell, body: bytes | bytearray) -> int | None:
    """The reference in `cell` as a number; 0 where it is empty, None where it is none."""
    return cell.read(body) if isinstance(cell, IntCell) else parse_ref(cell.read(body))


class RefCounter:
    """The increasing references of one counter session, or of one lane, in every space."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[RefSpace, int] = {}

    def last(self, space: RefSpace) -> int:
        return self._last.get(space, 0)

    def next(self, space: RefSpace) -> int | None:
        """A reference greater than any before; None where the space has no greater one any more."""
        number = self._last.get(space, 0) + 1
        if number > greatest_ref(space):
            return None
        self._last[space] = number
        return number

    def used(self, space: RefSpace, number: int) -> None:
        """`number` is taken; what comes after is greater."""
        if number > self._last.get(space, 0):
            self._last[space] = number

    def mark(self) -> dict[RefSpace, int]:
        """Where the counting stands now, for `back_to`."""
        return dict(self._last)

    def back_to(self, mark: dict[RefSpace, int]) -> None:
        """What was numbered since was refused before it was sent."""
        self._last = dict(mark)

    def release(self, space: RefSpace, number: int) -> None:
        """`number` was never sent; it may be used again where nothing came after it."""
        if self._last.get(space, 0) == number:
            self._last[space] = number - 1
