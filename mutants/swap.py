"""A change of a function in a process that has imported everything: every function that runs the old code gets the new.

What ran already stays: a table that the function filled at import, for instance. So a change that survives here is judged
again where it is in force from the first import on.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import CodeType, FunctionType

from mutants.changes import Change
from mutants.copy import COPY
from mutants.places import ROOT


class NotSwapped(Exception):
    """There is no function to change."""


def swap_in(change: Change) -> None:
    """Raises NotSwapped."""
    source, path = (ROOT / change.file).read_bytes(), str(COPY / change.file)
    old, new = (compile(text, path, "exec", dont_inherit=True) for text in (source, change.apply_to(source)))
    before, after = list(_inside(old)), list(_inside(new))
    if [code.co_qualname for code in before] != [code.co_qualname for code in after]:
        raise NotSwapped
    changed = {_name(one): other for one, other in zip(before, after, strict=True) if one != other}
    found = [one for one in gc.get_objects() if isinstance(one, FunctionType) and _name(one.__code__) in changed]
    for function in found:
        code = changed[_name(function.__code__)]
        if len(code.co_freevars) != len(function.__code__.co_freevars):
            raise NotSwapped
        function.__code__ = code
    if not found:
        raise NotSwapped


def _name(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _inside(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _inside(one)
