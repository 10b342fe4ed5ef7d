"""Forms that are left alone: changing them changes nothing that a caller sees, or what Python itself refuses.

Annotations, docstrings, `__all__`, `__slots__`, how a dataclass prints and whether it is frozen, wording of logs and of
errors for programmers, what is there for the type checker.
"""

from __future__ import annotations

import ast
import builtins

_DECORATORS = frozenset({"dataclass", "overload", "abstractmethod", "runtime_checkable", "final", "override"})
_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_TYPING_CALLS = frozenset(
    {"TypeVar", "NewType", "ParamSpec", "cast", "assert_never", "get_logger", "getLogger", "namedtuple"}
)
_UNSEEN_KEYWORDS = frozenset({"repr", "slots", "frozen", "kw_only", "strict", "encoding"})
_UNSEEN_NAMES = frozenset({"__all__", "__slots__", "__match_args__"})
_UNSEEN_FUNCTIONS = frozenset({"__repr__", "__rich_repr__"})
_ERRORS = frozenset(
    name
    for name in dir(builtins)
    if isinstance(found := getattr(builtins, name), type) and issubclass(found, BaseException)
)


def left_alone(node: ast.AST) -> bool:
    """Whether nothing inside `node` is changed."""
    match node:
        case ast.JoinedStr():  # before Python 3.12 the places inside are not known for certain
            return True
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass():
            return True
        case ast.Expr(value=value) if is_log_call(value):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.ClassDef(bases=bases):
            return any(name_of(base) in {"Protocol", "TypedDict", "NamedTuple"} for base in bases)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name in _UNSEEN_FUNCTIONS or _has_no_body(node)
        case ast.Call(func=func):
            return name_of(func) in _TYPING_CALLS
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name in _UNSEEN_NAMES or _is_type(value)
        case _:
            return False


def seen_children(node: ast.AST) -> list[ast.AST]:
    """The children in which changes are looked for."""
    hidden: set[int] = set()
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            hidden = {id(one) for one in node.decorator_list if name_of(one) in _DECORATORS}
            hidden.add(id(getattr(node, "returns", None)))
        case ast.arg() | ast.AnnAssign():
            hidden = {id(node.annotation)}
        case ast.Call(func=ast.Attribute(attr="start"), args=[_, ast.Constant() as name]):
            hidden = {id(name)}  # a task's name, which is seen in the log alone
        case ast.Call(keywords=keywords):
            hidden = {id(one) for one in keywords if one.arg in _UNSEEN_KEYWORDS}
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) as call) if name in _ERRORS or name.endswith("Error"):
            hidden = {id(call)}
    return [child for child in ast.iter_child_nodes(node) if id(child) not in hidden]


def name_of(node: ast.AST) -> str:
    """The last name of `a.b.c`, `a.b.c(…)` or `a.b.c[…]`."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return name_of(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def is_log_call(node: ast.AST) -> bool:
    """Whether `node` is `log.warning(…)` or the like."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LOG_METHODS
        and name_of(node.func.value).strip("_") in {"log", "logger", "get_logger"}
    )


def _has_no_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if any(name_of(one) in {"overload", "abstractmethod"} for one in node.decorator_list):
        return True
    return (
        all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in node.body)
        and not node.decorator_list
    )


def _is_type(value: ast.expr) -> bool:
    """`A | B`, `tuple[int, str]`, `Callable[[A], B]`: the value of a type's name."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        return all(
            isinstance(one, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp | ast.Constant)
            for one in (value.left, value.right)
        )
    return isinstance(value, ast.Subscript) and name_of(value)[:1].isupper() | (
        name_of(value) in {"tuple", "dict", "list", "type"}
    )
