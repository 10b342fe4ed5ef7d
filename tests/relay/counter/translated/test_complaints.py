"""What is said of a counter whose rows cannot be read."""

from __future__ import annotations

from relay.counter.translated.complaints import COMPLAINT_SECONDS, Complaints


def test_a_flood_of_rows_is_a_line_at_a_time_with_their_number() -> None:
    """A counter of another version sends nothing else, and the log is other people's too."""
    now, said = 0.0, list[tuple[str, str, int]]()
    complaints = Complaints(lambda *line: said.append(line), lambda: now)

    for _ in range(1000):
        complaints.unreadable("push", "no number")
    now = COMPLAINT_SECONDS
    complaints.unreadable("answer", "no price")

    assert said == [("push", "no number", 1), ("answer", "no price", 1000)]
