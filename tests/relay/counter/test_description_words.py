"""What a counter says of itself is shown to Chinese readers in Chinese."""

from __future__ import annotations

from ctpabi.catalog.data import load_catalog
from relay.counter.bridge import adapter
from relay.counter.ctp.session.offered import login_levels, offered
from relay.counter.description_words import CAPABILITIES, LEVELS


def test_every_word_of_ctps_description_has_a_chinese_one() -> None:
    """CTP offers the most; the other systems offer parts of it."""
    named = {
        level.name
        for of_operator in (True, False)
        for level in login_levels(of_operator=of_operator, connected=True, live=True)
    }

    assert set(offered(load_catalog()).capabilities) == set(CAPABILITIES)
    assert named | set(adapter.LOGIN_LEVELS) <= set(LEVELS)
