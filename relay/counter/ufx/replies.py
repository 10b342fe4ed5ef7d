"""What an answer of UFX says. Pure.

Table 0 has ErrorCode, 0 where all is well, ErrorMsg and MsgDetail; table 1 the rows. An error of the first level is in the message
itself: then there is no content, or none that counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from relay.counter.port import NativeError
from relay.counter.translated.hiding import without_secrets
from relay.counter.ufx.t2.callbacks import T2Answer
from relay.counter.ufx.t2.packs import BadPack, read_pack

UfxRow = dict[str, str]
MESSAGE_LEVEL, FUNCTION_LEVEL = 1, 2
MAX_CAUSE = 200
"""characters of what the counter says of a refusal"""


class UnreadableReply(Exception):
    """The answer is not in UFX's form: whether it was carried out is not known."""


@dataclass(frozen=True, slots=True)
class UfxReply:
    """One answer; `error` is None where all is well."""

    error: NativeError | None
    rows: Sequence[UfxRow] = ()


def read_reply(answer: T2Answer, secrets: Collection[str] = ()) -> UfxReply:
    """`secrets` are those of the request: the counter's words go on without them. Raises UnreadableReply."""
    if answer.error_number or (answer.return_code and not answer.content):
        code = answer.error_number or answer.return_code
        return UfxReply(NativeError(str(code), without_secrets(answer.error_text, secrets, MAX_CAUSE), MESSAGE_LEVEL))
    try:
        tables = read_pack(answer.content)
    except BadPack as error:
        raise UnreadableReply(str(error)) from error
    head = tables[0][0] if tables and tables[0] else {}
    code_text = head.get("ErrorCode")
    if code_text is None:
        raise UnreadableReply("no ErrorCode")
    if code_text.strip() != "0":
        text = " ".join(filter(None, (head.get("ErrorMsg", "").strip(), head.get("MsgDetail", "").strip())))
        error_code = without_secrets(code_text.strip(), secrets, 20)
        return UfxReply(NativeError(error_code, without_secrets(text, secrets, MAX_CAUSE), FUNCTION_LEVEL))
    return UfxReply(None, tables[1] if len(tables) > 1 else ())
