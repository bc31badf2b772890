"""Which error codes the source can say, read from its syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.architecture.source import Module

KEYWORD_ONLY = 1_000_000
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Codes:
    """`said` maps a code to the first place that says it, `unclear` are places whose code cannot be read."""

    said: dict[str, str]
    unclear: tuple[str, ...]


def codes(modules: Iterable[Module]) -> Codes:
    """The codes given to every function or class of the project that takes a `code`."""
    modules = tuple(modules)
    by_module = {module.name: dict(_takers(module)) for module in modules}
    everywhere = {name: place for takers in by_module.values() for name, place in takers.items() if place is not None}
    said = dict(_defaults(modules))
    unclear: list[str] = []
    for module in modules:
        takers = everywhere | by_module[module.name]
        constants = _constants(module.tree)
        forwarding = _inside_takers(module.tree)
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if re.match(r"(_LOG|_LOGGER|parser)\.", ast.unparse(call.func)):
                continue  # The error() of a logger and of argparse take no code.
            position = takers.get(ast.unparse(call.func).rpartition(".")[2])
            argument = None if position is None else _argument(call, position)
            if argument is None:
                continue
            found = list(_values(argument, constants))
            if not found and not (id(call) in forwarding and ast.unparse(argument).rpartition(".")[2] == "code"):
                unclear.append(f"{module.path}:{call.lineno}: {ast.unparse(argument)}")
            for code in found:
                said.setdefault(code, f"{module.path}:{call.lineno}")
    return Codes(said, tuple(unclear))


def _takers(module: Module) -> Iterator[tuple[str, int | None]]:
    """Every function and class of a module with the position its `code` has in a call; None without one."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _position(node)
        elif isinstance(node, ast.ClassDef):
            yield node.name, _field_position(node)
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    static = any("static" in ast.unparse(decorator) for decorator in method.decorator_list)
                    position = _position(method)
                    yield method.name, position if position is None or static else max(position - 1, 0)


def _position(function: ast.FunctionDef) -> int | None:
    if not _is_text(function, "code"):
        return None
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names.index("code") if "code" in names else KEYWORD_ONLY


def _field_position(owner: ast.ClassDef) -> int | None:
    fields = [item for item in owner.body if isinstance(item, ast.AnnAssign)]
    for number, item in enumerate(fields):
        if ast.unparse(item.target) == "code" and ast.unparse(item.annotation) == "str":
            return number
    return None


def _defaults(modules: Iterable[Module]) -> Iterator[tuple[str, str]]:
    """The codes that functions say unless told otherwise, and where."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and _is_text(node, "code"):
                named = [*node.args.posonlyargs, *node.args.args]
                pairs = [*zip(named[::-1], node.args.defaults[::-1], strict=False)]
                pairs += [
                    (one, value)
                    for one, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                    if value
                ]
                for one, value in pairs:
                    if one.arg == "code" and isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield value.value, f"{module.path}:{node.lineno}"


def _is_text(function: ast.FunctionDef, name: str) -> bool:
    """Exit codes and answers are numbers; only a text can be an error code."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return any(
        one.arg == name and one.annotation is not None and ast.unparse(one.annotation) == "str" for one in arguments
    )


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "code":
            return keyword.value
    given = call.args[: position + 1]
    # A row that is unpacked holds a code that was said elsewhere.
    return given[position] if len(given) > position and not any(isinstance(one, ast.Starred) for one in given) else None


def _values(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Every code an expression can be: a literal, a constant, either branch, any value of a table."""
    match node:
        case ast.Constant(value=str(text)) if KEBAB.fullmatch(text):
            yield text
        case ast.IfExp():
            yield from _values(node.body, constants)
            yield from _values(node.orelse, constants)
        case ast.Name() if node.id in constants:
            yield from _values(constants[node.id], constants)
        case ast.Dict():
            for value in node.values:
                yield from _values(value, constants)
        case ast.Subscript():
            yield from _values(node.value, constants)
        case ast.Call(func=ast.Attribute(attr="get", value=table), args=arguments):
            for part in (table, *arguments[1:]):
                yield from _values(part, constants)


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Names given a value exactly once anywhere in the module."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            values.setdefault(node.target.id, []).append(node.value)
    return {name: found[0] for name, found in values.items() if len(found) == 1}


def _inside_takers(tree: ast.Module) -> set[int]:
    """Everything inside functions that are handed a `code` and may hand it on."""
    return {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _is_text(node, "code")
        for inner in ast.walk(node)
    }
