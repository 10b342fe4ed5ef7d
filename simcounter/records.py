"""Struct bytes by name: what to pack for which callback, and which fields two structs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctpabi.catalog import Catalog, Kind, Struct
from ctpabi.codec import layout
from simcounter.events import Answer, Effect, RspInfo, TopicNotice
from simcounter.session import Session, Values

_ALIGNMENT = 8
"""no padding is longer"""
_IRREGULAR = {
    "ReqUserLoginWithCaptcha": "OnRspUserLogin",
    "ReqUserLoginWithText": "OnRspUserLogin",
    "ReqUserLoginWithOTP": "OnRspUserLogin",
}
_IRREGULAR_ERRORS = {
    "ReqFromBankToFutureByFuture": "OnErrRtnBankToFutureByFuture",
    "ReqFromFutureToBankByFuture": "OnErrRtnFutureToBankByFuture",
    "ReqQueryBankAccountMoneyByFuture": "OnErrRtnQueryBankBalanceByFuture",
}


@dataclass(frozen=True, slots=True)
class Transplant:
    """How the fields two structs share move from one's bytes to the other's: as few slices as possible."""

    slices: tuple[tuple[int, int, int], ...]
    """(offset in the source, offset in the target, bytes)"""

    @classmethod
    def between(cls, source: Struct, target: Struct) -> Transplant:
        slices: list[tuple[int, int, int]] = []
        for field in source.fields:
            if field.name.startswith("reserve") or not target.has(field.name):
                continue
            there = target.field(field.name)
            if there.size != field.size:
                continue
            if slices and _continues(slices[-1], field.offset, there.offset):
                start, target_start, _ = slices[-1]
                slices[-1] = (start, target_start, field.offset + field.size - start)
            else:
                slices.append((field.offset, there.offset, field.size))
        return cls(tuple(slices))

    def into(self, target: bytearray, source: bytes | bytearray) -> None:
        for start, target_start, size in self.slices:
            target[target_start : target_start + size] = source[start : start + size]


def _continues(last: tuple[int, int, int], start: int, target_start: int) -> bool:
    """Whether a field follows the last slice in both structs, with at most the same padding between."""
    gap = start - (last[0] + last[2])
    return gap == target_start - (last[1] + last[2]) and 0 <= gap < _ALIGNMENT


class Records:
    """The catalog, as the counter uses it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._fields = {
            name: {field.name for field in struct.fields if not field.name.startswith("reserve")}
            for name, struct in catalog.structs.items()
        }

    def struct(self, name: str) -> Struct:
        return self.catalog.structs[name]

    def unpack(self, struct: str, body: bytes) -> Values:
        return layout.unpack(self.struct(struct), body)

    def pack(self, struct: str, values: Mapping[str, Any]) -> bytes:
        return layout.pack(self.struct(struct), values)

    def without(self, method: str, body: bytes, names: Sequence[str]) -> bytes:
        """A request's body with the text fields `names` left empty, as far as it has them."""
        struct, emptied = self.struct(self.catalog.methods[method].struct), bytearray(body)
        for field in struct.fields:
            if field.name in names:
                emptied[field.offset : field.offset + field.size] = bytes(field.size)
        return bytes(emptied)

    def pack_plain(self, struct: str, values: Mapping[str, Any]) -> bytes:
        """`pack` for values that came as JSON: binary fields are hexadecimal text. Raises ValueError."""
        binary = {field.name for field in self.struct(struct).fields if field.kind is Kind.BYTES}
        return self.pack(struct, {name: bytes.fromhex(v) if name in binary else v for name, v in values.items()})

    def common(self, struct: str, values: Mapping[str, Any]) -> Values:
        """The part of `values` that `struct` has fields for."""
        names = self._fields[struct]
        return {name: value for name, value in values.items() if name in names}

    def echo(self, struct: str, values: Mapping[str, Any]) -> bytes:
        """The struct with what it has of `values`; a client's text that does not fit back is left out.

        Bytes that are no GB18030 become longer when they are read and written again.
        """
        known = self.common(struct, values)
        try:
            return self.pack(struct, known)
        except layout.LayoutError:
            return self.pack(struct, {name: value for name, value in known.items() if self._fits(struct, name, value)})

    def _fits(self, struct: str, name: str, value: object) -> bool:
        try:
            self.pack(struct, {name: value})
        except layout.LayoutError:
            return False
        return True

    def has_field(self, struct: str, name: str) -> bool:
        return name in self._fields[struct]

    def callback_of(self, method: str) -> str:
        """The OnRsp… that answers `method`; OnRspError when CTP has none for it."""
        name = _IRREGULAR.get(method, f"OnRsp{method[3:]}")
        return name if name in self.catalog.callbacks else "OnRspError"

    def answer(
        self, session: Session, callback: str, values: Mapping[str, Any], request_id: int, error_id: int = 0
    ) -> Answer:
        """An OnRsp… with what its struct has of `values`, and a RspInfo (0 is CTP's "correct")."""
        struct = self.catalog.callbacks[callback].struct
        body = self.echo(struct, values) if struct else None
        return Answer(session.session_id, callback, body, request_id, RspInfo.of(error_id))

    def rows(self, session: Session, callback: str, rows: Sequence[Values | bytes], request_id: int) -> list[Effect]:
        """The answer to a query: one callback a row, or one with a NULL struct; never a RspInfo."""
        if not rows:
            return [Answer(session.session_id, callback, None, request_id)]
        struct = self.catalog.callbacks[callback].struct
        last = len(rows) - 1
        bodies = (row if isinstance(row, bytes) else self.echo(struct, row) for row in rows)
        return [
            Answer(session.session_id, callback, body, request_id, is_last=number == last)
            for number, body in enumerate(bodies)
        ]

    def notice(
        self, investor_id: str, callback: str, values: Mapping[str, Any], *, user_id: str = "", error_id: int = 0
    ) -> TopicNotice:
        """An OnRtn…, or with `error_id` an OnErrRtn…."""
        struct = self.catalog.callbacks[callback].struct
        body = self.echo(struct, values)
        return TopicNotice(investor_id, callback, body, RspInfo.of(error_id) if error_id else None, user_id)

    def refusal(
        self, session: Session, method: str, values: Values, request_id: int, error_id: int, *, investor_id: str = ""
    ) -> list[Effect]:
        """What CTP says to a request it refuses: OnRsp… to the session and, where CTP has one, OnErrRtn… to the user.

        `investor_id` is set where the user may act for that investor, who then hears of it too. Without a
        UserID in the request no session gets the OnErrRtn…, as at CTP.
        """
        effects: list[Effect] = [self.answer(session, self.callback_of(method), values, request_id, error_id)]
        notice = _IRREGULAR_ERRORS.get(method, f"OnErrRtn{method[3:]}")
        user_id = session.user.user_id if session.user is not None else ""
        if notice in self.catalog.callbacks and values.get("UserID") and user_id:
            effects.append(self.notice(investor_id, notice, values, user_id=user_id, error_id=error_id))
        return effects
