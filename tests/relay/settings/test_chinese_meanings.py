"""The Chinese texts of the settings: all of them, and no other."""

from __future__ import annotations

import re

from relay.settings.settings import Settings
from relay.settings.text import example, markdown, section_at, section_meaning, setting_keys
from relay.settings.wording import chinese_meanings, settings_wording

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES = re.compile(r"(?<![\w.])[a-z]+(?:_[a-z]+)+(?:\.[a-z_]+)?(?![\w.])")
"""settings, commands and values that a text names"""


MODES = {"many_to_many", "many_to_one"}
"""which a Chinese text may call 多对多 and 多对一"""


def named(text: str) -> set[str]:
    return set(NAMES.findall(text))


def wanted() -> set[tuple[str, str]]:
    """Path and name of everything that has a text."""
    keys = {(".".join(keys[:-1]), keys[-1]) for keys in setting_keys()}
    return keys | {(path, "section") for path, _ in keys}


def english(path: str, name: str) -> str:
    if name == "section":
        return section_meaning(path)
    return section_at(path.split(".")).model_fields[name].description or ""


def test_every_setting_and_section_has_a_chinese_text() -> None:
    """What is missing is a line of relay/settings/meanings.zh.toml."""
    texts = chinese_meanings()

    missing = sorted(
        f"{path}.{name}" for path, name in wanted() if not CHINESE.search(texts.get(path, {}).get(name, ""))
    )

    assert not missing, " ".join(missing)


def test_no_chinese_text_is_for_nothing() -> None:
    """A setting that went takes its text along."""
    texts = {(path, name) for path, names in chinese_meanings().items() for name in names}

    assert sorted(texts - wanted()) == []


def test_both_languages_name_the_same_settings() -> None:
    """A setting or value that one text speaks of is in the other."""
    texts = chinese_meanings()

    differ = {
        f"{path}.{name}": lost
        for path, name in wanted()
        if (lost := named(english(path, name)) - set(re.findall(r"[a-z][\w.]*", texts[path][name], re.ASCII)) - MODES)
    }

    assert differ == {}


def test_page_and_example_are_chinese_and_set_the_same() -> None:
    """No English is left around the meanings; what is not a comment is the same text."""
    words = settings_wording(chinese=True)
    page, file = markdown(words), example(words=words)

    assert not re.search(r"\b(at least|at most|whole number|allowed|Settings)\b|\*\*required", page + file)
    for row in (line for line in page.splitlines() if line.startswith("| `")):
        assert CHINESE.search(row.rsplit("|", 2)[1]), row
    assert [line for line in file.splitlines() if not line.startswith("# ")] == [
        line for line in example().splitlines() if not line.startswith("# ")
    ]
    assert Settings.model_fields.keys() <= chinese_meanings().keys()
