"""Why an action was not done, as a sentence on its form, in the person's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.admin.accounts import LastAdmin
from relay.admin.roles import ReasonMissing
from relay.admin_client import AskFailed, AskTrouble
from relay.directory.secrets_box import SecretUnreadable
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.secret_files import SecretFileRefused

if TYPE_CHECKING:
    from relay.console.visit import Visit

EXPECTED: Final = (
    AskFailed,
    EntryExists,
    EntryUnknown,
    LastAdmin,
    LedgerUnavailable,
    SecretFileRefused,
    SecretUnreadable,
    ValueError,
)
"""what an action may raise; anything else is a fault of the console"""

_BY_TROUBLE: Final = {
    AskTrouble.AWAY: "trouble.relay_away",
    AskTrouble.NOT_FOUND: "trouble.not_there",
    AskTrouble.NO_LEDGER: "trouble.no_ledger",
    AskTrouble.NOT_HERE: "trouble.not_here",
    AskTrouble.REFUSED: "trouble.refused",
}
_BY_ERROR: Final = (
    (EntryExists, "trouble.exists"),
    (EntryUnknown, "trouble.unknown"),
    (LastAdmin, "trouble.last_admin"),
    (LedgerUnavailable, "trouble.no_ledger"),
    (SecretFileRefused, "trouble.key"),
    (SecretUnreadable, "trouble.key"),
    (ReasonMissing, "form.reason_missing"),
)


def sentence_for(visit: Visit, error: Exception) -> str:
    """What was not done, and why; with the error's own words where they help."""
    if isinstance(error, AskFailed):
        return visit.say(_BY_TROUBLE.get(error.trouble, "trouble.relay"), why=_half(visit, error.text))
    key = next((key for kind, key in _BY_ERROR if isinstance(error, kind)), "trouble.value")
    return visit.say(key, why=_half(visit, str(error)))


def _half(visit: Visit, text: str) -> str:
    """Of a text in both languages, `中文 / English`, the one that is read."""
    chinese, slash, english = text.partition(" / ")
    if not slash or chinese.isascii():
        return text
    return chinese if visit.language == "zh" else english
