"""The tree over a day's lines: RFC 6962's own shape, and every line proved by its path alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.ledger.merkle import MerkleTree, root_by_path
from relay.ledger.verify_proof import root_of

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""the published vectors of Certificate Transparency, for the first 0 to 8 leaves"""
lines = st.lists(st.binary(max_size=12), min_size=1, max_size=40)


def tree_of(leaves: Sequence[bytes], proved: int = -1, digest: str = "sha256") -> tuple[bytes, tuple[bytes, ...]]:
    tree = MerkleTree(digest, proved=proved)
    for leaf in leaves:
        tree.add(leaf)
    root = tree.end()
    return root, tree.path


def naive(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + naive(leaves[:split]) + naive(leaves[split:])).digest()


def naive_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1, word by word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(leaves[:split], index), naive(leaves[split:])]
    return [*naive_path(leaves[split:], index - split), naive(leaves[:split])]


@pytest.mark.parametrize("count", range(9))
def test_the_published_vectors(count: int) -> None:
    """The roots that Certificate Transparency's own tests have."""
    assert tree_of(LEAVES[:count])[0].hex() == ROOTS[count]


@given(lines, st.data())
def test_root_and_paths_are_those_of_the_definition(leaves: list[bytes], data: st.DataObject) -> None:
    """Leaf by leaf with one hash a bit, and by recursion over all leaves: the same."""
    index = data.draw(st.integers(0, len(leaves) - 1))

    root, path = tree_of(leaves, index)
    assert (root, list(path)) == (naive(leaves), naive_path(leaves, index))


@given(lines, st.sampled_from(["sha256", "sm3"]), st.data())
def test_every_leaf_proves_and_no_other(leaves: list[bytes], digest: str, data: st.DataObject) -> None:
    """Its path leads to the root; from another line, another place, another size or another path it does not."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(max_size=12).filter(lambda line: line != leaves[index]))
    place = data.draw(st.integers(-2, len(leaves) + 2).filter(lambda one: one != index))
    size = data.draw(st.integers(0, 2 * len(leaves)).filter(lambda one: one != len(leaves)))
    root, path = tree_of(leaves, index, digest)

    assert root_by_path(digest, leaves[index], index, len(leaves), path) == root
    assert root_by_path(digest, other, index, len(leaves), path) != root
    if leaves.count(leaves[index]) == 1:
        assert root_by_path(digest, leaves[index], place, len(leaves), path) != root
    assert root_by_path(digest, leaves[index], index, len(leaves), [*path, root]) != root
    if path:
        assert root_by_path(digest, leaves[index], index, len(leaves), path[:-1]) != root
        assert root_by_path(digest, leaves[index], index, len(leaves), [bytes(32), *path[1:]]) != root
    # Another size leads to the root only where the way up is the same; the seal names the size, and is signed.
    if root_by_path(digest, leaves[index], index, size, path) == root:
        assert len(naive_path([b""] * size, index)) == len(path)


@given(lines, st.data())
def test_the_verifier_that_stands_alone_says_the_same(leaves: list[bytes], data: st.DataObject) -> None:
    """It shares no code with the relay; both find the root, or neither."""
    index = data.draw(st.integers(-1, len(leaves) + 1))
    size = data.draw(st.integers(0, len(leaves) + 3))
    leaf = leaves[index % len(leaves)]
    _, path = tree_of(leaves, index % len(leaves))

    found = root_by_path("sha256", leaf, index, size, path)
    try:
        alone = root_of("sha256", leaf, index, size, list(path))
    except ValueError:
        alone = None
    assert alone == found


def test_a_node_is_no_leaf() -> None:
    """Two leaves' hashes given as one line do not lead to the same root."""
    left, right = (hashlib.sha256(b"\0" + leaf).digest() for leaf in (b"a", b"b"))

    assert tree_of([left + right])[0] != tree_of([b"a", b"b"])[0]


def test_a_long_tree_keeps_few_hashes() -> None:
    """One for each set bit of the number of leaves."""
    tree = MerkleTree()
    most = 0
    for number in range(4096):
        tree.add(number.to_bytes(4, "big"))
        most = max(most, len(tree._subtrees))

    assert most <= 13
