"""What a terminal says of itself, looked at before any of it is written anywhere.

These texts end up in the ledger, in log lines, in tables and at the counter, and nothing of them is proved yet. A text of
the wrong shape ends the stream; the refusal names the member and never repeats the value. Lengths that the counter's
structs ask for are the counter's to check.
"""

from __future__ import annotations

import re

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.collected import check_shape
from relay.directory.names import APP_ID, is_app_id
from relay.directory.password_keys import NONCE_BYTES, PROOF_BYTES
from relay.outside_text import is_plain
from relay.refusals import stream_reasons
from relay.refusals.refusal import Refusal

_VERSION_BYTES = {"client_version": 64, "collector_version": 128}
_MAC = re.compile(r"[0-9A-Za-z:.-]*")
_VISIBLE = "a character that is not printable"


def check_hello(hello: pb.Hello) -> Refusal | None:
    """Refuse an app id that no firm can register, and a version that is no plain text."""
    if not is_app_id(hello.app_id):
        return _malformed(f"app_id must have {APP_ID}")
    return _check_version("client_version", hello.client_version)


def check_login(login: pb.Login) -> Refusal | None:
    """Refuse a login whose texts cannot be shown as they are; passwords may be any, they are never shown."""
    for name in ("broker_id", "investor_id"):
        text: str = getattr(login, name)
        if not (text.isascii() and text.isprintable()):
            return _malformed(f"{name} has a character that is not printable ASCII")
    if not _MAC.fullmatch(login.mac_address):
        return _malformed("mac_address must have letters, digits, colons, points and hyphens only")
    if not is_plain(login.login_remark):
        return _malformed(f"login_remark has {_VISIBLE}")
    shown = login.password_proof
    if login.HasField("password_proof") and (len(shown.nonce), len(shown.proof)) != (NONCE_BYTES, PROOF_BYTES):
        return _malformed(f"password_proof has a nonce of {NONCE_BYTES} bytes and a proof of {PROOF_BYTES}")
    return _check_version("collector_version", login.collector_version) or check_shape(login.collected)


def _check_version(name: str, text: str) -> Refusal | None:
    if (size := len(text.encode())) > (most := _VERSION_BYTES[name]):
        return _malformed(f"{name} has {size} bytes, {most} at most")
    return None if is_plain(text) else _malformed(f"{name} has {_VISIBLE}")


def _malformed(why: str) -> Refusal:
    return stream_reasons.request_malformed(why=why)
