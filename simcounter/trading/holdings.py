"""An investor's rows: funds, positions and the lots they consist of, as CTP shows them."""

from __future__ import annotations

from simcounter.session import Values
from simcounter.trading.market import Markets
from simcounter.trading.portfolio import Lot, Portfolio, Position, PositionKey


def account_row(portfolio: Portfolio, markets: Markets, broker_id: str, trading_day: str) -> Values:
    """TradingAccount, in yuan."""
    available = portfolio.available(markets.last_ticks)
    return {
        "BrokerID": broker_id,
        "AccountID": portfolio.investor_id,
        "PreBalance": portfolio.previous_balance,
        "PreDeposit": portfolio.previous_balance,
        "Deposit": portfolio.deposit,
        "Withdraw": portfolio.withdraw,
        "FrozenMargin": portfolio.frozen_margin,
        "FrozenCommission": portfolio.frozen_commission,
        "CurrMargin": portfolio.margin,
        "ExchangeMargin": portfolio.margin,
        "Commission": portfolio.commission,
        "CloseProfit": portfolio.close_profit,
        "PositionProfit": portfolio.position_profit(markets.last_ticks),
        "Balance": portfolio.balance(markets.last_ticks),
        "Available": available,
        "WithdrawQuota": max(0.0, available),
        "TradingDay": trading_day,
        "SettlementID": 1,
        "CurrencyID": "CNY",
        "BizType": "1",
    }


def position_rows(portfolio: Portfolio, markets: Markets, broker_id: str, trading_day: str) -> list[Values]:
    """InvestorPosition: SHFE and INE show yesterday's and today's lots in rows of their own, others one row."""
    rows = []
    for key, position in portfolio.positions.items():
        row = _position_row(key, position, markets)
        row |= {"BrokerID": broker_id, "InvestorID": portfolio.investor_id, "TradingDay": trading_day}
        if position.instrument.product.tells_today_from_yesterday:
            rows += _by_date(row, position)
        else:
            rows.append(row)
    return rows


def _by_date(row: Values, position: Position) -> list[Values]:
    """Amounts are split by lots, which is exact for volumes and near enough for money."""
    dated = []
    for date, volume, start in (("1", position.today, 0), ("2", position.yesterday, position.yesterday_at_start)):
        if not volume and not start and (date == "2" or not position.opened):
            continue
        part = volume / position.total if position.total else 0.0
        money = ("PositionCost", "OpenCost", "UseMargin", "ExchangeMargin", "PositionProfit")
        today = volume if date == "1" else 0
        split = {name: row[name] * part for name in money}
        dates = {"PositionDate": date, "Position": volume, "TodayPosition": today, "YdPosition": start}
        dated.append({**row, **dates, **split})
    return dated


def _position_row(key: PositionKey, position: Position, markets: Markets) -> Values:
    frozen = position.frozen_today + position.frozen_yesterday
    is_long = key.side == "0"
    instrument = position.instrument
    return {
        "InstrumentID": key.instrument_id,
        "ExchangeID": instrument.exchange_id,
        "PosiDirection": "2" if is_long else "3",
        "HedgeFlag": key.hedge_flag,
        "PositionDate": "1",
        "YdPosition": position.yesterday_at_start,
        "Position": position.total,
        "TodayPosition": position.today,
        # Frozen are the lots that an order in the other direction has reserved for closing.
        "ShortFrozen" if is_long else "LongFrozen": frozen,
        "OpenVolume": position.opened,
        "CloseVolume": position.closed,
        "PositionCost": position.cost,
        "OpenCost": position.open_cost,
        "UseMargin": position.margin,
        "ExchangeMargin": position.margin,
        "Commission": position.commission,
        "CloseProfit": position.close_profit,
        "PositionProfit": position.profit(key.side, markets.last_ticks(key.instrument_id)),
        "PreSettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementID": 1,
        "MarginRateByMoney": instrument.product.margin_ratio,
    }


def detail_rows(portfolio: Portfolio, broker_id: str, trading_day: str) -> list[Values]:
    """InvestorPositionDetail: one row an open lot."""
    return [
        {"BrokerID": broker_id, "InvestorID": portfolio.investor_id, "TradingDay": trading_day, **_lot(key, lot, pos)}
        for key, pos in portfolio.positions.items()
        for lot in pos.lots
    ]


def _lot(key: PositionKey, lot: Lot, position: Position) -> Values:
    instrument = position.instrument
    return {
        "InstrumentID": key.instrument_id,
        "ExchangeID": instrument.exchange_id,
        "HedgeFlag": key.hedge_flag,
        "Direction": key.side.value,
        "OpenDate": lot.open_date,
        "TradeID": lot.trade_id,
        "Volume": lot.volume,
        "OpenPrice": instrument.price(lot.ticks),
        "SettlementID": 1,
        "TradeType": "0",
        "Margin": instrument.margin(lot.ticks, lot.volume),
        "ExchMargin": instrument.margin(lot.ticks, lot.volume),
        "MarginRateByMoney": instrument.product.margin_ratio,
        "LastSettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementPrice": instrument.price(instrument.reference_ticks),
        "CloseVolume": lot.closed,
    }
