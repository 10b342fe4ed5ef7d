"""A simulated CTS counter (根网): one JSON object a line over TCP, in front of the same trading desk as the CTP front.

* `lines`       the frames: a line in, a message out; what is none ends the connection
* `passwords`   DES under the connection's passkey, as CTS hides a password
* `codes`       the words of CTS for exchanges, sides and offsets
* `rows`        orders, trades, positions, funds and contracts as CTS shows them
* `logins`      sessions, accounts, terminal ids, and what a break leaves behind
* `requests`    each message type: a CTS request becomes the kernel's request, its effects become the answer
* `misbehavior` what is to go wrong with which message type
* `connection`  one TCP connection
* `front`       which connection is which session, who hears of which trade
* `commands`    what can be done to it while it runs

What the public Python client of CTS sends and reads is played as it is; what only a server could know (error codes, what
of a session survives a break) is an assumption, and each is named where it is made.
"""
