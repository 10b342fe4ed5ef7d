"""Many-to-one: the operator's UserID stands in every order and answer; terminals see their own investor there.

CTP fact 29. So a terminal cannot tell the modes apart by it, and the operator's name at the counter stays the firm's own.
"""

from __future__ import annotations

from ctpabi.catalog import Callback, Catalog, Struct
from ctpabi.codec.cells import TextCell, text_cell
from ctpabi.codec.text import encode

_FIELDS = ("UserID", "ActiveUserID", "OperatorID")


class OperatorMask:
    """Replaces one operator's id in the structs of one catalog; an empty id masks nothing."""

    def __init__(self, catalog: Catalog, operator_id: str) -> None:
        self._operator = encode(operator_id)
        self._cells = {
            callback.name: _cells(catalog.structs[callback.struct])
            for callback in catalog.callbacks.values()
            if operator_id and callback.struct
        }

    def show(self, callback: Callback, body: bytes, investor: bytes) -> bytes:
        """The struct as this investor may see it; the same object where nothing is to be replaced."""
        if not self._operator:
            return body
        places = [cell for cell in self._cells.get(callback.name, ()) if cell.read(body) == self._operator]
        if not places:
            return body
        shown = bytearray(body)
        for cell in places:
            cell.write(shown, investor)
        return bytes(shown)


def _cells(struct: Struct) -> tuple[TextCell, ...]:
    found = (text_cell(struct, name) for name in _FIELDS)
    return tuple(cell for cell in found if cell is not None)
