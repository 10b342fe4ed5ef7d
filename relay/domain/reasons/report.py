"""What the return codes of the vendor's Register and Submit calls tell the terminal."""

from __future__ import annotations

from ctpabi.facts.return_codes import NOT_PERMITTED, report_code
from ctpabi.facts.words import Concern
from relay.refusals.refusal import Refusal, Source


def is_well_formed(return_code: int) -> bool:
    """Whether an API without a connection found all right but the permission: it checks that last (CTP fact 37)."""
    return return_code in NOT_PERMITTED


def report_refused(return_code: int) -> Refusal:
    """The refusal for a non-zero return code; the terminal's login ends with it."""
    known = report_code(return_code)
    source = Source.COLLECTOR if known.concern is Concern.TERMINAL else Source.COUNTER
    return Refusal(source, known.reason, str(known.words), str(known.advice), code=return_code)
