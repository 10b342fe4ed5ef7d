"""The tables of docs/performance.md, from the figures of results/latest.json; a word in two languages is (Chinese, English)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Cell = str | tuple[str, str]
Table = list[list[Cell]]
"""the first row is the head"""
_MISSING = "–"
_VARIANTS = ("direct", "floor", "many_to_many", "many_to_one")
_HEAD: list[Cell] = ["", ("直连", "direct"), ("底线", "floor"), ("多对多", "many-to-many"), ("多对一", "many-to-one")]
_MODES: list[Cell] = [("多对多", "many-to-many"), ("多对一", "many-to-one")]


class Figures:
    """What was measured; a figure that was not is a dash."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found

    def number(self, *keys: str) -> float | None:
        value = self._at(keys)
        return None if value is None or isinstance(value, Mapping) else float(value)

    def word(self, *keys: str) -> str:
        return str(self._at(keys) or _MISSING)

    def _at(self, keys: tuple[str, ...]) -> Any:
        value: Any = self._found
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def text(self, *keys: str, unit: str = "") -> str:
        return shown(self.number(*keys), unit)


def shown(value: float | None, unit: str = "") -> str:
    """With its unit."""
    if value is None:
        return _MISSING
    digits = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{digits} {unit}".strip()


def orders(figures: Figures) -> Table:
    """Hot beside cold."""

    def row(words: tuple[str, str], key: str, *last: str, unit: str = "µs") -> list[Cell]:
        return [words, *(figures.text(key, variant, *last, unit=unit) for variant in _VARIANTS)]

    return [
        _HEAD,
        row(("连续下单，p50", "back to back, p50"), "order_round_trip_us_back_to_back", "p50"),
        row(("间隔 3 ms，p50", "3 ms pauses, p50"), "order_round_trip_us", "p50"),
        row(("间隔 3 ms，p99", "3 ms pauses, p99"), "order_round_trip_us", "p99"),
        row(("间隔 20 ms，p50", "20 ms pauses, p50"), "order_round_trip_us_pause_20ms", "p50"),
        row(("与直连之比（3 ms，p50）", "to direct (3 ms, p50)"), "order_round_trip_ratio_to_direct", unit="×"),
        row(("与底线之比（3 ms，p50）", "to the floor (3 ms, p50)"), "order_round_trip_ratio_to_floor", unit="×"),
        row(("20 ms 与连续下单之比", "20 ms pauses to back to back"), "pause_20ms_ratio_to_back_to_back", unit="×"),
    ]


def order_cpu(figures: Figures) -> Table:
    """Of the relay's process."""
    rows: Table = [["", ("底线", "floor"), *_MODES]]
    for key, words in (
        ("back_to_back", ("连续下单", "back to back")),
        ("pause_3ms", ("间隔 3 ms", "3 ms pauses")),
        ("pause_20ms", ("间隔 20 ms", "20 ms pauses")),
    ):
        rows.append([words, *(figures.text("relay_cpu_us_per_order", key, v, unit="µs") for v in _VARIANTS[1:])])
    return rows


def warm(figures: Figures) -> Table:
    """Each mode beside itself with made-up orders."""
    variants = ("many_to_many", "many_to_many_warm", "many_to_one", "many_to_one_warm")
    kept = ("保持温热", "kept warm")

    def row(words: tuple[str, str], key: str, *last: str, unit: str = "µs") -> list[Cell]:
        return [words, *(figures.text(key, variant, *last, unit=unit) for variant in variants)]

    return [
        ["", _MODES[0], kept, _MODES[1], kept],
        row(("连续下单，p50", "back to back, p50"), "order_round_trip_us_back_to_back", "p50"),
        row(("间隔 3 ms，p50", "3 ms pauses, p50"), "order_round_trip_us", "p50"),
        row(("间隔 3 ms，p99", "3 ms pauses, p99"), "order_round_trip_us", "p99"),
        row(("间隔 20 ms，p50", "20 ms pauses, p50"), "order_round_trip_us_pause_20ms", "p50"),
        row(("间隔 20 ms，p99", "20 ms pauses, p99"), "order_round_trip_us_pause_20ms", "p99"),
        row(("与直连之比（3 ms，p50）", "to direct (3 ms, p50)"), "order_round_trip_ratio_to_direct", unit="×"),
        row(("与直连之比（20 ms，p50）", "to direct (20 ms, p50)"), "pause_20ms_ratio_to_direct", unit="×"),
        row(("20 ms 与连续下单之比", "20 ms pauses to back to back"), "pause_20ms_ratio_to_back_to_back", unit="×"),
        [
            ("与同一轮中不保持温热的之比（3 ms，p50）", "to the same without, in one run (3 ms, p50)"),
            *(figures.text("keep_warm", "pause_3ms_ratio_to_cold", variant, unit="×") for variant in variants),
        ],
        [
            ("同上（20 ms，p50）", "the same (20 ms, p50)"),
            *(figures.text("keep_warm", "pause_20ms_ratio_to_cold", variant, unit="×") for variant in variants),
        ],
        [
            ("无报单时的 CPU（一个核）", "CPU without an order, of a core"),
            *(figures.text("keep_warm", "idle_cpu_percent", variant, unit="%") for variant in variants),
        ],
    ]


def noise(figures: Figures) -> Table:
    """How far the figures of orders may be believed."""
    return [
        [("这一轮测量", "this run"), ""],
        [("同一代码两份之比（3 ms）", "the same code to itself (3 ms)"), figures.text("noise", "a_a_ratio", unit="×")],
        [("同上（20 ms）", "the same (20 ms)"), figures.text("noise", "a_a_ratio_pause_20ms", unit="×")],
        [
            ("其他进程占用整机", "of the machine, taken by others"),
            figures.text("noise", "foreign_cpu_percent", unit="%"),
        ],
        [("采用的轮数", "rounds kept"), figures.text("noise", "rounds")],
        [("丢弃的轮数", "rounds thrown away"), figures.text("noise", "rounds_thrown_away")],
    ]


def busy(figures: Figures) -> Table:
    """Orders among others that trade."""
    many, one = "order_round_trip_us_busy_many_to_many", "order_round_trip_us_busy"
    head: list[Cell] = [("同时下单的终端", "terminals that trade")]
    head += [
        (f"{zh} {last}", f"{en} {last}")
        for zh, en in (("多对多", "many-to-many"), ("多对一", "many-to-one"))
        for last in ("p50", "p99")
    ]
    rows: Table = [[*head, ("多对一，满负荷每秒报单", "many-to-one, orders a second at most")]]
    for size in ("1", "8", "32", "100"):
        times = [figures.text(key, size, last, unit="µs") for key in (many, one) for last in ("p50", "p99")]
        rows.append([size, *times, figures.text("orders_per_second_saturated", "many_to_one", size)])
    return rows


def events(figures: Figures) -> Table:
    """A flood of notices."""
    cpu = {"many_to_many": "relay_cpu_us_per_event_many_to_many", "many_to_one": "relay_cpu_us_per_event"}
    return [
        ["", ("直连", "direct"), *_MODES],
        [("每秒回报", "notices a second"), *(figures.text("events_per_second", v) for v in ("direct", *cpu))],
        [("与直连之比", "to direct"), "1 ×", *(figures.text("events_ratio_to_direct", v, unit="×") for v in cpu)],
        [("中继每条用 CPU", "relay's CPU for one"), "", *(figures.text(key, unit="µs") for key in cpu.values())],
        [
            ("其中模拟库自己的线程", "of it, the simulated library's own thread"),
            "",
            *(figures.text("vendor_thread_cpu_us_per_event", v, unit="µs") for v in cpu),
        ],
    ]


def idle(figures: Figures) -> Table:
    """What waits, costs."""
    sizes = ("100", "1000", "5000")
    rows: Table = [[("空闲终端", "idle terminals"), "0", "100", "1,000", "5,000"]]
    rows.append(
        [("中继内存", "relay's memory"), *(figures.text("rss_mib", size, unit="MiB") for size in ("0", *sizes))]
    )
    for words, key, unit in (
        (("每个终端内存", "memory a terminal"), "rss_kib_per_terminal", "KiB"),
        (("CPU（一个核）", "CPU, of a core"), "idle_cpu_percent", "%"),
        (("一条公共通知，每个终端的 CPU", "one public notice, CPU a terminal"), "fan_out_cpu_us_per_terminal", "µs"),
        (("其间其他进程占用整机", "of the machine, taken by others meanwhile"), "fan_out_foreign_cpu_percent", "%"),
    ):
        rows.append([words, "", *(figures.text(key, size, unit=unit) for size in sizes)])
    return rows


def beside(figures: Figures) -> Table:
    """An order while others only listen."""
    return [
        ["", "p50", "p99"],
        [
            ("多对多，500 个空闲终端在线", "many-to-many, 500 idle terminals"),
            figures.text("order_round_trip_us_idle_500_many_to_many", "p50", unit="µs"),
            figures.text("order_round_trip_us_idle_500_many_to_many", "p99", unit="µs"),
        ],
        [
            ("多对一，500 个空闲终端在线", "many-to-one, 500 idle terminals"),
            figures.text("order_round_trip_us_idle_500", "p50", unit="µs"),
            figures.text("order_round_trip_us_idle_500", "p99", unit="µs"),
        ],
        [
            ("多对一，1,000 个终端在线，无通知", "many-to-one, 1,000 terminals, no notices"),
            figures.text("order_p50_us_during_fan_out", "quiet", unit="µs"),
            figures.text("order_p99_us_before_fan_out", unit="µs"),
        ],
        [
            ("每 100 ms 一条通知发给这 1,000 个终端", "the same while one notice goes to all each 100 ms"),
            figures.text("order_p50_us_during_fan_out", "during", unit="µs"),
            figures.text("order_p99_us_during_fan_out", unit="µs"),
        ],
    ]


def logins(figures: Figures) -> Table:
    """Many-to-one."""
    others = ("其他进程占用整机", "of the machine, taken by others")
    rows: Table = [
        [("登录（多对一）", "logins, many-to-one"), ("每秒", "a second"), ("中继 CPU", "relay's CPU"), others]
    ]
    for key, words in (
        ("one_at_a_time", ("逐个", "one at a time")),
        ("sixteen_at_a_time", ("每次 16 个", "sixteen at a time")),
        ("storm_1000", ("1,000 个同时", "a thousand at once")),
    ):
        rows.append(
            [
                words,
                figures.text("logins_per_second", key),
                figures.text("login_cpu_ms", key, unit="ms"),
                figures.text("logins_foreign_cpu_percent", key, unit="%"),
            ]
        )
    return rows


def storm(figures: Figures) -> Table:
    """Of a thousand logins at once."""
    return [
        [("1,000 个同时登录", "a thousand logins at once"), ""],
        [("一半已登录", "half are in after"), figures.text("login_storm", "p50_s", unit="s")],
        [("99 % 已登录", "99 % are in after"), figures.text("login_storm_p99_s", unit="s")],
        [("全部已登录", "all are in after"), figures.text("login_storm", "last_s", unit="s")],
        [("被断开后重来的次数", "had to come again"), figures.text("login_storm", "came_again")],
        [("此前报单 p50", "orders before, p50"), figures.text("order_round_trip_us_during_storm", "quiet", unit="µs")],
        [
            ("期间报单 p50", "orders meanwhile, p50"),
            figures.text("order_round_trip_us_during_storm", "storm", unit="µs"),
        ],
        [
            ("期间 5 s 内无应答的报单", "orders meanwhile without an answer in 5 s"),
            figures.text("order_round_trip_us_during_storm", "unanswered"),
        ],
    ]


def update(figures: Figures) -> Table:
    """Gaps of twenty terminals."""
    rows: Table = [[("中断时间", "gap"), "p50", ("最长", "max")]]
    for key, words in (
        (
            "many_to_many_rolling",
            ("`restart --rolling`，多对多，PostgreSQL", "`restart --rolling`, many-to-many on PostgreSQL"),
        ),
        (
            "many_to_many_in_turn",
            ("`restart --rolling`，多对多，SQLite", "`restart --rolling`, many-to-many on SQLite"),
        ),
        (
            "many_to_one_in_turn",
            ("`restart --rolling`，多对一，SQLite", "`restart --rolling`, many-to-one on SQLite"),
        ),
        (
            "many_to_many_restart",
            ("SIGTERM 后重新启动，多对多，SQLite", "SIGTERM and a new start, many-to-many on SQLite"),
        ),
        (
            "many_to_one_restart",
            ("SIGTERM 后重新启动，多对一，SQLite", "SIGTERM and a new start, many-to-one on SQLite"),
        ),
    ):
        rows.append([words, *(figures.text("update_gap_s", key, last, unit="s") for last in ("p50", "max"))])
    return rows


def market(figures: Figures) -> Table:
    """Ticks."""
    fan, trip = ("market_data", "fan_out"), ("market_data", "tick_to_terminal_us")
    return [
        ["", ("直连", "direct"), ("多对一", "many-to-one")],
        [
            ("行情到程序，p50", "tick made → in the program, p50"),
            *(figures.text(*trip, v, "p50", unit="µs") for v in ("direct", "relay")),
        ],
        ["p99", *(figures.text(*trip, v, "p99", unit="µs") for v in ("direct", "relay"))],
        [
            ("2,000 个合约发给 100 个终端，直到全部到齐", "2,000 instruments to 100 terminals, until all have all"),
            figures.text(*fan, "direct_seconds", unit="s"),
            figures.text(*fan, "seconds_until_all_have_all", unit="s"),
        ],
    ]


def measured(figures: Figures) -> Table:
    """When each part ran, and beside what."""
    rows: Table = [[("部分", "part"), ("日期", "on"), ("用时", "took"), ("开始前的负载", "load before it began")]]
    for part in ("orders", "events", "busy", "idle", "logins", "market", "update"):
        at = ("measured", part)
        rows.append(
            [
                f"`{part}`",
                figures.word(*at, "on"),
                figures.text(*at, "seconds", unit="s"),
                figures.text(*at, "load_before"),
            ]
        )
    return rows


TABLES: dict[str, Callable[[Figures], Table]] = {
    "orders": orders,
    "order_cpu": order_cpu,
    "warm": warm,
    "noise": noise,
    "busy": busy,
    "events": events,
    "idle": idle,
    "beside": beside,
    "logins": logins,
    "storm": storm,
    "update": update,
    "market": market,
    "measured": measured,
}
"""by the name in the page"""
