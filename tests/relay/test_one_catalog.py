"""The relay goes by the catalog of the binding that it has loaded, and by no other."""

from __future__ import annotations

import ast
from pathlib import Path

RELAY = Path(__file__).parents[2] / "relay"
OF_TERMINALS = {"struct_from_message", "struct_from_event", "event_bytes", "request_body", "known_requests"}
"""functions that go by the catalog of the messages"""
LOOKS_BEFORE = "doctor/counter.py"
"""names the binding whose catalog it asks for"""
WITHOUT_A_BINDING = ("counter/cts/adapter.py", "counter/ufx/adapter.py")
"""load no binding: the structs of their terminals' events go to no library"""


def test_no_module_asks_for_another_catalog() -> None:
    """A struct packed by one and sent by the other would be read at wrong offsets, without any error."""
    found = [
        (str(path.relative_to(RELAY)), name.name)
        for path in sorted(RELAY.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ctpabi")
        for name in node.names
        if name.name in OF_TERMINALS | {"load_catalog"}
    ]

    assert found == [(path, "load_catalog") for path in (*WITHOUT_A_BINDING, LOOKS_BEFORE)]
    assert "load_catalog()" not in (RELAY / LOOKS_BEFORE).read_text(encoding="utf-8")
