"""What a function answers: tables, and the effects at the kernel that are carried out after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simcounter.events import Answer, Effect
from simcounter.ufx import codes
from simcounter.ufx.pack import PackTable, table_of
from simcounter.ufx.rows import UfxRow


@dataclass(frozen=True, slots=True)
class UfxAnswer:
    """PackTable 0 says what came of it, table 1 has the rows."""

    code: int = codes.OK
    text: str = ""
    rows: Sequence[UfxRow] = ()
    effects: list[Effect] = field(default_factory=list)

    def tables(self) -> list[PackTable]:
        head: UfxRow = {"ErrorCode": self.code, "ErrorMsg": self.text, "MsgDetail": "", "DataCount": len(self.rows)}
        return [table_of([head]), *([table_of(self.rows)] if self.rows else [])]


def refused(code: int, detail: str = "") -> UfxAnswer:
    """With one of this counter's own codes."""
    return UfxAnswer(code, codes.TEXTS[code] + (f": {detail}" if detail else ""))


def refusal_of(effects: list[Effect]) -> UfxAnswer | None:
    """The kernel's refusal with its ErrorID; None where it refused nothing. What concerns others is carried out still."""
    infos = [e.rsp_info for e in effects if isinstance(e, Answer) and e.rsp_info is not None and e.rsp_info.error_id]
    if not infos:
        return None
    rest: list[Effect] = [effect for effect in effects if not isinstance(effect, Answer)]
    return UfxAnswer(infos[0].error_id, infos[0].error_msg.removeprefix("CTP:"), effects=rest)
