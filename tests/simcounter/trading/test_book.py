"""The order book: price before time, nothing lost, never crossed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcounter.trading.book import Book, BookSide, Fill, Resting

incoming = st.lists(st.tuples(st.sampled_from(BookSide), st.integers(95, 105), st.integers(1, 9)), max_size=40)


def submit(book: Book, key: int, side: BookSide, ticks: int, volume: int) -> tuple[list[Fill], int]:
    fills = book.match(side, ticks, volume)
    left = volume - sum(fill.volume for fill in fills)
    if left:
        book.rest(Resting(key, side, ticks, left))
    return fills, left


def test_the_better_price_trades_first_and_then_the_earlier_order() -> None:
    """Three sellers; the buyer meets 100 before 101, and at 100 the first who came."""
    book = Book()
    for key, ticks in ((1, 101), (2, 100), (3, 100)):
        book.rest(Resting(key, BookSide.SELL, ticks, 5))

    fills = book.match(BookSide.BUY, 101, 12)

    assert fills == [Fill(100, 5, 2), Fill(100, 5, 3), Fill(101, 2, 1)]
    assert book.depth(BookSide.SELL, 5) == [(101, 3)]


def test_a_canceled_order_is_gone_and_its_price_with_it() -> None:
    """No empty levels remain."""
    book = Book()
    resting = Resting(1, BookSide.BUY, 100, 5)
    book.rest(resting)
    book.cancel(resting)

    assert (book.best(BookSide.BUY), book.depth(BookSide.BUY, 5)) == (None, [])


def test_every_move_of_the_book_can_be_seen() -> None:
    """What would show in the depth changes the counter; looking does not."""
    book = Book()
    resting = Resting(1, BookSide.SELL, 100, 5)
    moves = (
        lambda: book.rest(resting),
        lambda: book.match(BookSide.BUY, 100, 2),
        lambda: book.resize(resting, 9),
        lambda: book.cancel(resting),
    )

    seen = [book.changes]
    for move in moves:
        move()
        seen.append(book.changes)

    assert len(set(seen)) == len(seen)
    assert (book.depth(BookSide.SELL, 5), book.match(BookSide.BUY, 100, 2), book.changes) == ([], [], seen[-1])


@given(incoming)
def test_whatever_comes_lots_are_kept_and_the_book_never_crosses(orders: list[tuple[BookSide, int, int]]) -> None:
    """Lots in = traded twice + resting; the best buyer stays below the best seller; fills respect the limit."""
    book, traded, entered = Book(), 0, 0
    for key, (side, ticks, volume) in enumerate(orders, 1):
        available = book.available(side, ticks)
        fills, _ = submit(book, key, side, ticks, volume)
        entered += volume
        traded += sum(fill.volume for fill in fills)
        assert sum(fill.volume for fill in fills) == min(volume, available)
        assert all(side.accepts(ticks, fill.ticks) for fill in fills)
        bid, ask = book.best(BookSide.BUY), book.best(BookSide.SELL)
        assert bid is None or ask is None or bid < ask

    resting = sum(volume for side in BookSide for _, volume in book.depth(side, 100))
    assert entered == 2 * traded + resting
