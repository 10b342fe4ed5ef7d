"""Pure rules: events in, decisions out. No clock, no I/O, no threads, no tasks.

What is hard about a relay (login order, reconnecting, late answers, order references, who may see what)
is decided here and tested here, in microseconds; the floors above carry the decisions out.
"""
