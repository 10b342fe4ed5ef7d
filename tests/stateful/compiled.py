"""The histories with the order path as machine code: `python -m tests.stateful.compiled …`, with the words of `tests.stateful`."""

from __future__ import annotations

import os
import sys

from tests import compiled_parts  # noqa: F401 - before the first module of the order path
from tests.stateful.__main__ import READY, environment_of_histories, main

if __name__ == "__main__":
    words = sys.argv[1:]
    if READY not in os.environ:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.stateful.compiled", *words],
            environment_of_histories(os.environ),
        )
    sys.exit(main(words))
