"""What mkdocs needs besides its settings to make the manual's site; mkdocs.yml names it as its hooks.

Pages stand in the repository as a forge shows them: a link may lead to a source file, which the site does not have. Chinese and English
pages are in one site, each with the words around it in its own language, and one click from the same page in the other.

Pictures of the console are made by a command (`make console-pictures`) and never committed: where a page has `<!-- console: overview -->`,
the picture of that name and language stands, in the reader's theme; nothing where none were made.
"""

from __future__ import annotations

import json
import logging
import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

_log = logging.getLogger("mkdocs.hooks.site")
MANUAL = {"zh": "manual/zh/", "en": "manual/en/"}
CHINESE_PAGES = ("manual/zh/", "security.zh.md", "chaos.zh.md", "mutants.zh.md", "settings.zh.md", "refusals.md")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_CHARACTER = re.compile(r"([\u4e00-\u9fff])")
_PICTURE = re.compile(r"<!-- console: ([\w-]+) -->")
PICTURES = Path(__file__).resolve().parent.parent / "dist/console-pictures"
_START = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>CTP 中继手册</title>
<script>location.replace((navigator.language||"zh").startsWith("zh")?"manual/zh/index.html":"manual/en/index.html")</script>
<meta http-equiv="refresh" content="1;url=manual/zh/index.html"><a href="manual/zh/index.html">中文</a> · <a href="manual/en/index.html">English</a></html>
"""


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pictures that were made."""
    for path in sorted(PICTURES.glob("*-1440.png")):
        files.append(File.generated(config, f"images/console/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_more: Any) -> str:
    """Leave the text of links that lead out of the documents, and show the console."""
    here = posixpath.dirname(page.file.src_uri)

    def kept(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, found[2]))
        return found[1] if target.startswith("..") else found[0]

    language = "zh" if page.file.src_uri.startswith(MANUAL["zh"]) else "en"
    return _PICTURE.sub(lambda found: _shown(found[1], language), _LINK.sub(kept, markdown))


def _shown(name: str, language: str) -> str:
    """Both themes' pictures, of which the site shows one."""
    if not PICTURES.is_dir():
        return ""
    shown = ""
    for theme in ("light", "dark"):
        file = f"{name}-{language}-{theme}-1440.png"
        if not (PICTURES / file).is_file():
            _log.warning("no picture %s: make console-pictures", file)
            continue
        shown += f"![{name}](../../images/console/{file}#only-{theme})"
    return shown


def on_page_context(context: Any, *, page: Any, config: Any, **_more: Any) -> Any:
    """The words around a page in its language, and the way to the same page in the other."""
    name = page.file.src_uri
    config.theme["language"] = "zh" if name.startswith(CHINESE_PAGES) else "en"
    inside = next((name.removeprefix(start) for start in MANUAL.values() if name.startswith(start)), "index.md")
    for other in config.extra["alternate"]:
        other["link"] = "./" + MANUAL[other["lang"]] + inside.removesuffix(".md") + ".html"
    return context


def on_post_build(*, config: Any) -> None:
    """Make Chinese searchable by its characters, where no dictionary of words is there, and a page to begin at."""
    site = Path(config.site_dir)
    (site / "index.html").write_text(_START, encoding="utf-8")
    for folder in MANUAL.values():  # where the theme's script looks for the pages of the other language
        shutil.copyfile(site / "sitemap.xml", site / folder / "sitemap.xml")
    index = site / "search/search_index.json"
    found = json.loads(index.read_text(encoding="utf-8"))
    for entry in found["docs"]:
        for part in ("title", "text"):
            if "\u200b" not in entry[part]:
                entry[part] = _CHARACTER.sub("\u200b\\1\u200b", entry[part])
    index.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
