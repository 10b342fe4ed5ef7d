"""The settings in force in a running relay, and what became of a reload, as operators see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from ctprelay.v1 import admin_pb2 as pb
from relay.outside_text import shown
from relay.settings.text import section_at


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload; all by key."""

    applied: tuple[str, ...] = ()
    """whose new value is in force now"""
    needs_restart: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    """key, empty for the whole file, and why; what was before goes on"""
    read_again: tuple[str, ...] = ()
    """files, by their key"""

    def message(self) -> pb.ReloadResponse:
        """For the admin API."""
        problems = [pb.ReloadProblem(key=key, why=shown(why)) for key, why in self.problems]
        return pb.ReloadResponse(
            applied=self.applied, needs_restart=self.needs_restart, problems=problems, read_again=self.read_again
        )


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings of a running relay, by key."""

    values: Mapping[str, Any]
    in_file: Mapping[str, Any]
    """what the file said when it was read last"""
    reloadable: Callable[[str], bool]

    def message(self) -> pb.RunningSettings:
        """For the admin API: secrets hidden."""
        keys: Collection[str] = sorted(self.values.keys() | self.in_file.keys())
        return pb.RunningSettings(settings=[self._one(key) for key in keys])

    def _one(self, key: str) -> pb.RunningSetting:
        value = self.values.get(key)
        return pb.RunningSetting(
            key=key,
            value=_hidden(value),
            needs_restart=value != self.in_file.get(key),
            reloadable=self.reloadable(key),
            meaning=_meaning(key),
        )


def _hidden(value: Any) -> str:
    if isinstance(value, SecretStr):
        return json.dumps("**********")
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return shown(json.dumps(value, default=str, ensure_ascii=False))


def _meaning(key: str) -> str:
    *sections, name = key.split(".")
    try:
        return section_at(tuple(sections)).model_fields[name].description or ""
    except (KeyError, AttributeError, TypeError):
        return ""
