"""Log lines about strangers: one for a place and minute, and one that counts the rest."""

from __future__ import annotations

import structlog.testing

from relay.edge import quiet_lines
from relay.edge.quiet_lines import QuietLines


async def test_a_place_has_one_line_a_minute_and_one_for_the_rest() -> None:
    """A flood does not fill the disk, and is not silent either."""
    with structlog.testing.capture_logs() as logged:
        lines = QuietLines()
        for _ in range(1000):
            lines.say("connection_refused", "203.0.113.9", why="silent")
        lines.say("connection_refused", "198.51.100.7", why="silent")
        lines.say("connection_cut", "203.0.113.9", why="idle")
        lines.sum_up()
        lines.sum_up()

    said = [(line["event"], line["place"], line.get("further")) for line in logged]
    assert said == [
        ("connection_refused", "203.0.113.9", None),
        ("connection_refused", "198.51.100.7", None),
        ("connection_cut", "203.0.113.9", None),
        ("connection_refused", "203.0.113.9", 999),
    ]


async def test_places_without_end_share_a_line() -> None:
    """A flood from made-up networks."""
    with structlog.testing.capture_logs() as logged:
        lines = QuietLines()
        for number in range(quiet_lines._MOST_PLACES + 50):
            lines.say("connection_refused", f"2001:db8:{number:x}::/64")
        lines.sum_up()

    assert len(logged) == quiet_lines._MOST_PLACES + 2
    assert (logged[-1]["place"], logged[-1]["further"]) == ("others", 49)
