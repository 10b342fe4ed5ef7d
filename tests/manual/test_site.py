"""The manual's site: built without a warning, and readable without the internet."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?([^\"' >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_of_the_manual_is_there(site: Path) -> None:
    """In both languages, and a page to begin at."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs/manual").rglob("*.md")}

    assert [str(page) for page in pages if not (site / page).is_file()] == []
    assert "manual/zh/index.html" in (site / "index.html").read_text(encoding="utf-8")


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    """No font, script, style or picture of another machine's."""
    loaded = {
        (page.name, address)
        for page in site.rglob("*.html")
        for address in LOADED.findall(page.read_text(encoding="utf-8"))
        if re.match(r"[a-z]+:|//", address) and not address.startswith("data:")
    }

    assert loaded == set()


def test_words_around_a_page_are_of_its_language(site: Path) -> None:
    """And the same page in the other language is one click away."""
    for language, other, words in (("zh", "en", "目录"), ("en", "zh", "Table of contents")):
        page = (site / f"manual/{language}/faults.html").read_text(encoding="utf-8")

        assert f'<html lang="{language}"' in page
        assert words in page
        assert re.search(rf'href="\.\./{other}/faults\.html"[^>]*hreflang="{other}"', page)


def test_chinese_is_found_by_its_characters(site: Path) -> None:
    """The index divides it, since words of Chinese have no blanks between them."""
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    (entry,) = [entry for entry in index["docs"] if entry["location"] == "manual/zh/certificates.html"]

    assert "密" in re.split(index["config"]["separator"].replace(r"(?!\b)(?=[A-Z][a-z])", r"\b\B"), entry["title"])
