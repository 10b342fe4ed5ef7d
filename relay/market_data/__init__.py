"""Market data for terminals: one session at the counter, subscriptions merged, each tick encoded once for all that get it.

* `book`     who wants what of which instrument; what the counter is asked for therefore (pure)
* `pending`  what waits for one terminal, the newest of each instrument where it is slow (pure)
* `outbox`   the queue of one stream: answers first, then ticks; `turns` gives each its turn
* `ticks`    how a tick looks on the wire
* `hub`      the one place where items of the counter meet the book and the queues
* `stream`   the conversation with one terminal
"""
