"""Which modules are changed, and which tests judge them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHANGED = (
    "relay/counter/ctp",
    "relay/sessions",
    "relay/admission",
    "relay/ledger",
    "relay/refusals",
    "relay/http2",
    "proto/ctprelay/wire",
    "terminal_client/call.py",
    "terminal_client/channel.py",
    "terminal_client/connection.py",
    "ctpabi/codec",
    "ctpabi/facts",
    "ctpabi/outside_text.py",
    "ctpabi/api/inbox.py",
    "ctpabi/api/instance.py",
    "ctpabi/api/spi.py",
    "ctpabi/api/trader.py",
)
"""Everything that decides between the wire and the vendor's library, admission and ledger; and the HTTP/2 of both ends."""
JUDGES = (
    "tests/relay/counter/ctp",
    "tests/relay/sessions",
    "tests/relay/admission",
    "tests/relay/ledger",
    "tests/relay/refusals",
    "tests/relay/http2",
    "tests/ctprelay",
    "tests/terminal_client/test_channel.py",
    "tests/terminal_client/test_connection.py",
    "tests/terminal_client/test_reaching.py",
    "tests/ctpabi/codec",
    "tests/ctpabi/facts",
    "tests/ctpabi/api",
    "tests/ctpabi/test_outside_text.py",
    "tests/codegen/pages/test_facts_on_pages.py",
    "tests/relay/admin/test_ledger_seals.py",
    "tests/relay/admin/test_ledger_gaps.py",
)
COPIED = ("relay", "ctpabi", "terminal_client", "simcounter", "proto", "tests", "codegen", "pyproject.toml", "docs")
"""What the judges need: these folders and files are copied."""
_PROTO = "proto/"
"""an import root of its own"""


def python_files(places: tuple[str, ...], root: Path = ROOT) -> Iterator[str]:
    """The Python files under `places`, as paths from the root."""
    for place in places:
        found = sorted((root / place).rglob("*.py")) if (root / place).is_dir() else [root / place]
        yield from (str(path.relative_to(root)) for path in found if path.exists())


def changed_files() -> list[str]:
    return list(python_files(CHANGED))


def judging_files(places: Sequence[str] = ()) -> list[str]:
    """The test files that judge changes of everything, or of these places: those of the folders that mirror them."""
    files = [name for name in python_files(JUDGES) if Path(name).name.startswith("test_")]
    folders = {mirrored(file)[1] for file in changed_files() if file.startswith(tuple(places))}
    return [name for name in files if not places or name.startswith((*folders, "tests/codegen/pages"))]


def module_name(file: str) -> str:
    return file.removeprefix(_PROTO).removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")


def mirrored(file: str) -> tuple[str, str]:
    """The test file that mirrors a module, and its folder; each may be missing."""
    path = Path("tests", file.removeprefix(_PROTO))
    return str(path.with_name(f"test_{path.name}")), f"{path.parent}/"
