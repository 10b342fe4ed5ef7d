"""What a counter registered with the relay, as lines for people and as lists for programs."""

from __future__ import annotations

from collections.abc import Iterable

from terminal_client.session import CounterInfo, ExchangeInfo

_UNMAPPED = "unmapped"


def codes_of(exchanges: Iterable[ExchangeInfo]) -> list[str]:
    """Of each; the counter's own where the relay knows no other."""
    return sorted({_code(one) for one in exchanges})


def boards_of(exchanges: Iterable[ExchangeInfo]) -> list[str]:
    """EXCHANGE.BOARD of each."""
    return sorted({f"{_code(one)}.{board}" for one in exchanges for board in one.boards})


def _code(one: ExchangeInfo) -> str:
    return one.native_code if one.code == _UNMAPPED else one.code


def described(offered: CounterInfo) -> list[str]:
    """What a terminal learns of the counter at its login."""
    named = " ".join(filter(None, (offered.system, offered.version, offered.product)))
    boards = boards_of(offered.exchanges)
    lines = [
        f"柜台 counter {named}",
        f"交易所 exchanges {' '.join(codes_of(offered.exchanges))}",
        f"板块 boards {' '.join(boards) or '– 此柜台不分板块 this counter has none'}",
    ]
    if offered.translated:
        count = len(offered.translated)
        lines.append(f"可用请求 requests {count + len(offered.local)}，其中翻译 translated {count}")
    if offered.wanted:
        lines.append(f"要求采集 wants collected {' '.join(offered.wanted)}")
    return lines
