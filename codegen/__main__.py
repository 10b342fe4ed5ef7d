"""The command line of the generator: `python -m codegen [--check]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from codegen.other_bindings import catalogs_of_others
from codegen.output import difference, differing, write, write_texts
from ctpabi.catalog import Catalog, Interface
from ctpabi.catalog.data import COMMAND
from ctpabi.catalog.introspect import introspect

_ROOT = Path(__file__).parents[1]

WRITERS = (
    "codegen.terminal_methods",
    "codegen.trading_protos",
    "codegen.pages.settings",
    "codegen.pages.metrics",
    "codegen.pages.monitoring",
    "codegen.pages.state_machines",
    "codegen.pages.requests",
    "codegen.pages.refusals",
    "codegen.pages.manual_pages",
    "codegen.completion.scripts",
    "codegen.openctp_constants",
)
"""Modules whose `files()` are written too. They import relay and messages, so they are imported when the messages are written."""


def main(arguments: list[str] | None = None, root: Path = _ROOT) -> int:
    """Write, or with --check compare; the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate everything that is generated.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something would change")
    options = parser.parse_args(arguments)
    catalog = introspect()
    if options.check:
        return _check(catalog, root)
    print(f"{sum(map(len, _written(catalog, root, root)))} files written from openctp-ctp {catalog.version}")
    return 0


def _check(catalog: Catalog, root: Path) -> int:
    stale = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for files in _written(catalog, root, scratch):
            for path in differing(files, root, scratch):
                stale += 1
                print(f"{path} is not what `{COMMAND}` writes from openctp-ctp {catalog.version}")
                print(difference(path, root, scratch))
    if stale:
        print(f"{stale} generated files are not current. To mend it: make gen")
    return 1 if stale else 0


def _written(catalog: Catalog, source: Path, target: Path) -> Iterator[list[Path]]:
    """Everything, written step by step; each step's files, relative to `target`."""
    yield write(catalog, source, target, introspect(Interface.MARKET_DATA))
    for distribution, texts in catalogs_of_others(catalog):
        if not texts:
            print(f"{distribution} is not installed: its catalogs are left as they are")
        yield write_texts(texts, target)
    for name in WRITERS:
        yield write_texts(importlib.import_module(name).files(), target)


if __name__ == "__main__":
    sys.exit(main())
