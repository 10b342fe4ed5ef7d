"""LZO1X, unpacked: the vendor's library packs the content of a long message so, and says it with tag 43.

A stream of instructions; each copies bytes from itself or from what is unpacked already, and its two lowest bits may say that up
to three bytes follow as they are. An instruction with a distance of 0 ends it.
"""

from __future__ import annotations

MAX_CONTENT = 1 << 24
"""bytes unpacked"""
_END_DISTANCE = 0


class LzoError(ValueError):
    """What came is not in this form."""


def unpack_lzo(data: bytes) -> bytes:
    """Raises LzoError."""
    try:
        return _Unpacking(data).run()
    except IndexError:
        raise LzoError("it ends in the middle") from None


class _Unpacking:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._out = bytearray()

    def run(self) -> bytes:
        first = self._data[0]
        after_literals, literals = False, 0
        if first > 17:
            self._at, literals = 1, first - 17
            self._copy_literals(literals)
            after_literals = literals >= 4
        while True:
            code = self._next()
            if code < 16 and not literals:
                self._copy_literals(self._length(code, 15) + 3)
                literals, after_literals = 4, True
                continue
            length, distance = self._match(code, long_run=after_literals)
            if distance == _END_DISTANCE:
                return bytes(self._out)
            self._copy_match(length, distance)
            literals, after_literals = self._data[self._at - 2] & 3, False
            self._copy_literals(literals)

    def _match(self, code: int, *, long_run: bool) -> tuple[int, int]:
        """How many bytes, from how far back; a distance of 0 is the end."""
        if code >= 64:
            return (code >> 5) + 1, 1 + ((code >> 2) & 7) + (self._next() << 3)
        if code >= 32:
            length = self._length(code & 31, 31) + 2
            return length, 1 + self._far()
        if code >= 16:
            far = (code & 8) << 11
            length = self._length(code & 7, 7) + 2
            far += self._far()
            return length, far + 0x4000 if far else _END_DISTANCE
        near = (code >> 2) + (self._next() << 2)
        return (3, near + 0x801) if long_run else (2, near + 1)

    def _length(self, low: int, most: int) -> int:
        if low:
            return low
        length = most
        while (more := self._next()) == 0:
            length += 255
            if length > MAX_CONTENT:
                raise LzoError("a length beyond all bounds")
        return length + more

    def _far(self) -> int:
        low = self._next()
        return (low >> 2) + (self._next() << 6)

    def _next(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _copy_literals(self, count: int) -> None:
        if self._at + count > len(self._data):
            raise LzoError("it ends in the middle")
        self._grow(count)
        self._out += self._data[self._at : self._at + count]
        self._at += count

    def _copy_match(self, count: int, distance: int) -> None:
        start = len(self._out) - distance
        if start < 0:
            raise LzoError("it points before its beginning")
        self._grow(count)
        for place in range(start, start + count):  # it may copy what it is just writing
            self._out.append(self._out[place])

    def _grow(self, count: int) -> None:
        if len(self._out) + count > MAX_CONTENT:
            raise LzoError("it is longer than a message may be")
