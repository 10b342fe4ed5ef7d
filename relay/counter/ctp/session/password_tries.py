"""How often the operator's password may be tried: fewer times in a row than lock the operator at the counter.

CTP locks a user after six wrong passwords in a row at the earliest, whichever passwords they were (CTP fact 24).
"""

from __future__ import annotations

MOST_OF_ONE = 3
"""how often the same password is tried before the relay waits for another"""
MOST_IN_A_ROW = 5
"""how often any password is tried before the relay waits for a person to say so"""


class PasswordTries:
    """The refusals of the operator's password since its last success."""

    def __init__(self) -> None:
        self._of_this_one = 0
        self.in_a_row = 0
        """how many tries were refused one after the other"""
        self._must_change = False

    def refused(self) -> None:
        """The counter says that it is wrong."""
        self._of_this_one += 1
        self.in_a_row += 1

    def due(self) -> None:
        """The counter says that it is right but must be changed."""
        self._must_change = True

    def replaced(self) -> None:
        """The relay has another password now."""
        self._of_this_one = 0
        self._must_change = False

    def accepted(self) -> None:
        """The counter took it."""
        self.__init__()  # type: ignore[misc]

    def allows(self, *, asked: bool) -> bool:
        """Whether the password may be tried now; `asked`: a person wants it, and knows better than we do."""
        if asked:
            return True
        return not self._must_change and self._of_this_one < MOST_OF_ONE and self.in_a_row < MOST_IN_A_ROW
