"""Callbacks made of plain values: what does not fit is cut or left out, never an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.port import NativeError
from relay.counter.translated.events import NATIVE_ERROR_ID, EventMaker
from relay.counter.translated.names import read_key
from tests.relay.counter.translated.played_native import CATALOG, message

MAKER = EventMaker(CATALOG)


def test_a_text_too_long_is_cut_at_a_character() -> None:
    """StatusMsg has 80 bytes; what the struct lacks is left out."""
    event = MAKER.notice("OnRtnOrder", {"StatusMsg": "拒" * 60, "NoSuchField": 1, "OrderStatus": "5"})

    assert message(event).rtn_order.status_msg == "拒" * 40


def test_a_native_error_has_its_code_beside_the_number() -> None:
    """And in the text, for programs that know ErrorMsg alone."""
    error = NativeError("E2000000", "请采集")
    event = MAKER.answer("OnRspOrderInsert", {}, 3, error=error)

    assert (event.error_id, event.native) == (NATIVE_ERROR_ID, error)
    assert message(event).rsp_info.error_msg == "[E2000000] 请采集"


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_a_counter_writes_becomes_an_event(words: str, code: str) -> None:
    """Half surrogates, controls, any length."""
    error = NativeError(code, words)
    event = MAKER.answer("OnRspOrderInsert", {"InstrumentID": words}, 1, error=error)

    assert message(event).request_id == 1


@given(st.text(max_size=60))
def test_what_is_no_key_of_ours_is_nobodys(text: str) -> None:
    """Other programs write other things there."""
    name = read_key(text)

    assert name is None or name.key.split(".")[2] == text.split(".")[2]
