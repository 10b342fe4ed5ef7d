"""Market data at the relay: a stream of its own beside the terminal's session.

* `market_data`       what a program holds: subscribe, read ticks, close; `sync` is the same with blocking calls
* `ticks`             a tick, and the queue of one reader, which keeps the newest of each instrument when it is full
* `link`              the stream over its breaks: attach, subscribe everything again, hear why it ended
* `subscribed`        what is wanted of which instrument
"""
