"""A worker with the relay's order path as machine code: `python -m fuzz.compiled TARGET …`, with the words of `fuzz.worker`."""

from __future__ import annotations

import sys

from tests import compiled_parts  # noqa: F401 - before the first module of the order path

if __name__ == "__main__":
    from fuzz.worker import main

    sys.exit(main(sys.argv[1:]))
