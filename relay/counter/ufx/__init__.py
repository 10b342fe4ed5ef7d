"""The adapter to Hundsun's UFX (恒生 UFX, O32/O45), over the firm's own T2SDK library.

* `t2`            the library by ctypes: connections, messages, packs
* `replies`       an answer's two levels of error; pure
* `words`         UFX's numbers of functions and markets; pure
* `to_native`     orders, cancels and logins in UFX's fields; pure
* `from_native`   UFX's rows as orders, trades, positions and funds; pure
* `split_closes`  a close that the counter split is one order; pure
* `days`          which trading day it is
* `safe_level`    how the connection is made safe
* `line`          the one connection: it comes back by itself, and logs everyone in again
* `pushes`        who hears a push
* `token`         one login, renewed before it dies; `keeping` says when
* `operator`      the relay's own, first of all in many-to-one
* `queries`       what is asked under a token, page by page
* `day_reading`   an account's day, read again where something may have been missed
* `orders`        orders and cancels under a token
* `account`       one terminal's account: its login with the terminal's information, its orders and queries
* `described`     what the counter offers
* `adapter`       what both modes have in common; `many_to_many`, `many_to_one`, and which of them: `modes`

CTP's side of all this is `relay.counter.translated`.
"""
