"""The documents' links: which of them point at a file or a heading that is not there.

`python -m scripts.links` prints them and exits 1 where there are any. Addresses on the web are not visited.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_SKIPPED = {".venv", ".git", ".cache", "node_modules"}


def broken_links(root: Path) -> list[str]:
    """`document: link` for every relative link of the Markdown files below `root` that leads nowhere."""
    return [f"{page.relative_to(root)}: {link}" for page in _pages(root) for link in _broken(page)]


def anchors(text: str) -> set[str]:
    """What of a page can be linked to: its headings, named the way GitHub names them, and its anchors."""
    plain = _FENCE.sub("", text)
    return {_slug(heading) for heading in _HEADING.findall(plain)} | set(_ANCHOR.findall(plain))


def _pages(root: Path) -> Iterator[Path]:
    for page in sorted(root.rglob("*.md")):
        if not _SKIPPED.intersection(page.relative_to(root).parts):
            yield page


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or not _has(target, anchor):
            yield link


def _has(target: Path, anchor: str) -> bool:
    return not anchor or target.suffix != ".md" or anchor in anchors(target.read_text(encoding="utf-8"))


def _slug(heading: str) -> str:
    plain = re.sub(r"<[^>]+>|[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    kept = (c for c in plain if c in "-_ " or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def main() -> int:
    broken = broken_links(Path(__file__).resolve().parent.parent)
    for line in broken:
        print(f"leads nowhere: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
