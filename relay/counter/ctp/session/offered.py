"""What a CTP counter offers: what its interface can, and the exchanges its login's answer names.

OnRspUserLogin carries the clock of every exchange the front is connected to; the clock of an exchange it does not
serve is empty or "--:--:--" (inferred: the vendor documents the fields, not when they are empty). So the exchanges
are known with the login and no query is spent on them. Whether an investor has a trading code there, CTP says at the
order. CTP has no boards, and the trader interface no market data.
"""

from __future__ import annotations

from dataclasses import replace

from ctpabi.api.binding import Binding, MarketBinding
from ctpabi.catalog import Catalog
from ctpabi.codec import layout
from ctprelay.ctp.v1.events_pb2 import Event
from ctprelay.ctp.v1.requests_pb2 import Request
from relay.counter.collected import CTP_WANTED
from relay.counter.counter_library import CounterLibrary
from relay.counter.port import CounterDescription, Exchange, LoginLevel, Pushes

_CLOCKS = {
    "SHFETime": Exchange("SHFE", "上海期货交易所 Shanghai Futures Exchange"),
    "DCETime": Exchange("DCE", "大连商品交易所 Dalian Commodity Exchange"),
    "CZCETime": Exchange("CZCE", "郑州商品交易所 Zhengzhou Commodity Exchange"),
    "FFEXTime": Exchange("CFFEX", "中国金融期货交易所 China Financial Futures Exchange"),
    "INETime": Exchange("INE", "上海国际能源交易中心 Shanghai International Energy Exchange"),
    "GFEXTime": Exchange("GFEX", "广州期货交易所 Guangzhou Futures Exchange"),
}
_CAPABILITIES = {
    "orders": "order_insert",
    "parked_orders": "parked_order_insert",
    "quotes": "quote_insert",
    "option_exercise": "exec_order_insert",
    "combinations": "comb_action_insert",
    "bank_transfers": "from_future_to_bank_by_future",
    "queries": "qry_order",
}
"""what a terminal may want -> the request it needs"""


def offered(catalog: Catalog, library: CounterLibrary | None = None) -> CounterDescription:
    """What is known before a login; made once, because it goes through every field that there is."""
    requests = frozenset(method.proto_name for method in catalog.requests)
    return CounterDescription(
        system="ctp",
        version=catalog.version,
        requests=requests,
        fields_not_offered=_lacking(catalog),
        capabilities=tuple(word for word, request in _CAPABILITIES.items() if request in requests),
        wanted=(CTP_WANTED,),
        pushes=Pushes(orders=True, trades=True, replay="day"),
        library=library,
        library_sha256="" if library is None else library.sha256,
    )


def offered_by_login(before: CounterDescription, catalog: Catalog, login: bytes) -> CounterDescription:
    """With what a login's answer adds; `login` is CThostFtdcRspUserLoginField's bytes."""
    day = str(layout.get(catalog.structs["RspUserLogin"], login, "TradingDay"))
    return replace(before, exchanges=_exchanges(catalog, login), trading_day=day)


def login_levels(*, of_operator: bool, connected: bool, live: bool) -> tuple[LoginLevel, ...]:
    """In many-to-one the operator's session; otherwise the terminals' own, of which one is enough to be up."""
    name = "operator" if of_operator else "account"
    return (
        LoginLevel("connection", up=connected, of_terminal=not of_operator),
        LoginLevel(name, up=live, of_terminal=not of_operator),
    )


def library_of(binding: Binding | MarketBinding) -> CounterLibrary | None:
    """What an imported binding calls, where that was asked for."""
    found = binding.library
    if found is None:
        return None
    return CounterLibrary(
        binding.catalog.distribution,
        binding.version,
        found.file,
        found.version,
        found.sha256,
        binding.native is not None,
    )


def _lacking(catalog: Catalog) -> tuple[str, ...]:
    """The fields that the messages have and the catalog's structs lack."""
    found: list[str] = []
    for of, members in ((Request, catalog.requests), (Event, tuple(catalog.callbacks.values()))):
        for member in members:
            if member.struct and member.proto_name:
                message = of.DESCRIPTOR.fields_by_name[member.proto_name].message_type
                fields = () if message is None else message.fields
                have = {field.proto_name for field in catalog.structs[member.struct].fields}
                found += (f"{member.proto_name}.{field.name}" for field in fields if field.name not in have)
    return tuple(sorted(found))


def _exchanges(catalog: Catalog, login: bytes) -> tuple[Exchange, ...]:
    struct = catalog.structs["RspUserLogin"]
    clocks = (name for name in _CLOCKS if struct.has(name))  # GFEXTime is younger than the rest
    return tuple(_CLOCKS[name] for name in clocks if str(layout.get(struct, login, name)).strip("-: "))
