"""Which password the counter took last, known without keeping it."""

from __future__ import annotations

import pickle

from relay.counter.right_passwords import RightPasswords


def test_the_password_taken_last_is_known_as_right() -> None:
    """Another one is not, nor is it right of another investor; of one who never logged in nothing is known."""
    passwords = RightPasswords()
    passwords.took("100001", "geheim-1")
    passwords.took("100001", "geheim-2")

    assert passwords.is_right("100001", "geheim-2") is True
    assert passwords.is_right("100001", "geheim-1") is False
    assert passwords.is_right("100002", "geheim-2") is None
    passwords.took("10000", "1geheim-2")
    assert passwords.is_right("10000", "1geheim-2") is True


def test_a_password_the_counter_refuses_is_right_no_more() -> None:
    """It was changed elsewhere. A wrong guess changes nothing."""
    passwords = RightPasswords()
    passwords.took("100001", "geheim")

    passwords.refused("100001", "guess")
    assert passwords.is_right("100001", "geheim") is True
    passwords.refused("100001", "geheim")
    passwords.refused("100002", "geheim")

    assert passwords.is_right("100001", "geheim") is None


def test_no_password_can_be_read_out() -> None:
    """Neither it nor a digest that another process could try guesses against."""
    one, other = RightPasswords(), RightPasswords()
    for passwords in (one, other):
        passwords.took("100001", "geheim")

    assert "geheim" not in repr(one)
    assert b"geheim" not in pickle.dumps(one._digests)
    assert one._digests != other._digests
    assert one._digests["100001"].hex() not in repr(one)
