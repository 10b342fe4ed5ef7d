"""A counter whose library cannot run in the relay: a bridge beside that library, asked over gRPC (金证 KSMM).

* `trouble`      what can be wrong with a bridge, and the fault of each
* `tradables`    what a bridge answered, looked at: the list of what may be traded becomes exchanges and boards
* `conversation` one opening of the bridge: each step with its deadline
* `adapter`      the `port.SteeredCounter`: opens, logs in, describes, keeps watch, and begins anew after a break

It connects, logs in, describes and closes. It takes no terminal and declares no request: the library it was made for has
neither a place for a terminal's report nor, as far as is known, one for each investor's session.
"""
