"""The CTP relay server: terminals in over gRPC, the broker's counter out over openctp-ctp.

Each folder is one subject and says in its first line which. Imports point down only; docs/architecture.md has the map,
and a contract in pyproject.toml the order.
"""

import os

# gRPC prints a line for every failed TLS handshake, on its own threads and straight to standard error. `serve` makes log
# events of them, but anybody who connects can cause them, and commands have no such reader. It looks here once, when it is
# imported, so this stands before any import of it.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
