"""What a reference is and where the structs keep it."""

from __future__ import annotations

import pytest

from ctpabi.codec.cells import IntCell
from relay.counter.ctp.lanes.refs import (
    RefCounter,
    RefSpace,
    greatest_ref,
    parse_ref,
    read_ref,
    ref_places,
)
from tests.relay.counter.ctp.ctp_bodies import CATALOG


@pytest.mark.parametrize(("text", "number"), [(b"", 0), (b"   ", 0), (b"7", 7), (b"  7 ", 7), (b"000000000007", 7)])
def test_a_reference_is_a_number_however_it_is_written(text: bytes, number: int) -> None:
    """Counters pad with spaces or zeros."""
    assert parse_ref(text) == number


@pytest.mark.parametrize("text", [b"-1", b"1.0", b"a", b"1_0", "１".encode("gb18030"), b"1234567890123"])
def test_what_is_no_decimal_number_is_no_reference(text: bytes) -> None:
    """Twelve digits at most, and nothing else."""
    assert parse_ref(text) is None


def test_a_counter_only_rises() -> None:
    """Whatever is said to be used, the next is greater than all."""
    counter = RefCounter()
    counter.used(RefSpace.ORDER, 40)
    counter.used(RefSpace.ORDER, 3)

    assert [counter.next(RefSpace.ORDER), counter.next(RefSpace.ORDER), counter.next(RefSpace.QUOTE)] == [41, 42, 1]


@pytest.mark.parametrize("space", RefSpace)
def test_a_counter_goes_as_far_as_its_field(space: RefSpace) -> None:
    """Twelve digits in a text field, 31 bits in an int field; past that there is no reference, rather than a wrong one."""
    counter, greatest = RefCounter(), greatest_ref(space)
    counter.used(space, greatest - 1)

    assert counter.next(space) == greatest
    assert counter.next(space) is None


def test_every_field_holds_its_spaces_greatest_reference() -> None:
    """One bound for each space, whichever struct the reference is written into."""
    for struct in {m.struct for m in CATALOG.requests}:
        places = ref_places(CATALOG.structs[struct])
        if places is None:
            continue
        cells = [(places.space, places.ref), (places.action_space, places.action_ref)]
        cells += [(RefSpace.ORDER, cell) for cell in places.derived]
        for space, cell in cells:
            if space is not None and cell is not None:
                body = bytearray(places.size)
                text = str(greatest_ref(space))
                cell.write(body, int(text)) if isinstance(cell, IntCell) else cell.write(body, text.encode())
                assert read_ref(cell, body) == int(text)


def test_only_the_latest_is_given_back() -> None:
    """What was followed by another stays used: references must increase."""
    counter = RefCounter()
    counter.used(RefSpace.ORDER, 5)
    counter.release(RefSpace.ORDER, 4)
    assert counter.last(RefSpace.ORDER) == 5
    counter.release(RefSpace.ORDER, 5)

    assert counter.last(RefSpace.ORDER) == 4


def test_every_struct_with_a_reference_is_known() -> None:
    """No request and no notice has a …Ref field that the lanes would pass unchanged, except a login's MaxOrderRef."""
    structs = {m.struct for m in CATALOG.requests} | {c.struct for c in CATALOG.callbacks.values() if c.struct}
    for name in structs:
        struct = CATALOG.structs[name]
        fields = {f.name for f in struct.fields if f.name.endswith("Ref") and f.name != "MaxOrderRef"}
        places = ref_places(struct)
        spaces = {s.value for s in (places.space, places.action_space) if s} if places else set()
        derived = {"AskOrderRef", "BidOrderRef"} if places and places.derived else set()
        assert fields <= spaces | derived, name


def test_every_struct_with_a_session_is_known() -> None:
    """A FrontID and SessionID the lanes do not rewrite would show a terminal the counter's own session."""
    reach = {m.struct for m in CATALOG.requests} | {c.struct for c in CATALOG.callbacks.values() if c.struct}
    passing = {n for n in reach if CATALOG.structs[n].has("SessionID") and ref_places(CATALOG.structs[n]) is None}

    # Logins are the relay's own, user sessions are closed in many-to-one, and the three bank notices of accounts
    # opened, closed or changed answer no request; a transfer's serial names whichever session once made it.
    assert passing == {
        "RspUserLogin",
        "QryUserSession",
        "UserSession",
        "OpenAccount",
        "CancelAccount",
        "ChangeAccount",
        "TransferSerial",
    }


def test_the_kinds_of_references_keep_their_names() -> None:
    """They stand in the files and tables of the day: a relay that is updated at noon reads those of the morning."""
    assert {space.name: space.value for space in RefSpace} == {
        "ORDER": "OrderRef",
        "QUOTE": "QuoteRef",
        "EXEC_ORDER": "ExecOrderRef",
        "FOR_QUOTE": "ForQuoteRef",
        "OPTION_SELF_CLOSE": "OptionSelfCloseRef",
        "COMB_ACTION": "CombActionRef",
        "OFFSET_SETTING": "OffsetSetting.RequestID",
        "TRANSFER": "Transfer.RequestID",
        "ORDER_ACTION": "OrderActionRef",
        "QUOTE_ACTION": "QuoteActionRef",
        "EXEC_ORDER_ACTION": "ExecOrderActionRef",
        "OPTION_SELF_CLOSE_ACTION": "OptionSelfCloseActionRef",
    }
