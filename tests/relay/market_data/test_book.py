"""The subscription book, against a model that knows nothing of counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.market_port import FeedKind
from relay.market_data.book import BookBounds, SubscriptionBook

NAMES = [f"i{number}" for number in range(6)]
READERS = "abc"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["subscribe", "unsubscribe", "leave", "end"]),
        st.sampled_from(list(FeedKind)),
        st.sampled_from(READERS),
        st.lists(st.sampled_from(NAMES), max_size=4),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_counter_is_asked_for_what_has_a_reader(
    steps: list[tuple[str, FeedKind, str, list[str]]],
) -> None:
    """Whatever readers do: what was asked for, less what was let go, is what some reader wants; no reader has too many."""
    book: SubscriptionBook[str] = SubscriptionBook(BookBounds(of_a_reader=3, in_all=4))
    upstream: dict[FeedKind, set[str]] = {kind: set() for kind in FeedKind}
    wanted: set[tuple[FeedKind, str, str]] = set()

    for what, kind, reader, names in steps:
        if what == "subscribe":
            change = book.subscribe(kind, reader, names)
            assert not upstream[kind] & set(change.first)
            upstream[kind] |= set(change.first)
            wanted |= {(kind, reader, name) for name in names if name not in change.refused}
        elif what == "unsubscribe":
            upstream[kind] -= set(book.unsubscribe(kind, reader, names))
            wanted -= {(kind, reader, name) for name in names}
        elif what == "leave":
            for of, gone in book.leave(reader).items():
                upstream[of] -= set(gone)
            wanted = {one for one in wanted if one[1] != reader}
        else:
            for name in names[:1]:
                assert set(book.end(kind, name)) == {r for k, r, n in wanted if (k, n) == (kind, name)}
                upstream[kind].discard(name)
                wanted = {one for one in wanted if (one[0], one[2]) != (kind, name)}
        for of in FeedKind:
            assert upstream[of] == {name for k, _, name in wanted if k is of}
            assert book.count(of) == len(upstream[of]) <= 4
            for name in NAMES:
                assert set(book.readers(of, name)) == {r for k, r, n in wanted if (k, n) == (of, name)}
            for one in READERS:
                assert book.count_of(of, one) == sum((k, r) == (of, one) for k, r, _ in wanted) <= 3


def test_two_readers_share_one_subscription() -> None:
    """It ends with the last of them."""
    book: SubscriptionBook[str] = SubscriptionBook(BookBounds(9, 9))

    first, second = (book.subscribe(FeedKind.DEPTH, reader, ["rb2701"]) for reader in "ab")

    assert (first.first, second.first) == (["rb2701"], [])
    assert book.leave("a")[FeedKind.DEPTH] == []
    assert book.leave("b")[FeedKind.DEPTH] == ["rb2701"]


def test_each_bound_has_its_reason() -> None:
    """What is within stays subscribed."""
    book: SubscriptionBook[str] = SubscriptionBook(BookBounds(of_a_reader=2, in_all=3))
    names = ["", "x" * 81, "合约", "a\nb", "i0", "i1", "i2"]

    mine = book.subscribe(FeedKind.DEPTH, "a", names).refused
    other = book.subscribe(FeedKind.DEPTH, "b", ["i3", "i4"])

    assert {name: refusal.reason for name, refusal in mine.items()} == {
        **dict.fromkeys(names[:4], "instrument_malformed"),
        "i2": "too_many_instruments",
    }
    assert {name: refusal.reason for name, refusal in other.refused.items()} == {"i4": "market_data_full"}
    assert other.added == ["i3"]


def test_a_full_book_takes_another_reader_of_what_it_has() -> None:
    """The counter is asked for nothing more by it."""
    book: SubscriptionBook[str] = SubscriptionBook(BookBounds(9, in_all=1))
    book.subscribe(FeedKind.DEPTH, "a", ["i0"])

    assert book.subscribe(FeedKind.DEPTH, "b", ["i0"]).refused == {}
