"""Refusals made of the counter's numbers; word, texts and advice are those of `ctpabi.facts`.

The counter's own text is kept, and what is known about the number is added to it.
"""

from __future__ import annotations

from dataclasses import replace

from ctpabi.facts.errors import WRONG_LOGINS, CtpError, LoginVerdict, error_of, verdict_of
from ctpabi.facts.return_codes import report_code
from ctpabi.facts.words import ASK_FIRM, Concern, Words
from relay.refusals import login_reasons, relay_reasons
from relay.refusals.refusal import NativeError, Refusal, Source

_RETRY_SECONDS = 60
_INVALID_LOGIN = 3
"""CTP's ErrorID of a wrong user or password"""


def counter_refused(error_id: int, text: str) -> Refusal:
    """The counter refused an authentication or a login, and the session ends; `text` is its own, decoded."""
    known = error_of(error_id)
    # A password that is due is changed in a session that goes on; where it ended, no change is possible any more.
    advice = ASK_FIRM if known.verdict is LoginVerdict.PASSWORD_DUE else known.advice
    words = Words(text or known.words.chinese or f"ErrorID {error_id}", known.words.english)
    return Refusal(Source.COUNTER, known.reason, str(words), str(advice), error_id, retry_seconds(known))


def retry_seconds(known: CtpError) -> int:
    """After how long the same login may be tried again; 0 where waiting alone does not help."""
    return _RETRY_SECONDS if known.verdict is LoginVerdict.RETRY else 0


def refused_in_own_words(error: NativeError, *, wrong_login: bool = False) -> Refusal:
    """A counter whose numbers are not CTP's refused a login; `wrong_login` makes it count as CTP's wrong user or password."""
    code = _INVALID_LOGIN if wrong_login else 0
    refusal = login_reasons.refused_by_counter(number=error.code, text=error.text)
    return replace(refusal, source=Source.COUNTER, code=code, native=error)


def report_refused(return_code: int) -> Refusal:
    """The vendor's Register or Submit call returned this code, which is not 0; the terminal's login ends with it."""
    known = report_code(return_code)
    source = Source.COLLECTOR if known.concern is Concern.TERMINAL else Source.COUNTER
    return Refusal(source, known.reason, str(known.words), str(known.advice), code=return_code)


def operator_refused(refusal: Refusal) -> Refusal:
    """What every terminal of many-to-one is told while the counter refuses the operator."""
    passes = verdict_of(refusal.code) in {LoginVerdict.RETRY, LoginVerdict.PASSING}
    reason = relay_reasons.operator_refused if passes else relay_reasons.operator_stopped
    return reason(number=refusal.code, text=refusal.message)


def is_wrong_login(refusal: Refusal) -> bool:
    """Whether the counter refused a user or a password, which a few times in a row lock the user there."""
    return refusal.source is Source.COUNTER and refusal.code in WRONG_LOGINS
