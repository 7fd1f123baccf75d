"""The imports at the top of a flow file: sorted in sections, one line for each module. Pure."""

from __future__ import annotations

import ast
import sys

_WIDTH = 88  # ruff's and Black's default


class Imports:
    """The imports that a flow file needs, in the order of isort and ruff."""

    def __init__(self) -> None:
        self._modules: set[tuple[str, str]] = set()
        self._names: dict[str, set[tuple[str, str]]] = {}

    def add_from(self, module: str, name: str, alias: str = "") -> None:
        """Add ``from module import name as alias``."""
        self._names.setdefault(module, set()).add((name, "" if alias == name else alias))

    def add(self, statement: ast.stmt, bound: str) -> None:
        """Add the part of an import that binds a name."""
        if isinstance(statement, ast.Import):
            for each in statement.names:
                if (each.asname or each.name.partition(".")[0]) == bound:
                    self._modules.add((each.name, each.asname or ""))
        elif isinstance(statement, ast.ImportFrom):
            module = "." * statement.level + (statement.module or "")
            for each in statement.names:
                if (each.asname or each.name) == bound:
                    self.add_from(module, each.name, each.asname or "")

    def text(self) -> str:
        """Return the lines; empty without imports."""
        sections: dict[int, list[str]] = {}
        for module, alias in sorted(self._modules, key=_natural):
            line = f"import {module} as {alias}" if alias else f"import {module}"
            sections.setdefault(_section(module), []).append(line)
        for module in sorted(self._names, key=str.lower):
            lines = _from_lines(module, self._names[module])
            sections.setdefault(_section(module), []).extend(lines)
        return "\n\n".join("\n".join(sections[key]) for key in sorted(sections))


def _natural(each: tuple[str, str]) -> tuple[str, str]:
    return each[0].lower(), each[1]


def _section(module: str) -> int:
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    if module.startswith("."):
        return 3
    return 1 if top in sys.stdlib_module_names else 2


def _from_lines(module: str, names: set[tuple[str, str]]) -> list[str]:
    parts = [f"{name} as {alias}" if alias else name for name, alias in sorted(names, key=_kind)]
    line = f"from {module} import {', '.join(parts)}"
    if len(line) <= _WIDTH:
        return [line]
    return [f"from {module} import (", *(f"    {part}," for part in parts), ")"]


def _kind(each: tuple[str, str]) -> tuple[int, str, str]:
    """Return the key of isort's order: constants, classes, the rest."""
    name = each[0]
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name, each[1]
