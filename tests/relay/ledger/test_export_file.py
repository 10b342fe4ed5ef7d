"""The ledger as a file: whole by itself, and nothing can be taken from it unnoticed."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.ledger import export_file
from relay.ledger.chain import Entry, canonical, empty_head, head_after, link, stored_text
from relay.ledger.export_file import public_key_of, sealed_lines
from relay.ledger.file_lines import FileAudit, NoLedgerFile, NothingToVerify, lines_of, misfits
from relay.ledger.reader import Stretch
from relay.outside_text import is_plain

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def chain_of(count: int, name: str = "relay") -> list[Entry]:
    head, entries = empty_head(name), []
    for number in range(count):
        keep = canonical if number % 2 else stored_text  # as entries are kept, and as they were kept earlier
        data = keep({"number": number, "姓名": "张三\u0085\u2028\x9b\u202e\u200b"})
        entries.append(link(head, at="2026-01-05T09:00:00.000000+08:00", kind="k", session="s", data=data))
        head = head_after(entries[-1])
    return entries


def verify_file(text: str | bytes, *, public_key: str = "") -> FileAudit:
    content = text if isinstance(text, bytes) else text.encode()
    return export_file.verify_file(lines_of(io.BytesIO(content)), public_keys=[public_key] if public_key else ())


def part(entries: list[Entry], first: int, last: int) -> tuple[Stretch, list[Entry]]:
    """Entries first to last, by sequence."""
    before = head_after(entries[first - 2]) if first > 1 else empty_head(entries[0].chain)
    return Stretch(before, head_after(entries[last - 1])), entries[first - 1 : last]


def file_of(entries: list[Entry], first: int, last: int) -> list[str]:
    stretch, mine = part(entries, first, last)
    return list(sealed_lines({"relay": stretch}, mine, key=KEY))


def test_a_part_of_a_chain_is_whole_by_itself() -> None:
    """Linked to the head before it, up to the head after it, signed."""
    found = verify_file("".join(file_of(chain_of(9), 4, 7)))

    assert (found.problems, found.signed_by) == ((), public_key_of(KEY))
    assert [(audit.entries, audit.problems) for audit in found.chains] == [(4, ())]


def resigned(lines: list[str]) -> str:
    """The lines as somebody with a key of his own would sign them."""
    first = json.loads(lines[0])
    stretches = {
        chain: Stretch(*(empty_head(chain).__class__(chain, **heads[side]) for side in ("before", "after")))
        for chain, heads in first["chains"].items()
    }
    entries = [Entry(**(json.loads(line) | {"data": stored_text(json.loads(line)["data"])})) for line in lines[1:-1]]
    other = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    return "".join(sealed_lines(stretches, entries, key=other))


@pytest.mark.parametrize(
    ("leave_out", "says"), [(1, "entry 4 is missing"), (2, "entry 5 is missing"), (4, "entry 7 is missing")]
)
def test_an_entry_that_was_left_out_is_named(leave_out: int, says: str) -> None:
    """At the start, inside and at the end; the signature says it too, and one made anew is another key's."""
    lines = file_of(chain_of(9), 4, 7)
    del lines[leave_out]

    found = verify_file("".join(lines))
    assert says in str(found.chains[0].problems[0])
    assert found.problems == ("the signature does not fit the file: it was changed after it was written",)
    anew = verify_file(resigned(lines), public_key=public_key_of(KEY))
    assert says in str(anew.chains[0].problems[0])
    assert "signed by another key" in anew.problems[0]


def test_a_head_that_was_shortened_to_match_is_noticed() -> None:
    """The signature covers the heads."""
    entries = chain_of(9)
    lines = file_of(entries, 4, 7)
    shortened = [file_of(entries, 4, 6)[0], *lines[1:4], lines[-1]]

    found = verify_file("".join(shortened))
    assert [audit.problems for audit in found.chains] == [()]
    assert found.problems != ()


def test_entries_of_a_chain_without_heads_are_named() -> None:
    """A chain that was slipped in."""
    lines = file_of(chain_of(3), 1, 3)
    slipped = list(sealed_lines({}, chain_of(1, "other"), key=KEY))

    found = verify_file("".join([*lines[:-1], slipped[1], lines[-1]]))
    assert ["no head" in str(problem) for audit in found.chains for problem in audit.problems] == [True]


def test_following_files_fit_and_a_missing_one_is_seen() -> None:
    """Each begins where the one before it ended."""
    entries = chain_of(9)
    first, second, third = (verify_file("".join(file_of(entries, *days))) for days in ((1, 3), (4, 7), (8, 9)))

    assert list(misfits([first, second, third])) == []
    assert list(misfits([first, third])) == [
        "relay: the file that follows begins after entry 7, the one before it ends with entry 3"
    ]


def test_a_quiet_day_carries_the_head_on() -> None:
    """No entries: the head before is the head after."""
    entries = chain_of(3)
    head = head_after(entries[-1])
    quiet = verify_file("".join(sealed_lines({"relay": Stretch(head, head)}, [], key=KEY)))

    assert (quiet.problems, quiet.chains[0].problems) == ((), ())
    assert list(misfits([verify_file("".join(file_of(entries, 1, 3))), quiet])) == []


def test_a_line_ends_with_a_line_feed_only() -> None:
    """An entry with other line separators is one entry; a file that was rewritten with other line ends is another file."""
    lines = file_of(chain_of(3), 1, 3)

    assert all(is_plain(line.removesuffix("\n")) for line in lines)
    assert verify_file("".join(lines)).problems == ()
    assert "changed" in verify_file("".join(lines).replace("\n", "\r\n")).problems[0]


def test_entries_of_one_chain_are_taken_together() -> None:
    """A stretch of them before another chain's is not forgotten when there is a second one behind."""
    mine, others = chain_of(3), chain_of(1, "other")
    heads = {"relay": part(mine, 1, 3)[0], "other": part(others, 1, 1)[0]}
    forged = link(empty_head("relay"), at="x", kind="forged", session="", data="{}")
    entries = [forged, *others, *mine]

    found = verify_file("".join(sealed_lines(heads, entries, key=KEY)))
    assert [len(audit.problems) > 0 for audit in found.chains] == [False, True]


def test_the_signer_is_said_as_a_key_and_nothing_else() -> None:
    """What stands in the file may have spaces and line ends between its digits."""
    lines = file_of(chain_of(1), 1, 1)
    key = public_key_of(KEY)
    spaced = lines[-1].replace(key, f"{key[:2]} \\n{key[2:]}")

    assert verify_file("".join([*lines[:-1], spaced]), public_key=key.upper()).signed_by == key


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_nothing_is_not_whole(text: str) -> None:
    """A file of no lines proves nothing."""
    with pytest.raises(NothingToVerify):
        verify_file(text)


ONE = '{"chain":"relay","sequence":1,"at":"","kind":"","session":"","data": {"number":1},"previous_hash":"","hash":""}'
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (0, DEEP),
        (2, DEEP),
        (
            0,
            '{"ledger_file":1,"chains":{"relay":{"before":{"sequence":-1,"hash":""},"after":{"sequence":1,"hash":""}}}}',
        ),
        (0, '{"ledger_file":2,"chains":{}}'),
        (0, '{"ledger_file":true,"chains":{}}'),
        (2, '{"chain":"relay","sequence":NaN}'),
        (2, '{"chain":"relay","sequence":' + "9" * 5000 + "}"),
        (2, ONE.replace('"data": {', '"data": {"number": 7, ')),
        (2, "17"),
        (2, b'{"chain":"\xff"}'),
        (
            0,
            '{"ledger_file":1,"chains":{"a":{"before":{"sequence":0,"hash":"\\ud800"},"after":{"sequence":1,"hash":""}}}}',
        ),
        (
            0,
            '{"ledger_file":1,"chains":{"a":{"before":{"sequence":0,"hash":"\\n"},"after":{"sequence":1,"hash":"the ledger is whole"}}}}',
        ),
        (2, "9" * (16 * 1024 * 1024 + 1)),
    ],
    ids=[
        "deep first line",
        "deep entry",
        "a head before the beginning",
        "another format",
        "a format that is no number",
        "no number",
        "a number without end",
        "a name twice",
        "a number",
        "no UTF-8",
        "half a pair in a head",
        "a name for a head",
        "a huge line",
    ],
)
def test_lines_that_no_export_writes_are_named(line: int, text: str | bytes) -> None:
    """Whatever is in them: the file may come from anybody."""
    lines = [text.encode() for text in file_of(chain_of(5), 1, 5)]
    lines[line] = (text if isinstance(text, bytes) else text.encode()) + b"\n"

    with pytest.raises(NoLedgerFile, match=f"line {line + 1}"):
        verify_file(b"".join(lines))


def test_a_last_line_without_sense_is_no_signature() -> None:
    """It is told as any line that is no entry."""
    with pytest.raises(NoLedgerFile, match="line 7"):
        verify_file("".join([*file_of(chain_of(5), 1, 5)[:-1], DEEP]))
