"""How often the operator's password is tried: fewer times than lock the operator of a whole firm at the counter."""

from __future__ import annotations

from relay.counter.ctp.session.password_tries import MOST_IN_A_ROW, MOST_OF_ONE, PasswordTries


def refused(tries: PasswordTries, times: int) -> None:
    for _ in range(times):
        assert tries.allows(asked=False)
        tries.refused()


def test_one_password_is_tried_three_times_and_then_another_one() -> None:
    """A refusal may be a passing one of the counter's; six in a row lock at the earliest (CTP fact 24)."""
    tries = PasswordTries()

    refused(tries, 3)
    after_three = tries.allows(asked=False)
    tries.replaced()
    refused(tries, 2)

    assert not after_three
    assert not tries.allows(asked=False)
    assert (MOST_OF_ONE, MOST_IN_A_ROW, tries.in_a_row) == (3, 5, 5)


def test_after_five_in_a_row_no_new_password_is_tried_without_a_person() -> None:
    """Whichever passwords they were; a person who asks knows better."""
    tries = PasswordTries()
    refused(tries, 3)
    tries.replaced()
    refused(tries, 2)

    tries.replaced()

    assert not tries.allows(asked=False)
    assert tries.allows(asked=True)


def test_a_right_password_forgets_what_was_before() -> None:
    """The counter counts anew as well."""
    tries = PasswordTries()
    refused(tries, 3)

    tries.accepted()

    assert (tries.in_a_row, tries.allows(asked=False)) == (0, True)
    refused(tries, 3)
    assert not tries.allows(asked=False)


def test_a_password_that_must_change_is_not_tried_until_it_was_replaced() -> None:
    """It is right, so nothing counts against it; tried again it would be refused again."""
    tries = PasswordTries()

    tries.due()

    assert (tries.in_a_row, tries.allows(asked=False), tries.allows(asked=True)) == (0, False, True)
    tries.replaced()
    assert tries.allows(asked=False)
