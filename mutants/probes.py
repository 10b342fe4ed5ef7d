"""Which statements a test reaches: each statement of a function says its number before it runs.

This is a line coverage for few modules that costs a set's `add` a statement, in threads too. A statement that runs when
its module is imported says nothing: which test imports a module first is chance.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from mutants.copy import COPY
from mutants.places import module_name

_SAY = "_mutants_reached"


class Probes(MetaPathFinder):
    """Imports the changed modules with probes; `reached` has the numbers of the statements since `start`."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = {module_name(file): file for file in files}
        self._numbers: list[tuple[str, int]] = []
        self._seen: set[int] = set()

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def start(self) -> None:
        self._seen.clear()

    def reached(self) -> dict[str, list[int]]:
        """For each file the first lines of the statements that ran."""
        found: dict[str, set[int]] = {}
        for number in list(self._seen):
            file, line = self._numbers[number]
            found.setdefault(file, set()).add(line)
        return {file: sorted(lines) for file, lines in sorted(found.items())}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if file else None
        if file and spec is not None:
            spec.loader = _Loader(fullname, str(COPY / file), lambda line: self._number(file, line), self._seen.add)
        return spec

    def _number(self, file: str, line: int) -> int:
        self._numbers.append((file, line))
        return len(self._numbers) - 1


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, number: Callable[[int], int], say: Callable[[int], None]) -> None:
        super().__init__(name, path)
        self._number = number
        self._say = say

    def get_code(self, fullname: str) -> CodeType:
        """Compile with probes; no bytecode is read or written."""
        path = self.get_filename(fullname)
        tree = _Probing(self._number).visit(ast.parse(self.get_data(path)))
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[_SAY] = self._say
        super().exec_module(module)


class _Probing(ast.NodeTransformer):
    """Puts a probe before every statement of a function, a docstring apart."""

    def __init__(self, number: Callable[[int], int]) -> None:
        self._number = number
        self._functions = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self._functions = self._functions, 0
        self.generic_visit(node)
        self._functions = outer
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._functions:
            for name in ("body", "orelse", "finalbody"):
                inside: Any = getattr(node, name, None)
                if isinstance(inside, list) and inside and isinstance(inside[0], ast.stmt):
                    setattr(node, name, [one for statement in inside for one in self._probed(statement)])
        return node

    def _probed(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return [statement]
        if isinstance(statement, ast.Global | ast.Nonlocal):
            return [statement]
        call = ast.Call(ast.Name(_SAY, ast.Load()), [ast.Constant(self._number(statement.lineno))], [])
        probe = ast.copy_location(ast.Expr(call), statement)
        return [probe, statement]
