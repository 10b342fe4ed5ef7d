"""What stands behind the relay, as lines of `ctp-relay status`: product, exchanges and boards, levels of login, what it wants collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ctprelay.v1 import terminal_pb2
from relay.cli.reader import Reader
from relay.counter.description_words import CAPABILITIES, LEVELS, board_word, exchange_word
from relay.outside_text import shown

_MIND = "yellow"
_MOST = 24
"""exchanges and boards that are named one by one"""


def counter_lines(offered: terminal_pb2.CounterDescription, reader: Reader) -> Iterator[tuple[str, str, str]]:
    """What, how it is, and the color; nothing that the counter did not say."""
    product = " ".join(filter(None, (offered.system, offered.version, offered.product)))
    yield reader("柜台产品", "counter product"), shown(product) or "–", ""
    exchanges = [exchange_words(one, reader) for one in offered.exchanges]
    unmapped = any(one.code == "unmapped" for one in offered.exchanges)
    if exchanges:
        more = [f"… {len(exchanges)}"] if len(exchanges) > _MOST else []
        yield (
            reader("交易所与板块", "exchanges, boards"),
            "  ".join(exchanges[:_MOST] + more),
            _MIND if unmapped else "",
        )
    if offered.levels:
        words = (
            f"{_spoken(one.name, LEVELS, reader)} {reader('通', 'up') if one.up else reader('断', 'down')}"
            for one in offered.levels
        )
        down = any(not (one.up or one.of_terminal) for one in offered.levels)
        yield reader("登录层次", "levels of login"), "  ".join(words), _MIND if down else ""
    if offered.capabilities:
        yield (
            reader("可用业务", "capabilities"),
            reader("、", ", ").join(_spoken(word, CAPABILITIES, reader) for word in offered.capabilities),
            "",
        )
    if offered.wanted:
        required = reader("（必需）", " (required)")
        words = (shown(one.kind) + (required if one.required else "") for one in offered.wanted)
        yield reader("要求采集", "collected info"), reader("、", ", ").join(words), ""


def _spoken(word: str, chinese: Mapping[str, str], reader: Reader) -> str:
    return shown(reader(chinese.get(word, word), word))


def exchange_words(one: terminal_pb2.Exchange, reader: Reader) -> str:
    """SHFE, SHFE=S, SHFE=S(futures,options)."""
    native = f"={one.native_code}" if one.native_code and one.native_code != one.code else ""
    boards = ",".join(dict.fromkeys(board_word(row.code, chinese=reader.chinese) for row in one.boards[:_MOST]))
    return shown(f"{exchange_word(one.code, chinese=reader.chinese)}{native}" + (f"({boards})" if boards else ""))
