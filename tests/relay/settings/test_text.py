"""The settings as an example and as a page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from relay.settings.file import load
from relay.settings.settings import SYSTEM_SECTIONS, Settings
from relay.settings.text import allowed_values, example, markdown, section_at
from relay.settings.wording import settings_wording

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_loads_as_it_is() -> None:
    """Somebody who only fills in the counter's data has a working file."""
    settings = load(ROOT / "relay.example.toml", {})

    assert settings.counter.broker_id == "9999"


def test_the_commented_lines_are_the_defaults(tmp_path: Path) -> None:
    """Taking the comment signs away changes nothing."""
    lines = [line.removeprefix("# ") if " = " in line and "…" not in line else line for line in example().splitlines()]
    values = tomllib.loads(re.sub(r"^# (\[counter\.\w+\])$", r"\1", "\n".join(lines), flags=re.MULTILINE))
    given = load(ROOT / "relay.example.toml", {})

    for name, section in values.items():
        for key, value in section.items():
            default = getattr(getattr(given, name), key)
            if key not in {"operator", *SYSTEM_SECTIONS, "url", "address"} and not isinstance(default, Path):
                assert default == (tuple(value) if isinstance(value, list) else value), f"{name}.{key}"


def test_the_example_explains_every_setting_in_both_languages() -> None:
    """Chinese first; the Chinese texts are those of the settings page, so neither can be forgotten."""
    lines = (ROOT / "relay.example.toml").read_text(encoding="utf-8").splitlines()
    chinese = [line for line in example(words=settings_wording(chinese=True)).splitlines() if line.startswith("# ")]
    english = [line for line in example().splitlines() if line.startswith("# ")]

    assert set(chinese) | set(english) <= set(lines)
    sample = next(number for number, line in enumerate(lines) if line.startswith("# HOST:PORT of the terminal service"))
    assert lines[sample - 1].startswith("# 终端服务的地址")


def test_every_setting_is_described_and_on_the_page() -> None:
    """Descriptions are the documentation."""
    page = markdown()

    def check(section: type) -> None:
        assert section.__doc__
        for name, field in section.model_fields.items():  # type: ignore[attr-defined]
            inner = section_at([*path, name])
            if inner is not section_at(path):
                path.append(name)
                check(inner)
                path.pop()
            else:
                assert field.description, name
                assert f"`{name}`" in page

    path: list[str] = []
    check(Settings)


def test_what_is_allowed_is_told_in_words() -> None:
    """As error messages and the page have it."""
    assert allowed_values(["relay", "mode"]) == "allowed: many_to_many or many_to_one"
    assert allowed_values(["sessions", "max_per_process"]) == "allowed: whole number, at least 1"
    assert allowed_values(["counter", "fronts", "0"]) == "allowed: list of texts"
    assert allowed_values(["relay", "nonsense"]) == ""
