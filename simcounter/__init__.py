"""A simulated CTP counter: any openctp-ctp program logs in and trades against it, offline.

* `exec`         starts a program on the drop-in libraries of `ctpabi.shim`, which speak to the counter
* `wire`         the frames between shim and counter
* `front`        one connection, one session: captures the peer's address, sends what the kernel decides
* `market_data`  the front for market data: subscriptions and ticks
* `kernel`       who may do what: authentication, login, reports, permissions, dispatch
* `trading`      instruments, order books, funds, positions, queries, bank transfers
* `tmdb`         the database of terminal information, outer parts encrypted for the monitoring center
* `settlement`   the day's report of who logged in from where
* `scenario`     misbehavior on command
* `counter`      puts it together: `async with SimulatedCounter(config) as counter: ...`
* `cli`          `ctp-simcounter run | exec | report | control | build`

Everything but `front`, `counter`, `control` and `tmdb` is plain logic: requests in, events out, no sockets, no clock of its own.
"""
