"""Struct bytes of the wrong size are no message."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Catalog
from ctpabi.codec import wire
from ctpabi.codec.layout import WrongSize


def test_an_encoder_refuses_bytes_of_another_size(catalog: Catalog) -> None:
    """Reading past the struct or short of it would report nonsense as the counter's word."""
    order = catalog.structs["Order"]
    encode = wire.encoder(order, {field.proto_name: number for number, field in enumerate(order.fields, 1)})

    with pytest.raises(WrongSize, match="Order has 872 bytes, not 873"):
        encode(bytes(873))
