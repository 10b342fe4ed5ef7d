"""The adapter to a 根网 CTS counter: line JSON over TCP, as the public Python client of CTS speaks it.

* `wire`         lines to messages and back; pure
* `passwords`    how CTS hides a password
* `words`        CTS's words for exchanges, sides and offsets, beside CTP's; pure
* `to_native`    orders, cancels and queries in CTS's fields; pure
* `from_native`  CTS's rows as orders, trades, positions, funds and contracts; pure
* `machine`      what comes next on the way to a live session, and after a break; pure
* `line`         one TCP connection: requests matched with answers, deadlines, pushes
* `session`      does what the machine says; one for each terminal, or one with an operator
* `operator`     the relay's own, logged in first on a session that has one
* `queries`      every page of an account's queries
* `looking`      orders that are asked for again, because what becomes of them is not pushed
* `account`      one terminal's account on a session: its login with the terminal's information, its orders and queries
* `liveness`     quiet sessions are asked whether they are alive
* `described`    what the counter offers
* `adapter`      what both modes have in common; `many_to_many`, `many_to_one`, and which of them: `modes`

CTP's side of all this is `relay.counter.translated`.
"""
