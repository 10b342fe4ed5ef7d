"""Random contents of CTP structs, the wild ones included."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ctpabi.catalog import Catalog, Field, Kind, Struct
from ctpabi.codec.layout import DBL_MAX

INT32 = st.one_of(st.sampled_from([1, 127, 128, 16383, 16384, -1]), st.integers(-(2**31), 2**31 - 1))
INT16 = st.integers(-(2**15), 2**15 - 1)
DOUBLE = st.one_of(st.sampled_from([0.0, -0.0, DBL_MAX, -DBL_MAX]), st.floats(allow_nan=False))
TEXT = st.text(st.one_of(st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from("报单已提交01AZ")))


def structs(catalog: Catalog) -> st.SearchStrategy[Struct]:
    return st.sampled_from(list(catalog.structs.values()))


def struct_bytes(struct: Struct) -> st.SearchStrategy[bytes]:
    """Anything at all in the struct's memory: half-cut characters, missing NULs, padding."""
    return st.one_of(st.binary(min_size=struct.size, max_size=struct.size), st.just(bytes(struct.size)))


@st.composite
def values(draw: st.DrawFn, struct: Struct) -> dict[str, Any]:
    """Values that fit some of the struct's fields."""
    fields = draw(st.lists(st.sampled_from(struct.fields), unique_by=lambda field: field.name, max_size=12))
    return {field.name: draw(_value(field)) for field in fields if field.kind is not Kind.BYTES}


def _value(field: Field) -> st.SearchStrategy[Any]:
    match field.kind:
        case Kind.TEXT:
            return TEXT.map(lambda text: _cut(text, field.size - 1))
        case Kind.BYTES:
            return st.binary(max_size=field.size)
        case Kind.CHAR:
            return st.characters(max_codepoint=0xFF, exclude_characters="\0") | st.just("")
        case Kind.INT:
            return INT32
        case Kind.SHORT:
            return INT16
        case Kind.DOUBLE:
            return DOUBLE


def _cut(text: str, size: int) -> str:
    """As much of the text as fits `size` bytes of GB18030."""
    while len(text.encode("gb18030")) > size:
        text = text[:-1]
    return text
