"""What every adapter shares that puts terminals' requests into another language than CTP's.

CTP stays the relay's language: a terminal's request comes as a message of `ctp.v1`, and what happens goes up as its events.
An adapter declares a subset of requests and carries out that; the rest is refused by name.

* `values`    what crosses between this room and an adapter, as plain values; and what may go wrong on the way
* `names`     which order of which terminal has which number at the counter; on disk before it is sent
* `book`      one account's orders and trades of the day, each told once; pure
* `days`      days as counters write them, and which of them are believed
* `hiding`    what a counter says, without the secrets it was given
* `reading`   a terminal's request: decoded, in its own name, and nothing in it that the counter has no word for
* `events`    callbacks of CTP, made of plain values
* `notes`     what the orders' audited stream is given
* `native`    what an adapter gives each link
* `link`      one terminal's end: its queue, its numbers, its login
* `desk`      one account: its terminals, its book, and what they ask; `questions` their queries, `desks` all accounts
* `elsewhere` cancels of orders that another process of the firm sent
* `key_lines` calls that wait until the firm's other processes are asked for a client_order_key
* `tools`     what all desks of a process share

An adapter gives each link a `native.NativeSession`, feeds `AccountDesk.heard_order` and `heard_trade`, and after each login
`AccountDesk.rebuilt` with what its counter said of the day. It never sees protobuf, and this room never a socket.
"""
