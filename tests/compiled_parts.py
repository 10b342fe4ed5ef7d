"""A plugin for pytest: the relays of this run have their order path as machine code. `python -m pytest -p tests.compiled_parts …`"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from relay.compiled import build, choice

build.compile_here()
_wanted: Any = SimpleNamespace(relay=SimpleNamespace(compiled="on"))
choice.choose(_wanted)
