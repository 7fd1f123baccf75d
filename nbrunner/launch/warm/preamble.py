"""Judges the statements of a flow file before its import of metaflow.

In a fresh interpreter they are executed before ``import metaflow``, so they may change what it
reads: variables, ``sys.path``, warnings filters. In a fork metaflow has already been imported. A
run is therefore forked only if no statement above the import of metaflow can have such an effect.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

_METAFLOW = "metaflow"
_PATH = "__import__('sys').path"


@dataclass(frozen=True)
class Preamble:
    """The statements above the import of metaflow, judged.

    Attributes
    ----------
    line : int or None
        The line of the first statement that may change what the import reads; None if there
        is none.
    folders : tuple of str
        The folders that a generated flow file adds to ``sys.path``.
    of_python : frozenset of str
        The top-level modules imported there that have names of the standard library.
    others : frozenset of str
        The other top-level modules imported there.
    """

    line: int | None = None
    folders: tuple[str, ...] = ()
    of_python: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def reason(self) -> str | None:
        """Why the file needs a fresh interpreter; None if it does not."""
        if self.line is None:
            return None
        return f"line {self.line} of the flow file runs before metaflow is imported there"


def preamble(source: bytes, is_harmless_module: Callable[[str], bool]) -> Preamble:
    """Return the judgement of a flow file's statements before its import of metaflow.

    Parameters
    ----------
    source : bytes
        The flow file.
    is_harmless_module : callable
        Returns whether a module that is not of the standard library, given by its full name, may
        be imported before metaflow or after it, with the same result.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return Preamble()  # it fails with the same message, warm or cold
    judge = Judge(is_harmless_module)
    _, line = judge.up_to_metaflow(statements)
    return Preamble(line, tuple(judge.folders), frozenset(judge.of_python), frozenset(judge.others))


def imports_metaflow(statement: ast.stmt) -> bool:
    """Return whether executing a statement may import metaflow."""
    if isinstance(statement, ast.Expr) and ast.unparse(statement) == "__import__('metaflow')":
        return True  # the line of a generated flow file
    return any(
        name == _METAFLOW
        for node in ast.walk(statement)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for name in names_of_modules(node)
    )


def names_of_modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the top-level modules that a statement imports, or imports from."""
    if isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    else:
        names = [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in names}


def _full_names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]


def generated_folders(statement: ast.stmt) -> tuple[str, ...] | None:
    """Return the folders in the line of ``import_path_line``; None for any other statement."""
    match statement:
        case ast.Assign(targets=[target]) if ast.unparse(target) == f"{_PATH}[1:1]":
            pass
        case ast.AugAssign(target=target, op=ast.Add()) if ast.unparse(target) == _PATH:
            pass
        case _:
            return None
    if not isinstance(statement.value, ast.List):
        return None
    return tuple(str(ast.literal_eval(each)) for each in statement.value.elts)


class Judge:
    """Judges statements by the effects that they may have.

    Attributes
    ----------
    of_python : set of str
        The modules imported so far that have names of the standard library.
    others : set of str
        The other top-level modules imported so far.
    folders : list of str
        The folders that a generated flow file adds to ``sys.path``.
    """

    def __init__(self, is_harmless_module: Callable[[str], bool]) -> None:
        self.of_python: set[str] = set()
        self.others: set[str] = set()
        self._is_harmless_module = is_harmless_module
        # Name bound by an import from the standard library -> its module.
        self._from_library: dict[str, str] = {}
        self.folders: list[str] = []

    def up_to_metaflow(self, statements: Sequence[ast.stmt]) -> tuple[bool, int | None]:
        """Judge the statements that are executed before metaflow is imported.

        Returns
        -------
        (bool, int or None)
            Whether the statements certainly import it, and the line of the first one that may
            change what the import reads.
        """
        for statement in statements:
            folders = generated_folders(statement)
            if folders is not None:
                self.folders += folders
            elif not imports_metaflow(statement):
                if not self.is_harmless(statement):
                    return False, statement.lineno
            else:
                is_imported, line = self._importing(statement)
                if is_imported or line is not None:
                    return is_imported, line
        return False, None

    def _importing(self, statement: ast.stmt) -> tuple[bool, int | None]:
        """Judge a statement that imports metaflow itself or in one of its blocks."""
        branches: list[Sequence[ast.stmt]]
        match statement:
            case ast.Import(names=names):
                places = [each.name.partition(".")[0] == _METAFLOW for each in names]
                before = ast.Import(names[: places.index(True)])
                is_bad = bool(before.names) and not self._is_harmless_import(before)
                return True, statement.lineno if is_bad else None
            case ast.ImportFrom() | ast.Expr():
                return True, None
            case ast.If(test=test, body=body, orelse=orelse) if _calls_nothing(test):
                branches = [body, orelse]
            case ast.Try(body=[ast.Import() | ast.ImportFrom() as first, *_]) if (
                imports_metaflow(first)  # the rest is executed after it
            ):
                branches = [[first]]
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                failed = [each for handler in handlers for each in handler.body]
                branches = [[*body, *orelse, *finalbody], [*failed, *finalbody]]
            case _:
                return False, statement.lineno
        judged = [self.up_to_metaflow(each) for each in branches]
        line = next((line for _, line in judged if line is not None), None)
        return all(is_imported for is_imported, _ in judged), line

    def is_harmless(self, statement: ast.stmt) -> bool:
        """Return whether a statement cannot change what ``import metaflow`` reads."""
        match statement:
            case ast.Import() | ast.ImportFrom():
                return self._is_harmless_import(statement)
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return True
            case ast.Assign(value=value, targets=targets):
                return _is_literal(value) and all(isinstance(each, ast.Name) for each in targets)
            case ast.AnnAssign(value=value, target=ast.Name(), annotation=annotation):
                literal = value is None or _is_literal(value)
                return literal and not _runs_something(annotation)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
                return (
                    self._are_known(statement.decorator_list)
                    and all(map(_is_literal, defaults))
                    and not any(map(_runs_something, _annotations(statement)))
                )
            case ast.ClassDef(bases=bases, keywords=[], body=body):
                known = self._are_known([*statement.decorator_list, *bases])
                return known and self._are_harmless(body)
            case ast.If(test=test, body=body, orelse=orelse):
                return _calls_nothing(test) and self._are_harmless([*body, *orelse])
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                inner = [each for handler in handlers for each in handler.body]
                return self._are_harmless([*body, *inner, *orelse, *finalbody])
        return False

    def _are_harmless(self, statements: Sequence[ast.stmt]) -> bool:
        return all(map(self.is_harmless, statements))

    def _is_harmless_import(self, node: ast.Import | ast.ImportFrom) -> bool:
        if isinstance(node, ast.ImportFrom) and node.level:
            return False
        tops = names_of_modules(node)
        others = tops - sys.stdlib_module_names
        self.of_python |= tops - others
        self.others |= others
        self._note_bound(node)
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else _full_names(node)
        return all(
            self._is_harmless_module(each) for each in modules if each.partition(".")[0] in others
        )

    def _note_bound(self, node: ast.Import | ast.ImportFrom) -> None:
        """Record the names that an import binds, which may replace earlier ones."""
        for alias in node.names:
            name = (alias.asname or alias.name).partition(".")[0]
            module = (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")
            if name == "*":
                self._from_library.clear()
            elif module[0] in sys.stdlib_module_names:
                self._from_library[name] = module[0]
            else:
                self._from_library.pop(name, None)

    def _are_known(self, expressions: Iterable[ast.expr]) -> bool:
        """Return whether all are decorators or bases of Python without other effects."""
        return all(map(self._is_known, expressions))

    def _is_known(self, expression: ast.expr) -> bool:
        if isinstance(expression, ast.Call):
            values = [*expression.args, *(each.value for each in expression.keywords)]
            return self._is_known(expression.func) and all(map(_is_literal, values))
        while isinstance(expression, ast.Attribute):
            expression = expression.value
        return isinstance(expression, ast.Name) and (
            expression.id in _BUILTIN or self._from_library.get(expression.id) in _MAKING
        )


# Modules whose decorators and bases make a function or class, and have no other effect.
_MAKING = frozenset(
    {"abc", "collections", "contextlib", "dataclasses", "enum", "functools", "threading", "typing"}
    | {"logging", "json", "argparse", "ast", "string", "numbers", "types", "datetime", "random"}
)

# Bases and decorators that do not execute the user's code.
_BUILTIN = frozenset(
    {"object", "Exception", "ValueError", "TypeError", "RuntimeError", "dict", "list", "str"}
    | {"int", "float", "tuple", "property", "staticmethod", "classmethod"}
)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    of = function.args
    every = [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg]
    yield from (each.annotation for each in every if each and each.annotation)
    if function.returns:
        yield function.returns


def _runs_something(node: ast.expr) -> bool:
    """Return whether an expression contains a call, or binds a name."""
    making = (ast.Call, ast.Await, ast.NamedExpr, ast.ListComp, ast.SetComp, ast.DictComp)
    return any(isinstance(each, (*making, ast.GeneratorExp)) for each in ast.walk(node))


def _calls_nothing(node: ast.expr) -> bool:
    allowed = (ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp)
    parts = (ast.Tuple, ast.expr_context, ast.cmpop, ast.boolop, ast.unaryop)
    return all(isinstance(each, (*allowed, *parts)) for each in ast.walk(node))
