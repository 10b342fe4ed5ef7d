"""Why an instrument is not subscribed. Everything else of the terminal's goes on."""

from __future__ import annotations

from relay.refusals.reason import Ends, Rows

reason = Rows(Ends.CALL)


@reason(
    ("合约代码不合格式", "that is no instrument's name"),
    advice=(
        "使用交易所的合约代码：1 至 80 个可打印的 ASCII 字符",
        "use the exchange's code: 1 to 80 printable ASCII characters",
    ),
)
def instrument_malformed() -> None:
    """The name is empty, too long or not printable ASCII. Whether an instrument exists is not asked: CTP confirms any name."""


@reason(
    ("该终端订阅的合约已达上限 {most}", "this terminal has as many instruments subscribed as it may: {most}"),
    advice=("请退订不用的合约，或联系期货公司", "unsubscribe what you do not need, or ask the futures firm"),
)
def too_many_instruments(*, most: int) -> None:
    """market_data.max_instruments_per_terminal."""


@reason(
    ("中继订阅的合约已达上限 {most}", "the relay has as many instruments subscribed as it may: {most}"),
    advice=("请联系期货公司", "ask the futures firm"),
    retry=60,
)
def market_data_full(*, most: int) -> None:
    """market_data.max_instruments; of all terminals together."""


@reason(
    ("柜台拒绝订阅：{text}", "the counter refused the subscription: {text}"),
    advice=("请核对合约代码", "check the instrument's name"),
)
def refused_by_market_data(*, text: str) -> None:
    """The counter's answer to the subscription was an error; `text` is its number and words."""
