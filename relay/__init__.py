"""The CTP relay server: terminals in over gRPC, the broker's counter out over openctp-ctp.

Floors, imports point down only:

    cli, server      composition root: the only place that picks a counter
    rpc              gRPC servicers: the wire in front of the services
    services         use cases: admission, terminal sessions, directory, ledger writer
    counter          the port to a counter, and the CTP adapter behind it
    domain           pure rules: no clock, no I/O, no threads
    settings errors logs    leaf vocabulary
"""

import os

# gRPC prints a line for every failed TLS handshake, on its own threads and straight to standard error: anybody who
# connects could fill a pipe that is not read, and stop those threads. It looks here once, when it is imported, so this
# stands before any import of it.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
