"""The project's source as the architecture tests see it: modules, their imports, their syntax trees."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("deploy", "hotfix", "updater")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module; `lazy` when it is inside a function, `line` is 1-based."""

    target: str
    line: int
    lazy: bool = False

    @property
    def top(self) -> str:
        return self.target.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """One source file; `name` is dotted, a package's own name for its `__init__`."""

    name: str
    path: str
    text: str
    tree: ast.Module = field(repr=False)
    imports: tuple[Import, ...] = ()

    @property
    def room(self) -> str:
        """The package the file stands in, `deploy.config` for `deploy.config.model`."""
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]


def parse(name: str, text: str, path: str | None = None, known: frozenset[str] = frozenset()) -> Module:
    """A module from its text; `known` are the modules that `from package import module` may mean."""
    tree = ast.parse(text)
    return Module(name, path or name.replace(".", "/") + ".py", text, tree, tuple(_imports(tree, known)))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the product, by name."""
    files = {_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
    known = frozenset(files)
    return tuple(
        parse(name, path.read_text("utf-8"), path.relative_to(ROOT).as_posix(), known) for name, path in files.items()
    )


@cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of the project, tests and benchmarks included."""
    folders = (*PACKAGES, "tests", "benchmarks", "packaging")
    return tuple(path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


def is_standard(import_: Import) -> bool:
    """Whether the imported module belongs to Python itself."""
    return import_.top in sys.stdlib_module_names


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module, known: frozenset[str]) -> Iterator[Import]:
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, id(node) in lazy)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"line {node.lineno}: imports are absolute here")
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
            for target in {name if name in known else module for name in names}:
                yield Import(target, node.lineno, id(node) in lazy)
