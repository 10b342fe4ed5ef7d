"""What a refusal means and what to do, from its stable word and number, in one language.

The tables that made the refusal say it: `relay.refusals` for the relay's own reasons, `ctpabi.facts` for the counter's
numbers and the collector's codes. So the console says what the terminal was answered, and more: the precise reason, too.
"""

from __future__ import annotations

from functools import cache

from ctpabi.facts.errors import error_of
from ctpabi.facts.return_codes import report_code
from ctpabi.facts.words import Words
from relay.console.words import Language
from relay.refusals.all_reasons import rows
from relay.refusals.general_titles import general_advice, general_title
from relay.refusals.reason import Text
from relay.refusals.refusal import Source


def refusal_title(source: str, reason: str, code: int, language: Language) -> str:
    """What happened, in general: without app id, time or number. Empty for a word that no table has."""
    return _choose(_texts(source, reason, code)[0], language)


def refusal_advice(source: str, reason: str, code: int, language: Language) -> str:
    """What to do. Empty for a word that no table has."""
    return _choose(_texts(source, reason, code)[1], language)


@cache
def _texts(source: str, reason: str, code: int) -> tuple[Text, Text]:
    if source == Source.COUNTER and (known := error_of(code)).words.chinese:
        return _pair(known.words), _pair(known.advice)
    if source == Source.COLLECTOR or (source == Source.COUNTER and reason == report_code(code).reason):
        row = report_code(code)
        return _pair(row.words), _pair(row.advice)
    for known_reason in rows():
        if known_reason.reason == reason:
            return general_title(known_reason), general_advice(known_reason)
    return ("", ""), ("", "")


def _pair(words: Words) -> Text:
    return words.chinese, words.english


def _choose(text: Text, language: Language) -> str:
    return text[0] if language is Language.ZH else text[1]
