"""The way to a broker's counter: `port` says what the relay needs, `ctp` is the one counter there is today.

A third mode, or another product's counter, is another implementation of `port.Counter`; nothing above changes.
"""
