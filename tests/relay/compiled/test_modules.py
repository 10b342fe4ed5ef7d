"""What mypyc must not be given: what it takes and then does otherwise than Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.compiled.parts import _PARTS, compiled_modules, sources

FILES = {".".join(place.with_suffix("").parts): file for file, place in sources() if place.suffix == ".py"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def _within(function: FUNCTIONS) -> Iterator[ast.AST]:
    """What is of this function, and not of one inside."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, FUNCTIONS | ast.Lambda | ast.ClassDef):
            left += ast.iter_child_nodes(node)


def _twice_caught(file: Path) -> Iterator[str]:
    """Names by which a function catches exceptions of different types: a compiled one insists on the first type."""
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(function, FUNCTIONS):
            caught = dict[str, str]()
            handlers = [node for node in _within(function) if isinstance(node, ast.ExceptHandler)]
            for handler in sorted(handlers, key=lambda one: one.lineno):
                if handler.name and handler.type:
                    of = ast.unparse(handler.type)
                    if caught.setdefault(handler.name, of) != of:
                        yield f"{file.name}:{handler.lineno} {handler.name}"


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_no_name_of_an_exception_is_used_for_two_types(name: str) -> None:
    """Mypyc gives it one type, and raises TypeError in the place of catching the other."""
    assert not list(_twice_caught(FILES[name]))


def test_the_rule_sees_what_it_is_for(tmp_path: Path) -> None:
    """Such as this."""
    file = tmp_path / "wrong.py"
    file.write_text("def f():\n try: g()\n except A as e: pass\n except B as e: pass\n", encoding="utf-8")
    assert list(_twice_caught(file)) == ["wrong.py:4 e"]


_LEAVES = ast.Await | ast.Yield | ast.YieldFrom | ast.AsyncFor
_EXITS_AT_ONCE = {"asyncio.timeout(2 * OWN_SECONDS)", "self._tools.turn"}
"""what `async with` may be of: the exits of a timeout and of an asyncio.Lock wait for nothing"""


def _suspended_while_handling(file: Path) -> Iterator[str]:
    """Where a coroutine or generator is left while it handles an exception."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Try | ast.TryStar):
            parts: list[ast.stmt | ast.excepthandler] = [*node.finalbody, *node.handlers]
            for one in parts:
                if any(isinstance(inner, _LEAVES | ast.AsyncWith) for inner in ast.walk(one)):
                    yield f"{file.name}:{one.lineno}"
        elif isinstance(node, ast.AsyncWith):
            for item in node.items:
                if ast.unparse(item.context_expr) not in _EXITS_AT_ONCE:
                    yield f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_nothing_is_awaited_where_an_exception_is_handled(name: str) -> None:
    """Its exception would be in `sys.exc_info()` of all that runs meanwhile, or for good: the context of every later one."""
    assert not list(_suspended_while_handling(FILES[name]))


@pytest.mark.parametrize(
    "wrong",
    [
        "try: g()\n finally: await h()",
        "try: g()\n except A: await h()",
        "try: g()\n except A:\n  async with a: pass",
        "try: g()\n except A: yield 1",
        "if g():\n  async with a: pass",
    ],
)
def test_the_rule_of_awaiting_sees_what_it_is_for(wrong: str, tmp_path: Path) -> None:
    """Such as these."""
    file = tmp_path / "wrong.py"
    file.write_text(f"async def f():\n {wrong}\n", encoding="utf-8")
    assert "wrong.py:3" in list(_suspended_while_handling(file))


_RUN_TO_THEIR_END = {"_hand_round"}
"""generators that `LoopTurns` steps through until they end or raise"""


def _yields_with_a_duty(file: Path) -> Iterator[str]:
    """Generators that have something to do at their end, whatever happens: a compiled one that is dropped before does not do it."""
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(function, FUNCTIONS) and function.name not in _RUN_TO_THEIR_END:
            for node in _within(function):
                if isinstance(node, ast.With) or (isinstance(node, ast.Try) and node.finalbody):
                    inside = [inner for one in node.body for inner in ast.walk(one)]
                    if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in inside):
                        yield f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_no_generator_has_a_duty_at_its_end(name: str) -> None:
    """A loop that breaks, say, would leave it undone."""
    assert not list(_yields_with_a_duty(FILES[name]))


@pytest.mark.parametrize("wrong", ["try: yield 1\n finally: g()", "with a: yield 1"])
def test_the_rule_of_generators_sees_what_it_is_for(wrong: str, tmp_path: Path) -> None:
    """Such as these."""
    file = tmp_path / "wrong.py"
    file.write_text(f"def f():\n {wrong}\n", encoding="utf-8")
    assert list(_yields_with_a_duty(file)) == ["wrong.py:2"]


def _raised_from(file: Path) -> list[int]:
    raised = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    return [node.lineno for node in raised if node.cause is not None]


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_nothing_is_raised_from_another(name: str) -> None:
    """Mypyc leaves out `from`: what `from None` is to hide would be in the log. Raise it behind the handler."""
    assert not _raised_from(FILES[name])


def test_the_rule_of_raising_sees_what_it_is_for(tmp_path: Path) -> None:
    """Such as this."""
    file = tmp_path / "wrong.py"
    file.write_text("try: g()\nexcept A:\n raise B from None\n", encoding="utf-8")
    assert _raised_from(file) == [3]


@pytest.mark.parametrize("part", _PARTS)
def test_every_part_is_a_room_or_a_module(part: str) -> None:
    """What was moved or renamed is not silently left to Python."""
    assert any(name == part or name.startswith(f"{part}.") for name in compiled_modules())


def _inherited() -> Iterator[tuple[str, str]]:
    """Module of a class outside the parts, and the module inside from which it inherits."""
    inside = compiled_modules()
    for name, file in FILES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        origin = {alias.asname or alias.name: (one.module, alias.name) for one in taken for alias in one.names}
        for node in ast.walk(tree):
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                module, what = origin.get(ast.unparse(base).split("[")[0].split(".")[0], ("", ""))
                for parent in {str(module), f"{module}.{what}"} & inside:
                    if name not in inside:
                        yield name, parent


def test_no_class_in_python_inherits_from_a_compiled_one() -> None:
    """It cannot: making it raises TypeError. Both are parts, or neither is."""
    assert list(_inherited()) == []


def _looked_up_each_time(file: Path) -> Iterator[str]:
    """Constants that are not Final: compiled code looks them up in the module's dictionary, each time it reads one."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        names = (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
        yield from (f"{file.name}:{node.lineno} {name}" for name in names if name.isupper() and name != "__all__")


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_constants_are_final(name: str) -> None:
    assert not list(_looked_up_each_time(FILES[name]))
