"""The changes that can be made to a module: each in one place, each by the form of what stands there.

A change is a piece of the file's text and what replaces it, so that everything around it stays as it is written.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mutants.not_made import is_log_call, left_alone, seen_children

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "+"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_OTHER_FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_BUILDING = frozenset({"__init__", "__post_init__", "__new__"})


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One change of one file."""

    file: str
    start: int
    """bytes from the beginning of the file"""
    end: int
    new: str
    kind: str
    line: int
    statement: int
    """the first line of the innermost statement of a function; 0 where it runs when the module is imported"""
    scope: str
    """the function or class it is in"""

    def apply_to(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """What is changed, as a unified diff."""
        before, after = source.decode().splitlines(), self.apply_to(source).decode().splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.file, self.file, n=1, lineterm=""))

    def content(self, source: bytes) -> tuple[str, str, str]:
        """What names it wherever it stands: its scope, the lines without their indent, and what they become."""
        first = source.rfind(b"\n", 0, self.start) + 1
        last = source.find(b"\n", self.end)
        last = len(source) if last < 0 else last
        after = source[first : self.start] + self.new.encode() + source[self.end : last]
        return self.scope, _one_line(source[first:last]), _one_line(after)


def _one_line(text: bytes) -> str:
    return " ".join(text.decode().split())


def changes_of(file: str, source: bytes) -> list[Change]:
    """Every change of this file, in the order of its text."""
    return sorted(set(_Finder(file, source).found()))


class _Finder:
    """Walks a module; what it keeps is where it is."""

    def __init__(self, file: str, source: bytes) -> None:
        self._file = file
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._scope: list[str] = []
        self._statement = 0
        self._functions = 0

    def found(self) -> Iterator[Change]:
        yield from self._walk(ast.parse(self._source))

    def _walk(self, node: ast.AST) -> Iterator[Change]:
        if left_alone(node):
            return
        before = self._statement
        if isinstance(node, ast.stmt) and self._functions:
            self._statement = node.lineno
        for old, start, end, new, kind in self._at(node):
            yield Change(self._file, start, end, new, kind, old.lineno, self._statement, ".".join(self._scope))
        yield from self._inside(node)
        self._statement = before

    def _inside(self, node: ast.AST) -> Iterator[Change]:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        outer = self._functions
        for child in seen_children(node):
            in_body = named and child in getattr(node, "body", ())
            if in_body:
                self._scope.append(node.name)  # type: ignore[attr-defined]
                self._functions = 0 if isinstance(node, ast.ClassDef) else outer + 1
            yield from self._walk(child)
            if in_body:
                self._scope.pop()
                self._functions = outer

    def _at(self, node: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, int, int, str, str]]:
        """The changes of this very node: the node that names the line, from, to, the new text, the kind."""
        if isinstance(node, ast.expr):
            for start, end, new, kind in self._of_expression(node):
                yield node, start, end, new, kind
        elif isinstance(node, ast.stmt):
            for start, end, new, kind in self._of_statement(node):
                yield node, start, end, new, kind
            for test in _tests(node):
                yield test, *self._whole(test), f"not ({self._text(test)})", "condition"
        elif isinstance(node, ast.comprehension | ast.match_case):
            for test in _tests(node):
                yield test, *self._whole(test), f"not ({self._text(test)})", "condition"

    def _of_expression(self, node: ast.expr) -> Iterator[tuple[int, int, str, str]]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                yield from self._between(left, right, _COMPARISONS[type(op)], "comparison")
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC and not _is_text(
                left, right
            ):
                yield from self._between(left, right, _ARITHMETIC[type(operator)], "arithmetic")
            case ast.BoolOp(op=joint, values=[left, right, *_]):
                words = ("and", "or") if isinstance(joint, ast.And) else ("or", "and")
                yield from self._between(left, right, words, "logic")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield *self._whole(node), f"({self._text(operand)})", "logic"
            case ast.IfExp(test=test):
                yield *self._whole(test), f"(not ({self._text(test)}))", "condition"
            case ast.Call(func=ast.Name(id=name) as func) if name in _OTHER_FUNCTIONS:
                yield *self._whole(func), _OTHER_FUNCTIONS[name], "function"
            case ast.Constant(value=value):
                new = _other_constant(value)
                if new is not None:
                    yield *self._whole(node), new, "text" if isinstance(value, str | bytes) else "number"
            case _:
                pass

    def _of_statement(self, node: ast.stmt) -> Iterator[tuple[int, int, str, str]]:
        match node:
            case ast.Return(value=value) if value is not None and not _is_none(value):
                yield *self._whole(node), "return None", "return"
            case ast.AugAssign(target=target, op=operator, value=value):
                yield *self._whole(node), "pass", "left out"
                if type(operator) in _ARITHMETIC and not _is_text(value):
                    old, new = _ARITHMETIC[type(operator)]
                    yield from self._between(target, value, (f"{old}=", f"{new}="), "arithmetic")
            case ast.Break():
                yield *self._whole(node), "continue", "loop"
            case ast.Continue():
                yield *self._whole(node), "break", "loop"
            case ast.Raise() | ast.Delete():
                yield *self._whole(node), "pass", "left out"
            case ast.Expr(value=ast.Call() | ast.Await()) if self._functions and not is_log_call(node.value):
                yield *self._whole(node), "pass", "left out"
            case ast.Assign() | ast.AnnAssign() if self._can_go(node):
                yield *self._whole(node), "pass", "left out"

    def _can_go(self, node: ast.Assign | ast.AnnAssign) -> bool:
        """An assignment to something that is there without it: not a name's only one, nor what an object is made of."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        built = bool(_BUILDING.intersection(self._scope))
        return (
            bool(self._functions)
            and not built
            and all(isinstance(one, ast.Attribute | ast.Subscript) for one in targets)
        )

    def _between(
        self, left: ast.expr, right: ast.expr, words: tuple[str, str], kind: str
    ) -> Iterator[tuple[int, int, str, str]]:
        start, end = self._whole(left)[1], self._whole(right)[0]
        old = r"\s+".join(re.escape(word) for word in words[0].split())
        found = re.search(old.encode(), self._source[start:end])
        if found:
            yield start + found.start(), start + found.end(), words[1], kind

    def _whole(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        start = self._lines[node.lineno - 1] + node.col_offset
        return start, self._lines[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def _text(self, node: ast.expr) -> str:
        start, end = self._whole(node)
        return self._source[start:end].decode()


def _tests(node: ast.AST) -> list[ast.expr]:
    """The conditions that are turned round. A loop's is not: it would mostly run for ever, which says nothing."""
    match node:
        case ast.If(test=ast.UnaryOp(op=ast.Not()) | ast.Compare()):
            return []  # the change of `not` or of the comparison is the same
        case ast.If(test=test):
            return [test]
        case ast.comprehension(ifs=tests):
            return [test for test in tests if not isinstance(test, ast.Compare | ast.UnaryOp)]
        case ast.match_case(guard=guard) if guard is not None and not isinstance(guard, ast.Compare | ast.UnaryOp):
            return [guard]
        case _:
            return []


def _other_constant(value: object) -> str | None:
    match value:
        case bool():
            return str(not value)
        case int() | float():
            return str(value + 1)
        case str():
            return repr(f"other {value}") if value else repr("other")
        case bytes():
            return repr(b"other " + value)
        case _:
            return None


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        for node in nodes
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
