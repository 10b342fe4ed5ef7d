"""The settings as text for people, in Chinese or English: an example file and a reference page, both from the descriptions."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from relay.settings.section import NEEDED
from relay.settings.settings import ENVIRONMENT_PREFIX, Settings
from relay.settings.wording import SettingsWording, settings_wording

_ENGLISH = settings_wording(chinese=False)
_EXAMPLE_HEAD = (
    "# Settings of the CTP relay. Lines that are commented out show the default.",
    "# Every setting may also be given as an environment variable {}SECTION__KEY.",
    "# Relative paths are taken from this file's directory.",
)
_PAGE_HEAD = (
    "The relay reads one TOML file (`ctp-relay serve -c relay.toml`). Every key can be overridden by an environment\n"
    "variable, `{}SECTION__KEY`; lists are written with commas there. Unknown keys are refused.\n"
    "Secrets stand in files only their owner can read, or in the environment."
)
_NAMES: dict[type, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def section_at(keys: Sequence[str]) -> type[BaseModel]:
    """The section class at these keys, as far as they lead."""
    section: type[BaseModel] = Settings
    for key in keys:
        inner = _section_of(section.model_fields.get(key))
        if inner is None:
            break
        section = inner
    return section


def section_meaning(path: str) -> str:
    """What the section is about, as the source has it; empty for one that is not known here."""
    return next((section.__doc__ or "" for known, section in _sections() if known == path), "")


def setting_keys() -> Iterator[tuple[str, ...]]:
    """The keys of every setting, as ("listen", "address")."""
    for path, section in _sections():
        for name, field in section.model_fields.items():
            if _section_of(field) is None:
                yield (*path.split("."), name)


def allowed_values(keys: Sequence[str]) -> str:
    """What the setting at these keys may be, in words; empty where there is no such setting."""
    section = section_at(keys)
    for key in keys:
        field = section.model_fields.get(key)
        if field is not None and _section_of(field) is None:
            return f"allowed: {_kind(field, _ENGLISH)}"
    return ""


def example(
    given: Mapping[str, object] = MappingProxyType({}), words: SettingsWording | Sequence[SettingsWording] = _ENGLISH
) -> str:
    """A settings file with every key: those `given` ("listen.address") set, required ones set to an example, others commented out.

    Each comment is there in every one of `words`.
    """
    spoken = [words] if isinstance(words, SettingsWording) else words
    lines = [one.of_fixed(line, ENVIRONMENT_PREFIX) for one in spoken for line in _EXAMPLE_HEAD]
    for path, section in _sections():
        optional = _may_be_missing(path) and not any(key.startswith(path) for key in given)
        lines += ["", *(f"# {one.of_section(path, section.__doc__ or '')}" for one in spoken)]
        lines += [f"{'# ' if optional else ''}[{path}]"]
        for name, field in section.model_fields.items():
            if _section_of(field) is None and not _only_from_environment(field):
                key = f"{path}.{name}"
                lines += [_comment(key, field, one) for one in spoken]
                lines += [f"{name} = {_toml(given[key])}" if key in given else _line(path, name, field, optional)]
    return "\n".join(lines) + "\n"


def _comment(key: str, field: FieldInfo, words: SettingsWording) -> str:
    allowed = words.of_fixed(" ({})", _kind(field, words))
    return f"# {words.of_setting(key, field.description or '')}{allowed}"


def markdown(words: SettingsWording = _ENGLISH) -> str:
    """The reference page."""
    lines = [f"# {words.of_fixed('Settings')}", "", words.of_fixed(_PAGE_HEAD, ENVIRONMENT_PREFIX)]
    for path, section in _sections():
        lines += ["", f"## [{path}]", "", words.of_section(path, section.__doc__ or ""), ""]
        lines += [words.of_fixed("| key | allowed | default | meaning |"), "|---|---|---|---|"]
        for name, field in section.model_fields.items():
            if _section_of(field) is None:
                default = words.of_fixed("**required**") if _is_needed(field) else _default(field)
                meaning = words.of_setting(f"{path}.{name}", field.description or "")
                lines.append(f"| `{name}` | {_kind(field, words)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _sections(at: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in at.model_fields.items():
        section = _section_of(field)
        if section is not None:
            yield prefix + name, section
            yield from _sections(section, f"{prefix}{name}.")


def _may_be_missing(path: str) -> bool:
    *above, name = path.split(".")
    return section_at(above).model_fields[name].default is None


def _is_needed(field: FieldInfo) -> bool:
    return field.is_required() or field.json_schema_extra == NEEDED


def _line(path: str, name: str, field: FieldInfo, optional: bool) -> str:
    given = name in {"tls_certificate", "tls_key", "relay_auth_code_file"} and path in {"listen", "counter"}
    if _is_needed(field) or given:
        return f"{'# ' if optional else ''}{name} = {_toml(field.examples[0] if field.examples else '')}"
    if field.default is None:
        return f"# {name} = {_toml(field.examples[0]) if field.examples else '…'}"
    return f"# {name} = {_toml(field.default)}"


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(value, ensure_ascii=False)


def _section_of(field: FieldInfo | None) -> type[BaseModel] | None:
    if field is None:
        return None
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _only_from_environment(field: FieldInfo) -> bool:
    return "from the environment" in (field.description or "")


def _kind(field: FieldInfo, words: SettingsWording) -> str:
    bounds = (*_bounds(field.metadata), *_bounds_inside(field.annotation))
    parts = [_type_words(field.annotation, words), *(words.of_fixed(text, *values) for text, *values in bounds)]
    return words.of_fixed(", ").join(parts)


def _type_words(annotation: Any, words: SettingsWording) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return words.of_fixed(" or ").join(get_args(annotation))
    if origin in {Union, types.UnionType}:
        return _type_words(next(part for part in get_args(annotation) if part is not type(None)), words)
    if origin is tuple:
        return words.of_fixed("list of whole numbers" if int in _plain(get_args(annotation)) else "list of texts")
    if annotation is SecretStr:
        return words.of_fixed("text")
    if origin is not None:  # Annotated
        return _type_words(get_args(annotation)[0], words)
    return words.of_fixed(_NAMES.get(annotation, "text"))


def _plain(annotations: Iterable[Any]) -> set[Any]:
    """The types themselves, without what is said of them."""
    return {get_args(one)[0] if get_origin(one) is Annotated else one for one in annotations}


def _bounds_inside(annotation: Any) -> Iterator[tuple[Any, ...]]:
    """The bounds of a value that may also be left out."""
    if get_origin(annotation) in {Union, types.UnionType}:
        for part in get_args(annotation):
            for item in getattr(part, "__metadata__", ()):
                yield from _bounds(item.metadata if isinstance(item, FieldInfo) else ())


def _bounds(metadata: Sequence[object]) -> Iterator[tuple[Any, ...]]:
    """Each as a sentence and what is put into it."""
    for item in metadata:
        match item:
            case Ge():
                yield "at least {}", item.ge
            case Gt():
                yield "greater than {}", item.gt
            case Le():
                yield "at most {}", item.le
            case MaxLen():
                yield "at most {} characters", item.max_length
            case MinLen(min_length=1):
                yield ("not empty",)
            case _:
                pass
