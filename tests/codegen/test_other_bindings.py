"""A binding beside openctp-ctp is taken only if the messages can carry all that it has."""

from __future__ import annotations

import dataclasses
import importlib.machinery
import importlib.util
import re
from importlib import metadata
from pathlib import Path

import pytest

from codegen import other_bindings
from codegen.other_bindings import NotInMessages, catalogs_of_others, unknown_to
from ctpabi.catalog import Catalog, Distribution, Interface
from ctpabi.catalog.data import load_catalog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tts() -> Catalog:
    return load_catalog(distribution=Distribution.TTS)


def test_the_committed_catalog_is_carried_whole(tts: Catalog) -> None:
    """And it is of the version that is installed from this source."""
    assert unknown_to(load_catalog(), tts) == []
    for text in ((ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt")):
        assert re.search(rf"openctp-tts=={re.escape(tts.version)}\b", text)
    assert load_catalog(Interface.MARKET_DATA, Distribution.TTS).version == tts.version


def test_what_no_message_has_is_named(tts: Catalog) -> None:
    """A method, a field and an enum's value of its own, and a field of another kind."""
    order, direction = tts.structs["InputOrder"], tts.enums["Direction"]
    own_field = dataclasses.replace(order.fields[0], name="TTSFlag")
    other_kind = dataclasses.replace(order.field("LimitPrice"), kind=order.field("VolumeTotalOriginal").kind)
    fields = tuple(other_kind if field.name == "LimitPrice" else field for field in order.fields)
    own_value = dataclasses.replace(direction.values[0], name="D_Both", char="9")
    changed = dataclasses.replace(
        tts,
        methods=tts.methods | {"ReqTTS": dataclasses.replace(tts.methods["ReqOrderInsert"], name="ReqTTS")},
        structs=tts.structs | {"InputOrder": dataclasses.replace(order, fields=(*fields, own_field))},
        enums=tts.enums | {"Direction": dataclasses.replace(direction, values=(*direction.values, own_value))},
    )

    named = unknown_to(load_catalog(), changed)

    assert named == ["ReqTTS", "InputOrder.LimitPrice", "InputOrder.TTSFlag", "Direction D_Both"]


def test_one_that_is_not_installed_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert list(catalogs_of_others(load_catalog())) == [(Distribution.TTS, {})]


def test_one_that_has_more_stops_the_generator(monkeypatch: pytest.MonkeyPatch, tts: Catalog) -> None:
    spec = importlib.machinery.ModuleSpec("openctp_tts", None, origin="/site/openctp_tts/__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    monkeypatch.setattr(metadata, "version", lambda _: tts.version)
    more = dataclasses.replace(tts, methods=tts.methods | {"ReqTTS": tts.methods["ReqOrderInsert"]})
    monkeypatch.setattr(other_bindings, "introspect_at", lambda *_, **__: more)

    with pytest.raises(NotInMessages, match=rf"openctp-tts {tts.version} has what openctp-ctp lacks: ReqTTS"):
        list(catalogs_of_others(load_catalog()))
