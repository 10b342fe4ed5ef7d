"""The way to a broker's counter: `port` says what the relay needs, `ctp` is the one counter there is today.

A third mode, or another product's counter, is another implementation of `port.Counter`. Sessions, admission and the doors stay as they are;
`relay.counter_choice`, which picks the implementation, and `relay.server`, which makes the parts that CTP's adapter needs, change with it.
"""
