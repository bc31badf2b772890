"""The rules, each from modules to the list of what breaks it, so that a rule itself can be tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from tests.architecture import layers
from tests.architecture.source import Import, Module, is_standard

MODULE_LINES = 400
TEST_LINES = 500
FUNCTION_LINES = 60

# Calls at the top of a module or class that build a value and touch nothing.
HARMLESS_CALLS = frozenset(
    {
        "auto",
        "cast",
        "compile",
        "dataclass",
        "datetime",
        "dict",
        "encode",
        "enumerate",
        "field",
        "format",
        "frozenset",
        "fromhex",
        "from_bytes",
        "get_args",
        "getLogger",
        "getattr",
        "items",
        "join",
        "len",
        "list",
        "lower",
        "map",
        "maketrans",
        "max",
        "min",
        "namedtuple",
        "partial",
        "property",
        "range",
        "replace",
        "set",
        "sorted",
        "split",
        "timedelta",
        "tuple",
        "unique",
        "upper",
        "wraps",
        "zip",
    }
)
HARMFUL_CONSTRUCTORS = frozenset({"Client", "FileLock", "Lock", "Popen", "Process", "Thread", "ThreadPoolExecutor"})
STREAMS = frozenset({"print", "sys.stdout", "sys.stderr", "typer.echo"})
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def upward_imports(modules: Iterable[Module]) -> list[str]:
    """Imports against the direction of the packages; tests are never imported."""
    own = frozenset(layers.DIRECTION)
    found = []
    for module in modules:
        package = module.name.partition(".")[0]
        for import_ in module.imports:
            sideways = import_.top in own and import_.top not in layers.DIRECTION[package] | {package}
            if sideways or import_.top in ("tests", "benchmarks"):
                found.append(f"{module.path}:{import_.line}: imports {import_.target}")
    return found


def impure_imports(modules: Iterable[Module]) -> list[str]:
    """What pure files import beyond pure files and the part of the standard library without effects."""
    return [
        f"{module.path}:{import_.line}: pure, but imports {import_.target}"
        for module in modules
        if layers.is_pure(module.name)
        for import_ in module.imports
        if not _may_be_in_pure(import_)
    ]


def _may_be_in_pure(import_: Import) -> bool:
    if import_.top in layers.DIRECTION:
        # A package's own name is its __init__: it holds a docstring and the version.
        return layers.is_pure(import_.target) or import_.target in layers.DIRECTION
    if is_standard(import_):
        return not any(layers.within(import_.target, effect) for effect in layers.EFFECTS)
    return import_.top in layers.PURE_LIBRARIES


def undeclared_pure(modules: Iterable[Module]) -> list[str]:
    """Modules whose docstring says "Pure" and that the table does not hold: they would not be checked."""
    return [
        f"{module.path}:1: says it is pure and is not in the table"
        for module in modules
        if re.search(r"\bPure\b", ast.get_docstring(module.tree) or "") and not layers.is_pure(module.name)
    ]


def import_cycles(modules: Iterable[Module]) -> list[str]:
    """Every strongly connected group of modules, lazy imports counted (Tarjan's algorithm)."""
    graph = {module.name: {import_.target for import_ in module.imports} for module in modules}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name] & graph.keys()):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1 or name in graph[name]:
                found.append(" <-> ".join(sorted(group)))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def misplaced_imports(modules: Iterable[Module]) -> list[str]:
    """Libraries outside the modules that may touch them."""
    return [
        f"{module.path}:{import_.line}: {import_.target} belongs in {', '.join(places) or 'no module'}"
        for module in modules
        for import_ in module.imports
        for library, places in layers.ONLY_IN.items()
        if layers.within(import_.target, library) and not any(layers.within(module.name, place) for place in places)
    ]


def platform_tests(modules: Iterable[Module]) -> list[str]:
    """`sys.platform`, `os.name` and `platform.system` outside the one file that asks."""
    asked = {("sys", "platform"), ("os", "name"), ("platform", "system")}
    return [
        f"{module.path}:{node.lineno}: asks {node.value.id}.{node.attr}"
        for module in modules
        if module.name not in layers.PLATFORM_TESTS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in asked
    ]


def printing(modules: Iterable[Module]) -> list[str]:
    """`print` and writes to the standard streams outside the rendering."""
    found = []
    for module in modules:
        if any(layers.within(module.name, place) for place in layers.PRINTING):
            continue
        found += [
            f"{module.path}:{node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(module.tree)
            if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in STREAMS
        ]
    return found


def broad_excepts(modules: Iterable[Module]) -> list[str]:
    """Handlers that catch everything and do not raise it again."""
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(
                name is None or (isinstance(name, ast.Name) and name.id in ("Exception", "BaseException"))
                for name in caught
            )
            last = node.body[-1]
            if broad and not (isinstance(last, ast.Raise) and last.exc is None):
                found.append(f"{module.path}:{node.lineno}: catches everything")
    return found


def import_time_work(modules: Iterable[Module]) -> list[str]:
    """Calls that run when a module is imported and do more than build a value."""
    return [
        f"{module.path}:{call.lineno}: calls {ast.unparse(call.func)} when imported"
        for module in modules
        for call in _calls_at_import(module.tree.body)
        if not _is_harmless(call)
    ]


def _calls_at_import(body: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            continue
        if isinstance(statement, (ast.ClassDef, ast.If, ast.Try)):
            yield from _calls_at_import(statement.body)
            if not isinstance(statement, ast.ClassDef):
                yield from _calls_at_import(statement.orelse)
            continue
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = statement.args
            for default in (*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)):
                yield from (node for node in ast.walk(default) if isinstance(node, ast.Call))
            continue
        yield from (node for node in _outside_functions(statement) if isinstance(node, ast.Call))


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_functions(child)


def _is_harmless(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in HARMLESS_CALLS or (name[:1].isupper() and name not in HARMFUL_CONSTRUCTORS) or name[:2] == "_C"


def missing_docstrings(modules: Iterable[Module]) -> list[str]:
    """Modules, and public functions and classes of modules, without a docstring."""
    found = []
    for module in modules:
        if not ast.get_docstring(module.tree):
            found.append(f"{module.path}:1: the module has no docstring")
        found += [
            f"{module.path}:{node.lineno}: {node.name} has no docstring"
            for node in module.tree.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    return found


def long_files(modules: Iterable[Module], limit: int) -> list[str]:
    """Files with more lines than `limit`."""
    return [
        f"{module.path}: {len(module.text.splitlines())} lines, at most {limit}"
        for module in modules
        if len(module.text.splitlines()) > limit
    ]


def long_functions(modules: Iterable[Module]) -> list[str]:
    """Functions with more lines than `FUNCTION_LINES`, docstring and signature included."""
    sized = [
        (module, node, node.end_lineno - node.lineno + 1)
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, FunctionNode) and node.end_lineno is not None
    ]
    return [
        f"{module.path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"
        for module, node, lines in sized
        if lines > FUNCTION_LINES
    ]


def vague_names(modules: Iterable[Module]) -> list[str]:
    """Modules named after nothing."""
    vague = re.compile(r"(utils?|common|helpers?|base|core|misc)")
    return [
        f"{module.path}: a name that says nothing"
        for module in modules
        if any(vague.fullmatch(part) for part in module.name.split("."))
    ]
