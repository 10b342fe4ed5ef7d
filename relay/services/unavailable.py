"""What is raised when a part that a login cannot do without is away; the login is refused, nothing is guessed."""

from __future__ import annotations

from relay.refusals import relay_reasons
from relay.refusals.refusal import Refused


class DirectoryUnavailable(Refused):
    """Terminals and investors cannot be looked up; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(relay_reasons.directory_unavailable(), why)


class VerifierUnavailable(Refused):
    """System info cannot be judged; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(relay_reasons.verifier_unavailable(), why)
