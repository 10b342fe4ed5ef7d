"""RegisterUserSystemInfo and SubmitUserSystemInfo: what arrives, what is returned, what is left in the caller's memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest

from ctpabi.catalog import Catalog
from ctpabi.shim.wire import FrameType
from tests.ctpabi.shim.conftest import Program
from tests.simcounter.scripted_counter import ScriptedCounter

Start = Callable[..., Program]

CONTENT_OFFSET, CONTENT_SIZE = 32, 273
INVESTOR_RELAY = {"app_type": "2"}
OPERATOR_RELAY = {"app_type": "3", "logged_in": True}


def blob_of(length: int) -> bytes:
    """Bytes like a collector's: every value occurs, NULs are inside, and it is no text in any encoding."""
    content = [*range(256), *range(length - 256)]
    random.Random(6).shuffle(content)
    return bytes(content)


def report(start: Start, source: str, blob: bytes) -> Program:
    return start(f"blob = bytes.fromhex('{blob.hex()}')\n" + source)


@pytest.mark.parametrize(
    ("method", "state", "length"),
    [
        ("RegisterUserSystemInfo", INVESTOR_RELAY, 265),
        ("RegisterUserSystemInfo", INVESTOR_RELAY, 264),
        ("RegisterUserSystemInfo", INVESTOR_RELAY, 273),
        ("SubmitUserSystemInfo", OPERATOR_RELAY, 265),
    ],
)
def test_the_collectors_bytes_arrive_unchanged(
    start: Start, scripted: ScriptedCounter, catalog: Catalog, method: str, state: dict[str, object], length: int
) -> None:
    """All 256 byte values, NULs included, reach the counter with the same SHA-256, and the struct around them too."""
    blob = blob_of(length)
    program = report(start, f"api, spy = connect(); say(api.{method}(report_of(blob)))", blob)
    frame = scripted.accept_and_greet(**state).receive(FrameType.REPORT)

    assert program.end().findings == [[0]]
    assert frame.slot == catalog.methods[method].slot
    assert len(frame.body) == catalog.structs["UserSystemInfo"].size
    arrived = frame.body[CONTENT_OFFSET : CONTENT_OFFSET + length]
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(blob).digest()
    assert frame.body[:6] == b"9999\0\0"
    assert frame.body[28:32] == length.to_bytes(4, "little")


def test_the_callers_memory_is_rewritten(start: Start, scripted: ScriptedCounter) -> None:
    """As the vendor's library does: 16 bytes unwrapped to version, flag and time, the length one less, the rest kept;
    so the same struct a second time is malformed, and a fresh one is not."""
    program = report(
        start,
        """
        import datetime
        api, spy = connect()
        record = report_of(blob)
        code = api.RegisterUserSystemInfo(record)
        header = header_of(record)
        collected = datetime.datetime(2000 + header[2], *header[3:8])
        say(code, header[:2].decode("latin-1"), abs((datetime.datetime.now() - collected).total_seconds()) < 60,
            record.ClientSystemInfoLen, ctypes.string_at(int(record.this) + 48, 249) == blob[16:])
        say(api.RegisterUserSystemInfo(record), record.ClientSystemInfoLen)
        say(api.RegisterUserSystemInfo(report_of(blob)))
        """.replace("\n        ", "\n"),
        blob_of(265),
    )
    scripted.accept_and_greet(**INVESTOR_RELAY)

    assert program.end().findings == [[0, "\x01" + "3", True, 264, True], [-6, 264], [0]]


def test_a_refused_report_is_rewritten_too_and_not_sent(start: Start, scripted: ScriptedCounter) -> None:
    """No permission: -3 or -4 with the vendor's words on standard output, memory rewritten, nothing at the counter."""
    program = report(
        start,
        """
api, spy = connect()
for method in ("RegisterUserSystemInfo", "SubmitUserSystemInfo"):
    record = report_of(blob)
    say(getattr(api, method)(record), record.ClientSystemInfoLen, header_of(record)[0])
""",
        blob_of(265),
    )
    connection = scripted.accept_and_greet(app_type="1", logged_in=True)

    ended = program.end()
    assert ended.findings == [[-3, 264, 1], [-4, 264, 1]]
    assert "RegisterUserSystemInfo not permitted" in ended.output
    assert "SubmitUserSystemInfo not permitted" in ended.output
    assert connection.is_closed()


@pytest.mark.parametrize(
    ("state", "register", "submit"),
    [
        ({}, -3, -4),
        ({"app_type": "1", "logged_in": True}, -3, -4),
        ({"app_type": "2"}, 0, -4),
        ({"app_type": "3"}, -3, -4),
        ({"app_type": "3", "logged_in": True}, -3, 0),
        ({"app_type": "2", "return_codes": {"RegisterUserSystemInfo": -5}}, -5, -4),
    ],
)
def test_permission_follows_the_program(
    start: Start, scripted: ScriptedCounter, state: dict[str, object], register: int, submit: int
) -> None:
    """Register is for authenticated investor relays, Submit for logged-in operator relays; a scripted code comes first."""
    program = report(
        start,
        "api, spy = connect()\n"
        "say(api.RegisterUserSystemInfo(report_of(blob)), api.SubmitUserSystemInfo(report_of(blob)))",
        blob_of(265),
    )
    scripted.accept_and_greet(**state)

    assert program.end().findings == [[register, submit]]


@pytest.mark.parametrize(
    ("blob", "length", "code"),
    [
        (b"", 0, -1),
        (blob_of(265), -1, -1),
        (blob_of(265), 263, -1),
        (bytes(265), 265, -6),
        (b"\x010" + bytes([26, 11, 22, 8, 45, 0]) + blob_of(257), 265, -6),
        (b"\x010" + bytes([26, 13, 22, 8, 45, 0]) + blob_of(257), 265, 0),
        (blob_of(273), 2**31 - 1, 0),
    ],
    ids=["empty", "negative", "short", "zeros", "unwrapped already", "like it, month 13", "absurd length"],
)
def test_the_content_is_checked_as_the_vendor_checks_it(
    start: Start, scripted: ScriptedCounter, blob: bytes, length: int, code: int
) -> None:
    """Too short -1, unwrapped already or empty -6; no upper bound on the length, and nothing past the struct is read."""
    program = report(start, f"api, spy = connect()\nsay(api.RegisterUserSystemInfo(report_of(blob, {length})))", blob)
    scripted.accept_and_greet(**INVESTOR_RELAY)

    ended = program.end()
    assert ended.findings == [[code]]
    assert ended.status == 0
    assert ("Bad format user system info" in ended.output) == (length <= 0)


def test_the_mini_programs_pair_behaves_alike(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """RegisterWechatUserSystemInfo carries its own struct by the same rules."""
    struct = catalog.structs["WechatUserSystemInfo"]
    content = struct.field("WechatCltSysInfo").offset
    program = report(
        start,
        f"""
api, spy = connect()
record = tdapi.CThostFtdcWechatUserSystemInfoField()
record.WechatCltSysInfoLen = 265
ctypes.memmove(int(record.this) + {content}, blob, 265)
say(api.RegisterWechatUserSystemInfo(record), record.WechatCltSysInfoLen, api.SubmitWechatUserSystemInfo(record))
""",
        blob_of(265),
    )
    frame = scripted.accept_and_greet(**INVESTOR_RELAY).receive(FrameType.REPORT)

    assert program.end().findings == [[0, 264, -6]]
    assert frame.body[content : content + 265] == blob_of(265)
