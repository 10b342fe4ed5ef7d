"""Public questions are asked once a trading day."""

from __future__ import annotations

from typing import Any

from relay.counter.ctp.queries.query_cache import Key, QueryCache, Row
from tests.relay.counter.ctp.ctp_bodies import CATALOG, callback, event, method, request

ANSWER = callback("OnRspQryInstrument")


def row(name: str, *, is_last: bool = False) -> Row:
    return Row(ANSWER, event("OnRspQryInstrument", InstrumentID=name), is_last)


def cache(most_bytes: int = 1 << 20) -> QueryCache[str]:
    return QueryCache(CATALOG, most_bytes=most_bytes)


def key_of(known: QueryCache[str], exchange: str = "") -> Key:
    return known.key(method("ReqQryInstrument"), request("ReqQryInstrument", ExchangeID=exchange))


def test_the_first_asks_and_the_next_are_answered() -> None:
    """All rows, in order, at once."""
    known = cache()
    key = key_of(known)
    rows = (row("rb2510"), row("cu2511", is_last=True))

    assert known.ask(key, "a") is None
    assert [known.answered(key, one) for one in rows] == [("a",), ("a",)]
    assert known.ask(key, "b") == rows


def test_who_asks_while_it_is_being_answered_joins() -> None:
    """It gets the rows so far and then the others with the first asker."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")
    known.answered(key, row("rb2510"))

    assert known.ask(key, "b") == (row("rb2510"),)
    assert known.answered(key, row("cu2511", is_last=True)) == ("a", "b")


def test_different_questions_have_different_answers() -> None:
    """By method and by every field."""
    known = cache()

    assert known.ask(key_of(known, "SHFE"), "a") is None
    assert known.ask(key_of(known, "DCE"), "b") is None
    assert known.ask(known.key(method("ReqQryExchange"), request("ReqQryExchange")), "c") is None


def test_rubbish_after_a_text_is_no_difference() -> None:
    """Bytes behind a NUL are not part of the question."""
    known = cache()
    plain, dirty = request("ReqQryInstrument", ExchangeID="SHFE"), request("ReqQryInstrument", ExchangeID="SHFE")
    field = CATALOG.structs["QryInstrument"].field("ExchangeID")
    dirty[field.offset + 6] = 0x41

    assert known.key(method("ReqQryInstrument"), plain) == known.key(method("ReqQryInstrument"), dirty)


def test_an_error_answers_all_and_is_not_kept() -> None:
    """The next asker tries anew."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")
    known.ask(key, "b")

    assert known.answered(key, Row(callback("OnRspError"), None, is_last=True), error_id=77) == ("a", "b")
    assert known.ask(key, "c") is None


def test_a_query_that_dies_is_told_to_all_who_waited() -> None:
    """After a broken session or a deadline."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")
    known.ask(key, "b")

    assert known.abandon(key) == ("a", "b")
    assert known.answered(key, row("late", is_last=True)) == ()
    assert known.ask(key, "c") is None


def test_an_answer_without_rows_is_given_and_not_kept() -> None:
    """Before the day's start the counter has no instruments; who asks later is not told that there are none."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")

    assert known.answered(key, Row(ANSWER, None, is_last=True)) == ("a",)
    assert known.ask(key, "b") is None


def test_after_a_login_nothing_is_known() -> None:
    """The counter may have been restarted with other data, on the same trading day too."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")
    known.answered(key, row("rb2510", is_last=True))
    known.forget()

    assert known.ask(key, "c") is None


def test_who_asks_afresh_is_answered_by_the_counter_and_so_is_everybody_after() -> None:
    """The answer before is given to others until the new one is complete; one that is under way is fresh enough."""
    known = cache()
    key = key_of(known)
    known.ask(key, "a")
    known.answered(key, row("rb2510", is_last=True))

    assert known.ask(key, "b", fresh=True) is None
    assert known.ask(key, "c") == (row("rb2510", is_last=True),)
    assert known.ask(key, "d", fresh=True) == ()
    assert known.answered(key, row("cu2511", is_last=True)) == ("b", "d")
    assert known.ask(key, "e") == (row("cu2511", is_last=True),)


def test_the_cache_is_bounded_by_bytes() -> None:
    """The least recently asked goes first; an answer larger than everything is passed on and not kept."""
    size = len(row("x").body or b"") + 100
    known = cache(most_bytes=2 * size)
    for exchange in ("A", "B"):
        known.ask(key_of(known, exchange), "a")
        known.answered(key_of(known, exchange), row(exchange, is_last=True))
    known.ask(key_of(known, "A"), "a")
    known.ask(key_of(known, "C"), "a")
    known.answered(key_of(known, "C"), row("C", is_last=True))

    assert [known.ask(key_of(known, exchange), "z") is not None for exchange in ("A", "B", "C")] == [True, False, True]
    huge = cache(most_bytes=10)
    huge.ask(key_of(huge), "a")
    assert huge.answered(key_of(huge), row("x", is_last=True)) == ("a",)
    assert huge.ask(key_of(huge), "b") is None


def test_questions_that_differ_in_a_letter_or_a_number_differ() -> None:
    """How much may be bought is not how much may be sold."""
    known = cache()

    def asked(**fields: Any) -> Key:
        name = "ReqQryMaxOrderVolume"
        return known.key(method(name), request(name, InstrumentID="rb2510", **fields))

    assert len({asked(Direction=one, MaxVolume=volume) for one in "01" for volume in (1, 2)}) == 4
    assert asked(Direction="0") == asked(Direction="0")


def test_every_instrument_of_a_day_is_kept() -> None:
    """Ten thousand of them, some megabytes, as a relay keeps them that nobody has told another bound."""
    known: QueryCache[str] = QueryCache(CATALOG)
    key, one = key_of(known), row("rb2510")
    known.ask(key, "a")
    for _ in range(9_999):
        known.answered(key, one)
    known.answered(key, row("cu2511", is_last=True))

    kept = known.ask(key, "b")

    assert kept is not None
    assert len(kept) == 10_000
