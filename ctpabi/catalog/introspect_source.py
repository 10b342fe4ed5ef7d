"""What the binding's generated Python source tells: order, typedef names, prototypes, enum members and comments.

SWIG writes declarations in the order of the header, so the order here is the order in the struct and in the vtable;
the struct's order is proved against memory by `introspect`, the vtable's by the simulated counter's probe.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

STRUCT_CLASS = re.compile(r"CThostFtdc(\w+)Field")
"""the class of a struct; group 1 is the struct's name in the catalog"""
_TYPEDEF = re.compile(r"TThostFtdc(\w+)Type")
_CONSTANT = re.compile(r"THOST_FTDC_(\w+)")
_DOC_MARKUP = re.compile(r":(?:type|param|rtype|return)\b|Remarks:")
_GROUP_COMMENT = re.compile(r"TFtdc(\w+)Type是一个(.*?)(?:类型)?\n\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceField:
    name: str
    type_name: str
    doc: str


@dataclass(frozen=True, slots=True)
class SourceStruct:
    name: str
    fields: tuple[SourceField, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class SourceMethod:
    name: str
    parameters: tuple[str, ...]
    """types without self: CThostFtdcInputOrderField, int"""
    doc: str


@dataclass(slots=True)
class SourceEnum:
    name: str
    doc: str
    members: list[tuple[str, str]] = field(default_factory=list)
    """constant's full name, comment"""


class SourceModule:
    """One parsed binding module."""

    def __init__(self, source: str) -> None:
        self._body = ast.parse(source).body

    def structs(self) -> Iterator[SourceStruct]:
        for node in self._classes():
            match = STRUCT_CLASS.fullmatch(node.name)
            if match:
                yield SourceStruct(match[1], tuple(_fields(node)), _one_line(ast.get_docstring(node)))

    def methods(self, class_name: str) -> tuple[SourceMethod, ...]:
        """The class's virtual methods in vtable order; its static methods are no part of the vtable."""
        (node,) = (node for node in self._classes() if node.name == class_name)
        return tuple(_method(item) for item in node.body if isinstance(item, ast.FunctionDef) and _is_virtual(item))

    def enums(self) -> dict[str, SourceEnum]:
        """Groups of constants; the comment of a group's first constant names the typedef they belong to."""
        groups: dict[str, SourceEnum] = {}
        group: SourceEnum | None = None
        for name, comment in self._constants():
            opening = _GROUP_COMMENT.search(comment)
            if opening:
                group = groups.setdefault(opening[1], SourceEnum(opening[1], opening[2]))
            if group is not None:
                group.members.append((name, _one_line(opening[3] if opening else comment)))
        return groups

    def _classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in self._body if isinstance(node, ast.ClassDef))

    def _constants(self) -> Iterator[tuple[str, str]]:
        for node, following in zip(self._body, [*self._body[1:], ast.Pass()], strict=True):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if _CONSTANT.fullmatch(name):
                    yield name, _comment(following)
                case _:
                    pass


def _fields(node: ast.ClassDef) -> Iterator[SourceField]:
    """A field is an annotated property: Name: "TThostFtdcNameType" = property(get, set, doc="...")."""
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.value, ast.Call):
            continue
        doc = next((ast.literal_eval(keyword.value) for keyword in item.value.keywords if keyword.arg == "doc"), "")
        yield SourceField(ast.unparse(item.target), _typedef_name(ast.literal_eval(item.annotation)), _one_line(doc))


def _typedef_name(typedef: str) -> str:
    match = _TYPEDEF.fullmatch(typedef)
    if match is None:
        raise ValueError(f"{typedef} is not one of CTP's typedefs")
    return match[1]


def _is_virtual(node: ast.FunctionDef) -> bool:
    return not node.name.startswith("__") and not node.decorator_list


def _method(node: ast.FunctionDef) -> SourceMethod:
    annotations = (argument.annotation for argument in node.args.args[1:])
    types = tuple(a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in annotations)
    doc = _DOC_MARKUP.split(ast.get_docstring(node) or "", maxsplit=1)[0]
    return SourceMethod(node.name, types, _one_line(doc))


def _comment(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
        case _:
            return ""


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
