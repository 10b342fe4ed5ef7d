"""The house rules, checked: names, sizes, what may be in the tree, and that documents lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from scripts.links import anchors, broken_links

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "relay",
    "ctpabi",
    "codegen",
    "demo",
    "fuzz",
    "mutants",
    "simulation",
    "simcounter",
    "terminal_client",
    "integrations",
)
MODULE_LINES = 400

TOO_LONG: dict[str, int] = {}
"""Modules over MODULE_LINES and their length; may only shrink. Say in the commit why one is added."""

STANDS_FOR_TWO: dict[str, str] = {
    "Refusal": "the same thing on both sides of the wire, and public in terminal_client",
}
"""Class names that still stand for more than one thing, each with the reason; may only shrink."""

UNCLEAR_WORDS = re.compile(r"\b(told|nobody|whoever)\b", re.IGNORECASE)
"""Words that leave out who does what. "The terminal is told" hides the message it gets, "nobody may cancel" hides what
the relay answers. Write what happens: "answer *not found* for another investor's order, so that its existence is not
revealed"."""

UNCLEAR_WORDS_PER_THOUSAND_LINES = {"source and documents": 2.8, "tests": 6.3}
"""How many of them there are; may only shrink. Where a sentence needs one, replace another."""

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "handlers"}
VAGUE_CLASS = re.compile(r"(Manager|Handler|Helper|Utils?)$")
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:work|root|Users|home/(?!ctp\b))/?[\w.-]*/")
BINARY = re.compile(r"\.(so|dll|dylib|a|o|pyd|exe|whl|pyc|con|db|sqlite3?|pem|key|crt|p12)$")
FACT = re.compile(r"^\*\*(\d+)\*\* \*\((?:documented|measured|inferred|documented and measured)\)\* ", re.MULTILINE)
CITATION = re.compile(r"CTP\s+facts?\s+(\d+(?:(?:,\s+|\s+and\s+)\d+)*)")
VENDOR_FILE = re.compile(r"(thost\w*|ThostFtdc\w*|DataCollect\w*)\.(h|hpp|so|dll|lib|dtd|xml)", re.IGNORECASE)


@cache
def tracked() -> tuple[Path, ...]:
    """Files in the commit, or on the way into it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def is_generated(path: Path) -> bool:
    parts = path.relative_to(ROOT).as_posix()
    return "/generated/" in parts or "_pb2" in path.name or parts.startswith("proto/ctprelay/ctp/")


def source_modules() -> Iterator[Path]:
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES and not is_generated(path):
            yield path


def classes() -> Iterator[tuple[str, Path]]:
    """Every class of the source packages, nested and private ones included, with its module."""
    for path in source_modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name, path


def text_files() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_module_names_say_what_they_know() -> None:
    """No module is called utils, helpers, common, base or manager."""
    assert [named(p) for p in source_modules() if p.stem in VAGUE_NAMES] == []


def test_class_names_say_what_they_are() -> None:
    """No class ends in Manager, Handler or Helper."""
    vague = [f"{named(path)}: {name}" for name, path in classes() if VAGUE_CLASS.search(name)]

    assert vague == []


def test_a_class_name_stands_for_one_thing() -> None:
    """No two classes share a name, so that a search for the name finds one thing."""
    homes: dict[str, list[str]] = {}
    for name, path in classes():
        homes.setdefault(name, []).append(named(path))
    shared = {name: where for name, where in homes.items() if len(where) > 1}

    assert {name: where for name, where in shared.items() if name not in STANDS_FOR_TWO} == {}
    assert sorted(STANDS_FOR_TWO.keys() - shared.keys()) == [], "no longer an exception: take it off the list"


def test_modules_stay_readable() -> None:
    """A module has at most 400 lines; the exceptions are listed and may only shrink."""
    lengths = {named(p): len(p.read_text(encoding="utf-8").splitlines()) for p in source_modules()}
    too_long = {name: lines for name, lines in lengths.items() if lines > TOO_LONG.get(name, MODULE_LINES)}

    assert too_long == {}
    assert [name for name in TOO_LONG if lengths.get(name, 0) <= MODULE_LINES] == [], "no longer an exception"


def test_every_module_says_what_it_knows() -> None:
    """Every module of ours opens with a docstring."""
    silent = [named(p) for p in source_modules() if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]

    assert silent == []


def pure_modules() -> set[str]:
    """The files of the contract on purity."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pure,) = [
        item for item in config["tool"]["importlinter"]["contracts"] if item["name"].startswith("Rules are pure")
    ]
    return {name.replace(".", "/") + ".py" for name in pure["source_modules"]}


def test_rules_explain_their_public_functions() -> None:
    """Every public function of a module that a contract calls pure has a docstring."""
    silent = [
        f"{named(path)}: {node.name}"
        for path in source_modules()
        if named(path) in pure_modules()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]

    assert silent == []


@pytest.mark.parametrize("part", UNCLEAR_WORDS_PER_THOUSAND_LINES)
def test_sentences_say_who_does_what(part: str) -> None:
    """Words that leave out who does what become rarer: at most so many in a thousand lines."""
    texts = [
        text
        for path, text in text_files()
        if path.suffix in {".py", ".md", ".proto", ".toml", ".cpp", ".h"}
        and not is_generated(path)
        and path != Path(__file__)
        and (named(path).startswith("tests/")) == (part == "tests")
    ]
    found = sum(len(UNCLEAR_WORDS.findall(text)) for text in texts)
    lines = sum(text.count("\n") for text in texts)

    assert 1000 * found / lines <= UNCLEAR_WORDS_PER_THOUSAND_LINES[part], "write what happens, see UNCLEAR_WORDS"


def test_no_machine_paths() -> None:
    """No tracked file names a path of the machine it was written on."""
    found = [f"{named(path)}: {hit[0]}" for path, text in text_files() if (hit := MACHINE_PATH.search(text))]

    assert found == []


def test_no_addresses_of_package_sources() -> None:
    """Dependencies are named, never located: no index or mirror in what installs them."""
    located = re.compile(r"https?://(?!127\.0\.0\.1)|--(extra-)?index|find-links")
    names = ("constraints.txt", "pyproject.toml", "terminal_client/pyproject.toml", "Dockerfile", "scripts/set-up")
    files = [*(ROOT / name for name in names), *(ROOT / "requirements").glob("*.txt")]
    of_integrations = [path for path in tracked() if named(path).startswith("integrations/")]
    files += [path for path in of_integrations if path.suffix in {".txt", ".toml"}]
    installing = [*files, ROOT / "scripts/set-up-integrations"]

    assert [path.name for path in installing if located.search(path.read_text(encoding="utf-8"))] == []


def test_every_dependency_is_pinned_and_explained() -> None:
    """What the two distributions ask for has a version in constraints.txt and a line in docs/dependencies.md."""
    files = [ROOT / "pyproject.toml", ROOT / "terminal_client/pyproject.toml"]
    projects = [tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files]
    extras = [extra for project in projects for extra in project["optional-dependencies"].values()]
    wanted = [line for lines in (*extras, *(project["dependencies"] for project in projects)) for line in lines]
    names = {re.split(r"[\[<>=;~ ]", line)[0].lower() for line in wanted}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins if "==" in line}
    explained = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").lower()

    assert sorted(names - pinned) == []
    assert sorted(name for name in names if not re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", explained, re.MULTILINE)) == []


def test_nothing_compiled_and_nothing_of_the_vendor() -> None:
    """No library, archive, database, key or file of the vendor's is in the tree."""
    wrong = [named(p) for p in tracked() if BINARY.search(p.name) or VENDOR_FILE.search(p.name)]
    binary = [named(p) for p in tracked() if p.suffix not in {".png", ".ico"} and b"\0" in p.read_bytes()[:8000]]

    assert wrong == []
    assert binary == []


def test_the_tests_mirror_the_source() -> None:
    """Every source folder with modules of its own has a folder of tests beside the others."""
    folders = {path.parent.relative_to(ROOT) for path in source_modules() if path.stem != "__init__"}
    tested = {p.relative_to(ROOT / "tests").parts for p in tracked() if named(p).startswith("tests/")}
    # Loosely: the two upper levels; what is deeper may be tested from there. The demonstration is played by e2e.
    wanted = {folder.parts[:2] for folder in folders if folder.parts[0] != "demo" and "migrations" not in folder.parts}

    assert sorted("/".join(w) for w in wanted if not any(t[: len(w)] == w for t in tested)) == []


def facts() -> list[int]:
    """The numbers of docs/ctp-facts.md, in its order."""
    page = (ROOT / "docs/ctp-facts.md").read_text(encoding="utf-8")
    return [int(number) for number in FACT.findall(page)]


def cited(text: str) -> set[int]:
    """Every fact that `text` cites: "CTP fact 12", "CTP facts 3, 4 and 12"."""
    return {int(number) for list_ in CITATION.findall(text) for number in re.findall(r"\d+", list_)}


def test_every_cited_fact_is_there() -> None:
    """A citation in the source leads to a numbered fact of docs/ctp-facts.md, whose numbers are used once."""
    numbers = facts()
    citations = [(named(path), number) for path in source_modules() for number in cited(path.read_text("utf-8"))]

    assert len(numbers) == len(set(numbers)) > 0
    assert [(name, number) for name, number in citations if number not in numbers] == []


def test_every_fact_is_cited() -> None:
    """A fact that no module relies on is no fact of this page."""
    citations = set().union(*(cited(path.read_text("utf-8")) for path in source_modules()))

    assert [number for number in facts() if number not in citations] == []


def test_citations_are_found_in_lists_and_across_lines() -> None:
    """Which form a citation may have."""
    assert cited("as CTP fact 7 says; CTP facts 1, 22 and\n    3 (CTP\nfact 40)") == {1, 3, 7, 22, 40}


def test_links_in_the_documents_resolve() -> None:
    """Every relative link of every document leads to a file, and to a heading where it names one."""
    assert broken_links(ROOT) == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("# 中继 (relay)", "中继-relay"), ("## The `ledger` chain", "the-ledger-chain"), ("# A, b: c", "a-b-c")],
)
def test_headings_are_linked_as_the_forge_links_them(heading: str, anchor: str) -> None:
    """Punctuation goes, spaces become hyphens, Chinese stays."""
    assert anchors(heading) == {anchor}


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    """A missing file and a missing heading are both told; an existing pair, the web and code blocks are not."""
    (tmp_path / "a.md").write_text(
        "# One\n[x](b.md#two) [y](c.md) [z](b.md#six) [w](https://x.y)\n```\n[q](no.md)\n```\n"
    )
    (tmp_path / "b.md").write_text("## Two\n")

    assert broken_links(tmp_path) == ["a.md: c.md", "a.md: b.md#six"]


@pytest.mark.parametrize(("walk", "most"), [("One login", 16), ("One order", 12)])
def test_a_login_and_an_order_pass_few_files(walk: str, most: int) -> None:
    """docs/architecture.md follows both: a numbered row for each file that takes them and hands them on."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    heading, _, section = page.partition(f"## {walk}")[2].partition("\n")
    files = re.findall(
        r"^\| \d+ \| .* \| \[`((?:relay|ctpabi|terminal_client)/[\w/]+\.py)`\]", section.split("\n## ")[0], re.MULTILINE
    )

    assert len(files) == len(set(files)) <= most
    assert f"{len(files)} files" in heading
