"""30001, 30003 and the queries of the day: whose they are, which rows are chosen, and how they are paged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.ufx import codes
from simcounter.ufx.answers import UfxAnswer, refused
from simcounter.ufx.orders import UfxOrders, key_of
from simcounter.ufx.rows import UfxRow, account_of, asset_of, combi_of, deal_row, margin_row, position_row
from simcounter.ufx.tokens import IssuedToken

PAGE = 1000
_FILTERS = ("market_no", "stock_code", "entrust_no", "entrust_direction", "futures_direction", "extsystem_id")

Row = Mapping[str, str]
RowsOf = Callable[[str], list[UfxRow]]


class UfxQueries:
    """Each answers to rows of accounts that the token's operator may see."""

    def __init__(self, kernel: Kernel, records: Records, orders: UfxOrders) -> None:
        self._kernel = kernel
        self._records = records
        self._orders = orders
        self.markets: dict[str, str] = {}
        """account -> market_no_list, where it was commanded"""

    def accounts(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """30001."""
        names = self._accounts_of(token, rows[0])
        return refused(codes.NO_SUCH_ACCOUNT) if names is None else UfxAnswer(rows=[self._account(n) for n in names])

    def _account(self, account: str) -> UfxRow:
        return {"account_code": account, "account_name": self._kernel.accounts.users[account].name, "account_type": "1"}

    def portfolios(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """30003."""
        names = self._accounts_of(token, rows[0])
        if names is None:
            return refused(codes.NO_SUCH_ACCOUNT)
        return UfxAnswer(
            rows=[
                {
                    "account_code": name,
                    "asset_no": asset_of(name),
                    "combi_no": combi_of(name),
                    "combi_name": self._kernel.accounts.users[name].name,
                    "market_no_list": self.markets.get(name, ",".join(codes.MARKETS.values())),
                    "futu_invest_type": codes.INVEST_TYPES,
                    "entrust_direction_list": "1,2",
                }
                for name in names
            ]
        )

    def _accounts_of(self, token: IssuedToken, row: Row) -> list[str] | None:
        """Those asked for, or all the operator may see; None for another's."""
        user, accounts = token.session.user, self._kernel.accounts
        if user is None:
            return None
        wanted = account_of(row)
        if not wanted:
            return [name for name in accounts.investors_of(user) if accounts.investor(name) is not None]
        return [wanted] if accounts.investor(wanted) is not None and accounts.may_act_for(user, wanted) else None

    def positions(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """31003."""
        return self._paged(token, rows[0], self._position_rows)

    def orders(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """32003."""
        return self._paged(token, rows[0], self._order_rows)

    def trades(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """33003."""
        return self._paged(token, rows[0], self._trade_rows)

    def margin(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """34003."""
        return self._paged(token, rows[0], self._margin_rows)

    def _paged(self, token: IssuedToken, row: Row, rows_of: RowsOf) -> UfxAnswer:
        names = self._accounts_of(token, row)
        if names is None:
            return refused(codes.NO_SUCH_ACCOUNT)
        wanted = {name: row[name] for name in _FILTERS if row.get(name)}
        found = [one for name in names for one in rows_of(name) if _has(one, wanted)]
        found.sort(key=lambda one: str(one.get("position_str", "")))
        after, asked = row.get("position_str", ""), row.get("request_num", "")
        found = [one for one in found if str(one.get("position_str", "~")) > after]
        count = int(asked) if asked.isdecimal() and 0 < len(asked) < 6 else PAGE
        return UfxAnswer(rows=found[: max(1, min(count, PAGE))])

    def _position_rows(self, account: str) -> list[UfxRow]:
        held = self._kernel.desk.portfolios[account].positions
        rows = [position_row(account, key, one, self._kernel.desk.markets) for key, one in held.items() if one.total]
        return [row for row in rows if row["market_no"]]

    def _order_rows(self, account: str) -> list[UfxRow]:
        orders = self._kernel.desk.orders.values()
        return [self._orders.entrust(order.key) for order in orders if order.investor_id == account]

    def _trade_rows(self, account: str) -> list[UfxRow]:
        rows: list[UfxRow] = []
        for number, trade in enumerate(self._kernel.desk.trades, 1):
            if trade.investor_id == account:
                values = self._records.unpack("Trade", bytes(trade.body))
                native = self._orders.native_of(key_of(values))
                rows.append(deal_row(trade.order, values, native, number))
        return rows

    def _margin_rows(self, account: str) -> list[UfxRow]:
        return [margin_row(account, self._kernel.desk.portfolios[account], self._kernel.desk.markets)]


def _has(row: UfxRow, wanted: Mapping[str, str]) -> bool:
    return all(str(row.get(name, "")) == value for name, value in wanted.items())
