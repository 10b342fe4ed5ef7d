"""What a log event is called in the reader's language. The event's name stays English: people and programs search for it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from structlog.typing import EventDict, Processor, WrappedLogger

from ctpabi.locale import reads_chinese

Language = Literal["auto", "zh", "en"]

_FILE = Path(__file__).with_name("events.zh.toml")


def chinese_texts() -> dict[str, str]:
    """Name of an event -> what it means, in Chinese."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def is_chinese(language: Language, environ: Mapping[str, str]) -> bool:
    """Whether log lines have a Chinese text; `auto` asks the locale that the relay was started in."""
    if language != "auto":
        return language == "zh"
    return reads_chinese(environ)


def explained(language: Language, *, console: bool) -> list[Processor]:
    """What adds the text to a line that is written: as `meaning`, on a console behind the name."""
    if not is_chinese(language, os.environ):
        return []
    texts = chinese_texts()

    def explain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        text = texts.get(str(event.get("event")))
        if text is None:
            return event
        if console:
            return {**event, "event": f"{event['event']} {text}"}
        return {**event, "meaning": text}

    return [explain]
