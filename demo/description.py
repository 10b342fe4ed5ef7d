"""What a counter registered with the relay, as lines for people and as lists for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from terminal_client.session import CounterInfo


def boards_of(exchanges: Mapping[str, Iterable[str]]) -> list[str]:
    """EXCHANGE.BOARD of each."""
    return sorted({f"{exchange}.{board}" for exchange, boards in exchanges.items() for board in boards})


def described(offered: CounterInfo) -> list[str]:
    """What a terminal learns of the counter at its login."""
    named = " ".join(filter(None, (offered.system, offered.version, offered.product)))
    boards = boards_of(offered.exchanges)
    lines = [
        f"柜台 counter {named}",
        f"交易所 exchanges {' '.join(sorted(offered.exchanges))}",
        f"板块 boards {' '.join(boards) or '– 此柜台不分板块 this counter has none'}",
    ]
    if offered.translated:
        count = len(offered.translated)
        lines.append(f"可用请求 requests {count + len(offered.local)}，其中翻译 translated {count}")
    if offered.wanted:
        lines.append(f"要求采集 wants collected {' '.join(offered.wanted)}")
    return lines
