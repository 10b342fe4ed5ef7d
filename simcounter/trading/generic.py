"""Requests that have no rules of their own: exercise orders, quotes, parked orders, combinations, offset settings …

What CTP documents for each follows from the callbacks that exist: a refusal goes to OnRsp… and
OnErrRtn…; success to OnRtn… where there is one, to nothing at all where only OnErrRtn… exists, else to OnRsp….
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from simcounter.accounts import Accounts
from simcounter.errors_text import ErrorId
from simcounter.events import Effect, TopicNotice
from simcounter.records import Records
from simcounter.session import Clock, Session, Values
from simcounter.trading.rules import identity_error

_UNSUPPORTED = {"ReqBatchOrderAction": ErrorId.UNSUPPORTED_BATCH_ACTION}
_STATUS_FIELDS = {"OrderSubmitStatus": "3", "ExecResult": "n", "QuoteStatus": "3", "ActionStatus": "2", "Status": "1"}
"""accepted, not yet executed, queueing, accepted, not sent"""


class GenericDesk:
    """Plays them all, and remembers what it accepted for the queries."""

    def __init__(self, accounts: Accounts, records: Records, clock: Clock, trading_day: Callable[[], str]) -> None:
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._trading_day = trading_day
        self.start_day()

    def start_day(self) -> None:
        self._number = 0
        self.accepted: defaultdict[str, list[tuple[str, bytes]]] = defaultdict(list)
        """struct name -> (InvestorID, struct bytes)"""

    def clear_flow(self, session_id: int, front_id: int) -> list[Effect]:
        """All accepted requests again with references assigned anew, as after a restart that clears the flow."""
        effects: list[Effect] = []
        for struct, entries in self.accepted.items():
            callback = next(
                (
                    c.name
                    for c in self._records.catalog.callbacks.values()
                    if c.struct == struct and c.name.startswith("OnRtn")
                ),
                "",
            )
            for number, (investor_id, body) in enumerate(entries):
                values = self._records.unpack(struct, body)
                references = {name: str(number + 1) for name in values if name.endswith("Ref")}
                renamed = {**values, "FrontID": front_id, "SessionID": session_id, "RequestID": 0, **references}
                entries[number] = (investor_id, self._records.echo(struct, renamed))
                if callback:
                    effects.append(
                        TopicNotice(investor_id, callback, entries[number][1], user_id=values.get("UserID", ""))
                    )
        return effects

    def request(self, session: Session, method: str, values: Values, request_id: int) -> list[Effect]:
        """Any request that is neither a query nor handled elsewhere."""
        if "InvestorID" in values:
            error_id = identity_error(self._accounts, session, values)
            if error_id or method in _UNSUPPORTED:
                return self._records.refusal(
                    session, method, values, request_id, error_id or _UNSUPPORTED[method],
                    investor_id="" if error_id else values["InvestorID"],
                )  # fmt: skip
        notice = self._notice_of(method)
        if notice:
            return [self._announce(session, notice, values)]
        if f"OnErrRtn{method[3:]}" in self._records.catalog.callbacks:
            return []
        callback = self._records.callback_of(method)
        answer = self._filled(session, self._records.catalog.callbacks[callback].struct, values)
        return [self._records.answer(session, callback, answer, request_id)]

    def _notice_of(self, method: str) -> str:
        stem = method[3:].removesuffix("Insert").removesuffix("Action").removeprefix("Cancel")
        # ReqCombActionInsert and ReqOptionSelfCloseInsert end in what elsewhere is a suffix
        names = (f"OnRtn{method[3:].removesuffix('Insert').removeprefix('Cancel')}", f"OnRtn{stem}")
        return next((name for name in names if name in self._records.catalog.callbacks), "")

    def _announce(self, session: Session, callback: str, values: Values) -> Effect:
        struct = self._records.catalog.callbacks[callback].struct
        user_id = session.user.user_id if session.user is not None else ""
        filled = self._filled(session, struct, values)
        notice = self._records.notice(values["InvestorID"], callback, filled, user_id=user_id)
        self.accepted[struct].append((values["InvestorID"], notice.body))
        return notice

    def _filled(self, session: Session, struct: str, values: Values) -> Values:
        """`values` with what the counter adds to them, as far as the struct has fields for it."""
        self._number += 1
        now = self._clock()
        added: Values = {
            "FrontID": session.front_id,
            "SessionID": session.session_id,
            "TradingDay": self._trading_day(),
            "InsertDate": now.strftime("%Y%m%d"),
            "InsertTime": now.strftime("%H:%M:%S"),
            "SequenceNo": self._number,
            "StatusMsg": "已接受",
            **_STATUS_FIELDS,
        }
        for field in self._records.struct(struct).fields:
            if field.name.endswith(("SysID", "LocalID", "ParkedOrderID", "ParkedOrderActionID")):
                added[field.name] = f"{self._number:>{field.size - 1}}"
        kept = {name: value for name, value in values.items() if value not in {"", 0}}
        return self._records.common(struct, {**values, **added, **kept})
