"""The command line of the generator: `python -m codegen [--check]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from codegen.output import differing, write
from ctpabi.catalog import Interface
from ctpabi.catalog.data import COMMAND
from ctpabi.catalog.introspect import introspect

_ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None, root: Path = _ROOT) -> int:
    """Write, or with --check compare; the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate from the installed openctp-ctp.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something would change")
    options = parser.parse_args(arguments)
    catalog, market_data = introspect(), introspect(Interface.MARKET_DATA)
    if not options.check:
        files = write(catalog, root, root, market_data)
        _say(f"{len(files)} files written from openctp-ctp {catalog.version}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        stale = differing(write(catalog, root, Path(scratch), market_data), root, Path(scratch))
    for path in stale:
        _say(f"{path} is not what `{COMMAND}` writes from openctp-ctp {catalog.version}")
    return 1 if stale else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
