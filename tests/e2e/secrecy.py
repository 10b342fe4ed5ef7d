"""Which secrets these tests use, and whether a relay left one of them anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from simcounter import demo_accounts
from tests.e2e.relay_process import RelayProcess, found_in
from tests.e2e.site import AUTH_CODE, BYSTANDER, DISABLED_INVESTOR, INVESTORS

WRONG_AUTH_CODE = "WRONG00000000001"
WRONG_PASSWORD = "guessed-in-vain"
NEW_PASSWORD = "changed-001"
_USERS = [*INVESTORS, BYSTANDER, DISABLED_INVESTOR, demo_accounts.OPERATOR_ID]

KNOWN = tuple(
    secret.encode()
    for secret in (
        AUTH_CODE,
        WRONG_AUTH_CODE,
        WRONG_PASSWORD,
        NEW_PASSWORD,
        *demo_accounts.AUTH_CODES.values(),
        *map(demo_accounts.password_of, _USERS),
    )
)
"""every password and auth code any test here sends"""


def spelled(token: bytes) -> list[bytes]:
    """A binary secret as it is, and as a program would print it."""
    return [token, token.hex().encode(), base64.b64encode(token), base64.urlsafe_b64encode(token), repr(token).encode()]


def leaks(relay: RelayProcess, further: Iterable[bytes] = ()) -> list[tuple[str, bytes]]:
    """(file, secret) for every secret in the relay's output or in its state directory."""
    secrets = [*KNOWN, *further]
    output = relay.output_file.read_bytes()
    return [("output", secret) for secret in secrets if secret in output] + found_in(relay.state_dir, secrets)
