"""Login attempts per investor, app id and address: locks of our own, before CTP's lock everybody out."""

from __future__ import annotations

from typing import Any

from relay.errors import Refusal


class LoginGuard:
    def __init__(self, limits: Any, clock: Any) -> None: ...
    def check(self, applicant: Any) -> Refusal | None:
        return None

    def failed(self, applicant: Any, refusal: Refusal) -> None: ...
    def succeeded(self, applicant: Any) -> None: ...
