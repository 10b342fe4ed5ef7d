"""A tree of hashes over the lines of a file, in the shape of RFC 6962 (section 2.1): one line is proved without the others.

A leaf is the hash of a zero byte and the line; a node that of a one byte and its two children, so that no leaf can be
taken for a node. The left side of a tree of n leaves has the largest power of two below n. `MerkleTree` takes leaves one after
another and keeps one hash for each set bit of their number. It notes the *audit path* of one leaf while it does: the
hashes beside the leaf's way up to the root, nearest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.ledger.digests import SHA256, digest_of

_LEAF, _NODE = b"\0", b"\1"
MOST_STEPS = 64
"""a longer path belongs to no tree"""


@dataclass(slots=True)
class _Subtree:
    first: int
    leaves: int
    root: bytes


class MerkleTree:
    def __init__(self, digest: str = SHA256, *, proved: int = -1) -> None:
        """`proved` is the number of the leaf whose path is wanted, from 0."""
        self._digest = digest
        self._proved = proved
        self._subtrees: list[_Subtree] = []
        self._path: list[bytes] = []
        self.leaves = 0

    def add(self, line: bytes) -> None:
        """The next leaf."""
        self._subtrees.append(_Subtree(self.leaves, 1, leaf_hash(self._digest, line)))
        self.leaves += 1
        while len(self._subtrees) > 1 and self._subtrees[-1].leaves == self._subtrees[-2].leaves:
            self._join()

    def end(self) -> bytes:
        """The root; nothing can be added afterwards. Of no leaves: the hash of nothing."""
        while len(self._subtrees) > 1:
            self._join()
        return self._subtrees[0].root if self._subtrees else digest_of(self._digest, b"")

    @property
    def path(self) -> tuple[bytes, ...]:
        """The audit path of the leaf that is proved; whole after `end`."""
        return tuple(self._path)

    def _join(self) -> None:
        right, left = self._subtrees.pop(), self._subtrees.pop()
        if left.first <= self._proved < right.first:
            self._path.append(right.root)
        elif right.first <= self._proved < right.first + right.leaves:
            self._path.append(left.root)
        root = digest_of(self._digest, _NODE + left.root + right.root)
        self._subtrees.append(_Subtree(left.first, left.leaves + right.leaves, root))


def leaf_hash(digest: str, line: bytes) -> bytes:
    """The hash of one line, without its end."""
    return digest_of(digest, _LEAF + line)


def root_by_path(digest: str, line: bytes, index: int, leaves: int, path: Sequence[bytes]) -> bytes | None:
    """The root of the tree in which the line is leaf `index` of `leaves`; None where no tree has such a path."""
    if not 0 <= index < leaves or len(path) > MOST_STEPS:
        return None
    node, last, root = index, leaves - 1, leaf_hash(digest, line)
    for beside in path:
        if last == 0:
            return None
        if node % 2 or node == last:
            root = digest_of(digest, _NODE + beside + root)
            while node % 2 == 0:  # a right edge without a neighbor: it goes up as it is
                node, last = node // 2, last // 2
        else:
            root = digest_of(digest, _NODE + root + beside)
        node, last = node // 2, last // 2
    return root if last == 0 else None
