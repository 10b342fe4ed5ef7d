"""How log lines look, that no secret gets into one, and that writing one never blocks the caller.

Parts say `structlog.get_logger().info("what happened", key=value)`; secrets are not logged in the first place,
the processor here is the second net.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from relay.logs.event_texts import Language, explained
from relay.logs.journal import is_read_by_journal, to_journal
from relay.logs.writer import LineLimit, LineWriter, to_descriptor
from relay.outside_text import harmless_json, shown, shown_value

_SECRET_WORDS = ("password", "auth_code", "auth_info", "token", "secret", "system_info", "private_key", "credential")
_HIDDEN = "***"
_CHINA = dt.timezone(dt.timedelta(hours=8))
Form = Literal["auto", "console", "json", "journald"]
_NO_TEXT = ("exc_info", "stack_info", "exception", "stack", "_record")
"""what the console's renderer takes as it is: errors and stacks, on several lines"""
_FAREWELL_SECONDS = 2.0


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of secret-sounding keys, at any depth, and bytes by their length."""
    return {key: _clean(key, value) for key, value in event.items()}


def stamp_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When it was said, as the clocks of the exchanges show it, whatever zone the machine is in."""
    return {**event, "timestamp": dt.datetime.now(_CHINA).isoformat(timespec="milliseconds")}


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    stamp_time,
    redact,
]
"""what every line goes through"""


class Log(logging.Handler):
    """Where all log lines go, also those of libraries. Use as `with configure(…) as log`."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter, *, journal: bool = False) -> None:
        """With `journal` lines of JSON become the journal's records."""
        super().__init__()
        self.setFormatter(formatter)
        self._stream = stream
        self._journal = journal
        self._limit = LineLimit(time.monotonic)
        self._writer = LineWriter(self._write(), self._notes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, unless it is not read."""
        self._writer.close(_FAREWELL_SECONDS)

    @property
    def dropped(self) -> int:
        """Lines that were lost since the start because they were not read."""
        return self._writer.dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Format one line and hand it to the writer; never waits."""
        try:
            if record.levelno >= logging.CRITICAL or self._limit.admit(_kind(record)):
                self._writer.put_line(self._line(record))
        except Exception as error:  # noqa: BLE001 - a line that cannot be formatted must not break who says it
            self._writer.put_line(self._note("log_line_unreadable", kind=_kind(record), error=type(error).__name__))

    def _write(self) -> Any:
        try:
            write = to_descriptor(self._stream.fileno())
            return to_journal(write) if self._journal else write
        except (OSError, ValueError):  # a stream in memory
            return lambda data: self._stream.write(data.decode())

    def _line(self, record: logging.LogRecord) -> bytes:
        return (self.format(record) + "\n").encode("utf-8", "backslashreplace")

    def _notes(self, dropped: int) -> Iterator[bytes]:
        if dropped:
            yield self._note("log_lines_dropped", lines=dropped, why="the reader of the log did not keep up")
        for kind, count in self._limit.take_left_out().items():
            yield self._note("log_lines_left_out", kind=kind, lines=count)

    def _note(self, event: str, **facts: object) -> bytes:
        """A line of the log's own, which neither the limit nor the level holds back."""
        said: EventDict = {"event": event, **facts}
        for process in _SHARED:
            said = cast("EventDict", process(None, "warning", said))
        record = logging.LogRecord("relay.logs.logs", logging.WARNING, "", 0, said, None, None)
        record.__dict__.update(_logger=None, _name="warning")  # how structlog knows its own
        return self._line(record)


def configure(
    *,
    level: str,
    form: Form,
    language: Language = "en",
    stream: TextIO | None = None,
    always: Mapping[str, object] | None = None,
) -> Log:
    """Send all log lines, also those of libraries, to `stream` (standard output) at `level` and above; `always` is in each."""
    shared = [*_SHARED, _adding(always)] if always else _SHARED
    out = sys.stdout if stream is None else stream
    console = form == "console" or (form == "auto" and out.isatty())
    journal = form == "journald" or (form == "auto" and _is_journal(out))
    last: list[Processor] = (
        [_harmless, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_as_json)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    log = Log(
        out,
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *explained(language, console=console),
                *last,
            ],
        ),
        journal=journal,
    )
    logging.getLogger().handlers[:] = [log]
    set_level(level)
    return log


def _adding(facts: Mapping[str, object]) -> Processor:
    return lambda _logger, _method, event: {**facts, **event}


def _is_journal(out: TextIO) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a stream in memory
        return is_read_by_journal(out.fileno(), os.environ)
    return False


def set_level(level: str) -> None:
    """Write lines of this level and above from here on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    root = logging.getLogger()
    root.setLevel(level.upper())
    for wordy in ("alembic", "httpx", "httpcore"):  # the latter say addresses, which may be secrets
        logging.getLogger(wordy).setLevel(max(logging.WARNING, root.level))


def catch_what_python_prints() -> None:
    """Make log lines of the errors that Python itself prints to standard error, where a print may block as well."""
    log = structlog.get_logger("python")

    def thread_died(what: threading.ExceptHookArgs) -> None:
        error = what.exc_value or what.exc_type()
        log.error("thread_died", thread=what.thread.name if what.thread else "", exc_info=error)

    def unraisable(what: Any) -> None:
        log.error("error_nobody_saw", where=str(what.err_msg or ""), exc_info=what.exc_value)

    threading.excepthook = thread_died
    sys.unraisablehook = unraisable
    logging.captureWarnings(capture=True)


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Before colors are added: what terminals and counters say must not add any."""
    return {name: value if name in _NO_TEXT else shown_value(_printed(value)) for name, value in event.items()}


def _printed(value: object) -> object:
    """What the console would print of an object of some class, which may hold anything."""
    plain = isinstance(value, str | int | float | Mapping | list | tuple) or value is None
    return value if plain else repr(value)


def _plain_traceback(out: TextIO, exc_info: Any) -> None:
    """Without local variables, which may hold secrets; the error's own text may have come from outside."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(map(shown, text.getvalue().split("\n"))))


def _as_json(event: object, **options: Any) -> str:
    return harmless_json(json.dumps(event, ensure_ascii=False, **options))


def _kind(record: logging.LogRecord) -> str:
    """What limits lines together: our event's name, or the library's logger."""
    return str(record.msg.get("event")) if isinstance(record.msg, dict) else record.name


def _clean(key: str, value: object) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    if any(word in key.lower() for word in _SECRET_WORDS):
        return _HIDDEN
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {inner: _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_clean("", item) for item in value)
    return value
