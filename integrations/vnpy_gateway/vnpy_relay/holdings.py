"""Contracts, account and positions as vn.py shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vnpy.trader.constant import Direction, Exchange, OptionType, Product
from vnpy.trader.object import AccountData, ContractData, PositionData

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.names import finite
from vnpy_relay.orders import EXCHANGES

_PRODUCTS = {
    enums.PRODUCT_CLASS_FUTURES: Product.FUTURES,
    enums.PRODUCT_CLASS_OPTIONS: Product.OPTION,
    enums.PRODUCT_CLASS_SPOT_OPTION: Product.OPTION,
    enums.PRODUCT_CLASS_COMBINATION: Product.SPREAD,
}
_OPTIONS = {enums.OPTIONS_TYPE_CALL_OPTIONS: OptionType.CALL, enums.OPTIONS_TYPE_PUT_OPTIONS: OptionType.PUT}
_SIDES = {
    enums.POSI_DIRECTION_NET: Direction.NET,
    enums.POSI_DIRECTION_LONG: Direction.LONG,
    enums.POSI_DIRECTION_SHORT: Direction.SHORT,
}
_YESTERDAY_APART = {Exchange.SHFE, Exchange.INE}
"""where a record is of today or of yesterday, and closing says which"""
_PositionKey = tuple[str, Exchange, Direction]


def contract_data(gateway: str, row: ctp.Instrument) -> ContractData | None:
    """One contract; None for a product or exchange that vn.py has no word for."""
    exchange, product = EXCHANGES.get(row.exchange_id), _PRODUCTS.get(row.product_class)
    if exchange is None or product is None or not row.instrument_id:
        return None
    contract = ContractData(
        gateway_name=gateway,
        symbol=row.instrument_id,
        exchange=exchange,
        name=row.instrument_name,
        product=product,
        size=row.volume_multiple or 1,
        pricetick=finite(row.price_tick) or 0.01,
        min_volume=row.min_limit_order_volume or 1,
        max_volume=row.max_limit_order_volume or None,
    )
    if product is Product.OPTION:
        _add_option(contract, row)
    return contract


def _add_option(contract: ContractData, row: ctp.Instrument) -> None:
    # Zhengzhou's options have a product of their own, called as the future's with a letter more.
    is_zhengzhou = contract.exchange is Exchange.CZCE
    contract.option_portfolio = row.product_id[:-1] if is_zhengzhou else row.product_id
    contract.option_underlying = row.underlying_instr_id
    contract.option_type = _OPTIONS.get(row.options_type)
    contract.option_strike = finite(row.strike_price)
    contract.option_index = str(contract.option_strike)
    contract.option_listed = _day(row.open_date)
    contract.option_expiry = _day(row.expire_date)


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 — vn.py compares it with days that have no zone
    except ValueError:
        return None


def account_data(gateway: str, row: ctp.TradingAccount) -> AccountData:
    """Balance, what is frozen, and what may be used, which is less than their difference by the margins."""
    account = AccountData(
        gateway_name=gateway,
        accountid=row.account_id,
        balance=finite(row.balance),
        frozen=finite(row.frozen_margin) + finite(row.frozen_cash) + finite(row.frozen_commission),
    )
    account.available = finite(row.available)
    return account


@dataclass(frozen=True, slots=True)
class _Sum:
    """The records of one contract and side together."""

    volume: int = 0
    yesterday: int = 0
    frozen: int = 0
    pnl: float = 0.0
    cost: float = 0.0

    def add(self, row: ctp.InvestorPosition, exchange: Exchange, side: Direction) -> _Sum:
        """With one record more."""
        if exchange in _YESTERDAY_APART:
            of_yesterday = row.position if row.position_date == enums.POSITION_DATE_HISTORY else 0
        else:
            of_yesterday = row.position - row.today_position
        # What closes a long position is a sale, so it is frozen by short orders.
        frozen = {Direction.LONG: row.short_frozen, Direction.SHORT: row.long_frozen}.get(side, 0)
        return replace(
            self,
            volume=self.volume + row.position,
            yesterday=self.yesterday + of_yesterday,
            frozen=self.frozen + frozen,
            pnl=self.pnl + finite(row.position_profit),
            cost=self.cost + finite(row.position_cost),
        )


class Positions:
    """What of the positions vn.py has been shown: what is closed since is shown once more, as zero."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._shown: set[_PositionKey] = set()

    def take(self, rows: Iterable[ctp.InvestorPosition], contracts: Mapping[str, ContractData]) -> list[PositionData]:
        """All positions of one answer, and zeros for those that it has no more."""
        sums: dict[_PositionKey, _Sum] = dict.fromkeys(self._shown, _Sum())
        for row in rows:
            contract, side = contracts.get(row.instrument_id), _SIDES.get(row.posi_direction)
            if contract is not None and side is not None:
                key = (contract.symbol, contract.exchange, side)
                sums[key] = sums.get(key, _Sum()).add(row, contract.exchange, side)
        self._shown = set(sums)
        return [self._position(key, total, contracts[key[0]]) for key, total in sums.items() if key[0] in contracts]

    def _position(self, key: _PositionKey, total: _Sum, contract: ContractData) -> PositionData:
        symbol, exchange, side = key
        return PositionData(
            gateway_name=self._gateway,
            symbol=symbol,
            exchange=exchange,
            direction=side,
            volume=total.volume,
            frozen=total.frozen,
            price=total.cost / (total.volume * contract.size) if total.volume else 0.0,
            pnl=total.pnl,
            yd_volume=total.yesterday,
        )
