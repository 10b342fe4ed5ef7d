"""The relay broken on purpose, one protection at a time, in every one of its processes: each break must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.plan import Shape


@dataclass(frozen=True, slots=True)
class Break:
    """`apply` takes a protection away from the process it is called in; it is needed in this shape."""

    apply: Callable[[], None]
    shape: Shape


def everybody_sees_everything() -> None:
    """The investor filter lets every notice through to every terminal."""
    from tests.stateful import sabotage  # noqa: PLC0415 - the relay's process imports what it breaks and no more

    sabotage.everybody_sees_everything()


BREAKS: dict[str, Break] = {
    "investor-filter": Break(everybody_sees_everything, Shape.SINGLE),
}
