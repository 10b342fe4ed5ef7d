"""Log lines, and what never stands in one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from relay.logs import logs
from relay.logs.writer import BURST_LINES
from relay.outside_text import is_plain


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object() -> None:
    """With time, level and Chinese text as it is."""
    out = io.StringIO()
    with logs.configure(level="info", form="auto", stream=out):
        structlog.get_logger().info("terminal_logged_in", investor="张三", front_id=1)

    (line,) = lines(out)
    assert (line["event"], line["investor"], line["front_id"], line["level"]) == (
        "terminal_logged_in",
        "张三",
        1,
        "info",
    )
    assert str(line["timestamp"]).endswith("+08:00")


def test_secrets_are_hidden_at_any_depth() -> None:
    """The second net under parts that should not have logged them."""
    out = io.StringIO()
    with logs.configure(level="info", form="json", stream=out):
        structlog.get_logger().info(
            "x", password="hunter2", request={"NewPassword": "hunter2", "items": [{"auth_code": "hunter2"}]},
            resume_token=b"hunter2", ClientSystemInfo_system_info="hunter2", blob=b"hunter2", password_length=7,
        )  # fmt: skip

    assert "hunter2" not in out.getvalue()
    (line,) = lines(out)
    assert line["blob"] == "<7 bytes>"
    assert line["password_length"] == 7


def test_lines_below_the_level_are_not_written() -> None:
    """Ours and the libraries'."""
    out = io.StringIO()
    with logs.configure(level="warning", form="json", stream=out):
        structlog.get_logger().info("ours")
        logging.getLogger("library").info("theirs")
        logging.getLogger("library").warning("theirs %s", "formatted")

    assert [line["event"] for line in lines(out)] == ["theirs formatted"]


def _fail_with(word: str) -> None:
    raise KeyError(f"known place {len(word)}")


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_written_without_the_values_of_variables(form: Literal["json", "console"]) -> None:
    """Where it happened; variables may hold secrets."""
    out = io.StringIO()
    with logs.configure(level="info", form=form, stream=out):
        try:
            _fail_with("hun" + "ter2")
        except KeyError:
            structlog.get_logger().exception("failed")

    assert "known place 7" in out.getvalue()
    assert "_fail_with" in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_people_get_one_readable_line() -> None:
    """No JSON on a console."""
    out = io.StringIO()
    with logs.configure(level="info", form="console", stream=out):
        structlog.get_logger().info("terminal_logged_in", investor="100001", password="hunter2")

    assert "terminal_logged_in" in out.getvalue()
    assert "investor=100001" in out.getvalue()
    assert "{" not in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_the_level_can_be_changed_while_lines_are_written() -> None:
    """An operator who looks for a fault does not restart the relay for it."""
    out = io.StringIO()
    with logs.configure(level="warning", form="json", stream=out):
        structlog.get_logger().info("before")
        logs.set_level("debug")
        structlog.get_logger().debug("after")

    assert [line["event"] for line in lines(out)] == ["after"]


def test_a_flood_of_one_kind_is_limited_and_counted() -> None:
    """Anybody who can connect can cause some lines; the others and the count of what is missing are still written."""
    out = io.StringIO()
    with logs.configure(level="info", form="json", stream=out):
        for _ in range(5 * BURST_LINES):
            structlog.get_logger().info("terminal_refused", reason="request_malformed")
        structlog.get_logger().info("terminal_logged_in")

    kinds = [line["event"] for line in lines(out)]
    assert BURST_LINES <= kinds.count("terminal_refused") < 2 * BURST_LINES
    assert kinds.count("terminal_logged_in") == 1
    (note,) = [line for line in lines(out) if line["event"] == "log_lines_left_out"]
    left_out = 5 * BURST_LINES - kinds.count("terminal_refused")
    assert (note["kind"], note["lines"], note["level"]) == ("terminal_refused", left_out, "warning")


def test_a_line_that_cannot_be_formatted_breaks_nobody() -> None:
    """The caller goes on, and the log has a line that there was one."""
    out = io.StringIO()
    with logs.configure(level="info", form="json", stream=out):
        logging.getLogger("library").warning("%d items", "no number")

    (line,) = lines(out)
    assert (line["event"], line["kind"], line["error"]) == ("log_line_unreadable", "library", "TypeError")


OUTSIDE = "a\x1b[2J\x9b31m\u202e\u2028\u0085b\u200b"


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_came_from_outside_is_harmless_in_a_line(form: Literal["json", "console"]) -> None:
    """Values, names, errors and the lines of libraries, in both forms."""
    out = io.StringIO()
    with logs.configure(level="info", form=form, stream=out):
        structlog.get_logger().error("refused", app_id=OUTSIDE, deep={OUTSIDE: [OUTSIDE]}, what=Odd())
        logging.getLogger("a.library").warning("says %s", OUTSIDE)
        structlog.get_logger().error("failed", exc_info=ValueError(OUTSIDE))

    assert [line for line in out.getvalue().split("\n") if not is_plain(line)] == []
    assert "u202e" in out.getvalue()


class Odd:
    def __repr__(self) -> str:
        return OUTSIDE


class OnScreen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_colored_line_has_no_colors_but_its_own() -> None:
    """The renderer's own escape sequences stay."""
    plain, hostile = (OnScreen() for _ in range(2))
    for out, text in ((plain, "x"), (hostile, OUTSIDE)):
        with logs.configure(level="info", form="console", stream=out):
            structlog.get_logger().error("refused", app_id=text)

    assert hostile.getvalue().count("\x1b") == plain.getvalue().count("\x1b") > 0
    assert "\x9b" not in hostile.getvalue()
