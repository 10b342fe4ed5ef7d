"""The house: a seeded market that is always there and never crosses what somebody left in the book."""

from __future__ import annotations

from simcounter.trading.book import BookSide, Resting
from simcounter.trading.instruments import demo_instruments
from simcounter.trading.market import LEVELS, Market

INSTRUMENT = demo_instruments()["rb2701"]
CENTER = INSTRUMENT.reference_ticks


def test_the_same_seed_makes_the_same_market() -> None:
    """Five levels on both sides, repeatable."""
    first, second = Market(INSTRUMENT, 7, liquid=True), Market(INSTRUMENT, 7, liquid=True)

    assert first.book.depth(BookSide.BUY, 9) == second.book.depth(BookSide.BUY, 9)
    assert [ticks for ticks, _ in first.book.depth(BookSide.SELL, 9)] == [CENTER + n for n in range(1, LEVELS + 1)]
    assert Market(INSTRUMENT, 8, liquid=True).book.depth(BookSide.BUY, 9) != first.book.depth(BookSide.BUY, 9)


def test_what_was_taken_comes_back() -> None:
    """After a sweep every level has its full size again."""
    market = Market(INSTRUMENT, 1, liquid=True)
    before = market.book.depth(BookSide.SELL, 9)

    market.trade(BookSide.BUY, CENTER + 3, 10_000)
    assert market.book.best(BookSide.SELL) == CENTER + 4
    market.refill()

    assert market.book.depth(BookSide.SELL, 9) == before


def test_the_house_stays_away_from_resting_orders() -> None:
    """A level that would trade with somebody's order waits until that is gone."""
    market = Market(INSTRUMENT, 1, liquid=True)
    market.trade(BookSide.BUY, CENTER + 2, 10_000)
    mine = Resting(5, BookSide.BUY, CENTER + 2, 1)
    market.book.rest(mine)

    market.refill()
    assert market.book.best(BookSide.SELL) == CENTER + 3
    market.book.cancel(mine)
    market.refill()

    assert market.book.best(BookSide.SELL) == CENTER + 1


def test_moving_the_market_fills_what_is_in_its_way() -> None:
    """Buyers above the new price and sellers below it trade; the others stay."""
    market = Market(INSTRUMENT, 1, liquid=True)
    market.book.rest(Resting(1, BookSide.BUY, CENTER - 10, 2))
    market.book.rest(Resting(2, BookSide.BUY, CENTER - 90, 2))

    fills = market.move(CENTER - 50)

    assert [(fill.key, fill.ticks, fill.volume) for _, fill in fills] == [(1, CENTER - 10, 2)]
    assert market.book.best(BookSide.SELL) == CENTER - 49
    assert market.last_ticks == CENTER - 50


def test_without_liquidity_the_book_is_empty() -> None:
    """For tests that match users against each other."""
    market = Market(INSTRUMENT, 1, liquid=False)

    assert (market.book.best(BookSide.BUY), market.book.best(BookSide.SELL)) == (None, None)
