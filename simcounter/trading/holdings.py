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
        "PreMargin": portfolio.previous_margin,
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
        "FrozenCash": 0.0,
        "ReserveBalance": 0.0,
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
            rows += _by_date(row, position, markets.last_ticks(key.instrument_id))
        else:
            rows.append(row)
    return rows


def _by_date(row: Values, position: Position, last_ticks: int) -> list[Values]:
    """Each row has its own lots' amounts; money of yesterday's lots counts at the previous settlement price."""
    dated = []
    for date, volume, start in (("1", position.today, 0), ("2", position.yesterday, position.yesterday_at_start)):
        if not volume and not start and (date == "2" or not position.opened):
            continue
        today = volume if date == "1" else 0
        split = _money(position, date, last_ticks, is_long=row["PosiDirection"] == "2")
        only_today = {"OpenVolume": position.opened, "OpenAmount": position.open_amount}
        split |= only_today if date == "1" else dict.fromkeys(only_today, 0)
        split["PreMargin"] = position.previous_margin if date == "2" else 0.0
        split |= _closed(position, date)
        dates = {"PositionDate": date, "Position": volume, "TodayPosition": today, "YdPosition": start}
        dated.append({**row, **dates, **split})
    return dated


def _money(position: Position, date: str, last_ticks: int, *, is_long: bool) -> Values:
    """Costs, margin and profit of today's lots ("1") or of yesterday's ("2")."""
    instrument, is_today = position.instrument, date == "1"
    lots = position.today_lots if is_today else position.yesterday_lots
    open_cost = sum(instrument.turnover(lot.ticks, lot.volume) for lot in lots)
    volume = sum(lot.volume for lot in lots)
    cost = open_cost if is_today else instrument.turnover(instrument.reference_ticks, volume)
    gain = instrument.turnover(last_ticks, volume) - cost
    margin = cost * instrument.product.margin_ratio
    return {
        "OpenCost": open_cost,
        "PositionCost": cost,
        "UseMargin": margin,
        "ExchangeMargin": margin,
        "PositionProfit": gain if is_long else -gain,
    }


def _closed(position: Position, date: str) -> Values:
    """What was closed of today's lots ("1") or of yesterday's ("2")."""
    lots = [*position.closed_lots, *position.lots]
    lots = [lot for lot in lots if lot.is_today == (date == "1")]
    by_date = sum(lot.profit_by_date for lot in lots)
    return {
        "CloseVolume": sum(lot.closed for lot in lots),
        "CloseAmount": sum(lot.close_amount for lot in lots),
        "CloseProfit": by_date,
        "CloseProfitByDate": by_date,
        "CloseProfitByTrade": sum(lot.profit_by_trade for lot in lots),
    }


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
        "ShortFrozenAmount" if is_long else "LongFrozenAmount": instrument.turnover(instrument.reference_ticks, frozen),
        "OpenVolume": position.opened,
        "OpenAmount": position.open_amount,
        "CloseVolume": position.closed,
        "CloseAmount": position.close_amount,
        "PreMargin": position.previous_margin,
        "PositionCost": position.cost,
        "OpenCost": position.open_cost,
        "UseMargin": position.margin,
        "ExchangeMargin": position.margin,
        "Commission": position.commission,
        "CloseProfit": position.close_profit,
        "CloseProfitByDate": position.close_profit,
        "CloseProfitByTrade": position.close_profit_by_trade,
        "PositionProfit": position.profit(key.side, markets.last_ticks(key.instrument_id)),
        "PreSettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementID": 1,
        "MarginRateByMoney": instrument.product.margin_ratio,
    }


def detail_rows(portfolio: Portfolio, markets: Markets, broker_id: str, trading_day: str) -> list[Values]:
    """InvestorPositionDetail: one row a lot, also those that were closed completely today, with Volume 0."""
    identity = {"BrokerID": broker_id, "InvestorID": portfolio.investor_id, "TradingDay": trading_day}
    return [
        {**identity, **_lot(key, lot, position, markets.last_ticks(key.instrument_id))}
        for key, position in portfolio.positions.items()
        for lot in [*position.closed_lots, *position.lots]
    ]


def _lot(key: PositionKey, lot: Lot, position: Position, last_ticks: int) -> Values:
    instrument = position.instrument
    basis = lot.ticks if lot.is_today else instrument.reference_ticks
    sign = 1 if key.side == "0" else -1
    worth = instrument.turnover(last_ticks, lot.volume)
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
        "CloseProfitByDate": lot.profit_by_date,
        "CloseProfitByTrade": lot.profit_by_trade,
        "PositionProfitByDate": sign * (worth - instrument.turnover(basis, lot.volume)),
        "PositionProfitByTrade": sign * (worth - instrument.turnover(lot.ticks, lot.volume)),
        "Margin": instrument.margin(basis, lot.volume),
        "ExchMargin": instrument.margin(basis, lot.volume),
        "MarginRateByMoney": instrument.product.margin_ratio,
        "LastSettlementPrice": instrument.price(instrument.reference_ticks),
        "SettlementPrice": instrument.price(instrument.reference_ticks),
        "CloseVolume": lot.closed,
        "CloseAmount": lot.close_amount,
        "TimeFirstVolume": lot.volume + lot.closed,
    }
