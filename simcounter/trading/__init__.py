"""The trading core of the simulated counter: instruments, books, portfolios, orders, queries, bank.

`desk` takes orders, `market` matches them, `portfolio` keeps funds and positions, `queries` answers, `generic`
plays every request that has no rules of its own. Time comes from the clock passed in.
"""
