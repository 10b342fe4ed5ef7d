"""What a bridge answered, looked at before anything is made of it; pure.

The library's list of what may be traded names an exchange (one character) and a board (two) for each security. Which exchange a
character stands for is not known of every counter, so the settings say it; what they do not say is registered as `unmapped`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ctprelay.bridge.v1 import bridge_pb2 as pb
from relay.counter.bridge.trouble import BridgeTrouble, TroubleKind
from relay.counter.description import COUNTER, SETTINGS, Board, Exchange
from relay.outside_text import shown
from relay.refusals.refusal import NativeError

UNMAPPED = "unmapped"
MOST_TRADABLES = 50_000
_LONGEST_TEXT = 512
_EXCHANGE = re.compile(r"[!-~]")
_BOARD = re.compile(r"[!-~]{1,2}")
_PARTS = ("plugin", "trading", "quotes", "strategies")
_NAMES = {
    "SSE": "上海证券交易所 Shanghai Stock Exchange",
    "SZSE": "深圳证券交易所 Shenzhen Stock Exchange",
    "BSE": "北京证券交易所 Beijing Stock Exchange",
    "NEEQ": "全国股转系统 National Equities Exchange and Quotations",
}


def mapping_of(pairs: Iterable[str]) -> dict[str, str]:
    """The counter's character -> our code, of the settings' `1=SSE`."""
    return dict(pair.split("=", 1) for pair in pairs)


def exchanges_of(rows: Iterable[pb.Tradable], known: Mapping[str, str]) -> tuple[Exchange, ...]:
    """Each exchange once, with its boards; raises BridgeTrouble where a row has codes that are none."""
    boards: dict[str, set[str]] = {}
    for number, row in enumerate(rows, 1):
        if number > MOST_TRADABLES:
            raise _unreadable(f"its list has more than {MOST_TRADABLES} rows")
        if not _EXCHANGE.fullmatch(row.exchange) or not _BOARD.fullmatch(row.board):
            raise _unreadable(f"row {number} of its list has no exchange of one character and board of two")
        boards.setdefault(row.exchange, set()).add(row.board)
    return tuple(_exchange(native, sorted(boards[native]), known) for native in sorted(boards))


def _exchange(native: str, boards: Iterable[str], known: Mapping[str, str]) -> Exchange:
    code = known.get(native, UNMAPPED)
    name = _NAMES.get(code, code if code != UNMAPPED else f"未对应的交易所 not mapped: {native}")
    source = SETTINGS if code != UNMAPPED else COUNTER
    return Exchange(code, name, tuple(Board(board) for board in boards), native_code=native, source=source)


def native_error(error: pb.PluginError) -> NativeError | None:
    """The library's error, made harmless; None where there is none."""
    if not error.code and not error.text:
        return None
    return NativeError(str(error.code), shown(error.text[:_LONGEST_TEXT]), error.part)


def require_success(error: pb.PluginError, step: str) -> None:
    """Raise BridgeTrouble where the library refused."""
    native = native_error(error)
    if native is not None:
        part = _PARTS[error.part] if 0 <= error.part < len(_PARTS) else f"part {error.part}"
        raise BridgeTrouble(TroubleKind.REFUSED, f"{step}: {part} {native.code}: {native.text}", native)


def require_protocol(reply: pb.OpenReply, protocol: int) -> None:
    """Raise BridgeTrouble where the bridge speaks another version, or named no session."""
    if reply.protocol != protocol:
        raise _unreadable(
            f"it speaks protocol {reply.protocol}, and the relay {protocol}: install the other one of both"
        )
    if not 0 < len(reply.session) <= _LONGEST_TEXT and not (reply.error.code or reply.error.text):
        raise _unreadable("it opened and named no session")


def _unreadable(why: str) -> BridgeTrouble:
    return BridgeTrouble(TroubleKind.UNREADABLE, why)
