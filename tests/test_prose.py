"""The prose of the project: no words that a technical writer would not use, nothing undocumented.

CONTRIBUTING.md has the rules. Here are the patterns that a search can find.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nbrunner"

#: Pattern -> what to write instead.
FORBIDDEN = {
    r"\bTell (whether|if|what|why|which|how|who)\b": "Return whether ..., Return the ...",
    r"\bReturn (what|who)\b": "Return the <noun>",
    r"\bDo as\b": "say what it does, then: see `name`",
    r"\bnone that\b": "no <noun> that",
    r"\bwhoever\b": "the caller, the owner, the reader",
    r"\b(some|no)body\b": "the user, another process, nothing",
    r"\b(go|goes|going|went) on\b": "continue",
    r"\bstands? (there|behind|beside|above|below)\b|\bas (it|they) stands?\b": "is",
    r"\banew\b": "again",
    r"\bbeside\b": "next to, besides, in addition to",
    r"\bmeanwhile\b": "in the meantime, or nothing",
    r"\bof ours\b": "our",
    r"\bas ever\b": "unchanged",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bfor good\b": "permanently",
    r"\ball the same\b": "still, anyway",
    r"\b(write|writes|wrote|written) down\b": "record",
    r"\b(is|are|was|were|been) told\b|\btells\b": "report, show, return",
    r"(^|[.;:] )Of (a|an|the|two|those|these|each|all|what)\b": "begin with the subject",
    r"\b[Ii]t is no\b": "it is not a",
    r"\bwhere (nobody|nothing|none)\b": "if no <noun>",
    r"\blet go\b": "close, release",
    r"\bin vain\b": "without success",
    r"\bpossible are\b": "possible <nouns>:",
}
_FORBIDDEN = re.compile("|".join(f"(?:{pattern})" for pattern in FORBIDDEN))

MODULES = sorted(PACKAGE.rglob("*.py"))
OTHERS = [
    path
    for name in ("tests", "benchmarks", "tools", "notebooks")
    for path in sorted((ROOT / name).rglob("*.py"))
    if path != Path(__file__)
]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "reference.md"),
]


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of the comments of a Python file."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#: ")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of the docstrings of a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | _Definition):
            text = ast.get_docstring(node, clean=False) or ""
            for number, line in enumerate(text.splitlines(), node.body[0].lineno):
                yield number, line.strip()


def script_comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of the comments of a TypeScript file or style sheet."""
    source = path.read_text(encoding="utf-8")
    for found in re.finditer(r"/\*.*?\*/|^\s*//.*?$|(?<=[;{},)] )// .*?$", source, re.S | re.M):
        first = source.count("\n", 0, found.start()) + 1
        for number, line in enumerate(found[0].splitlines(), first):
            yield number, line.strip("/* ")


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of the comments, docstrings and messages of a module."""
    yield from comments(path)
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for number, line in enumerate(node.value.splitlines(), node.lineno):
                yield number, line.strip()


def found_in(path: Path, lines: Iterator[tuple[int, str]]) -> list[str]:
    """Return the lines with a forbidden pattern, with what to write instead."""
    found = []
    for number, line in lines:
        if match := _FORBIDDEN.search(line):
            instead = next(FORBIDDEN[pattern] for pattern in FORBIDDEN if re.search(pattern, line))
            where = f"{path.relative_to(ROOT)}:{number}"
            found.append(f"{where}: {match[0].strip()!r}, write: {instead}\n    {line}")
    return found


@pytest.mark.once
def test_docstrings_comments_and_messages_are_plain_english():
    found = [each for path in MODULES for each in found_in(path, prose(path))]
    assert not found, "\n".join(found)


@pytest.mark.once
def test_docstrings_and_comments_of_tests_and_tools_are_plain_english():
    found = []
    for path in OTHERS:
        found += found_in(path, iter([*comments(path), *docstrings(path)]))
    assert not found, "\n".join(found)


@pytest.mark.once
def test_comments_of_scripts_and_style_sheets_are_plain_english():
    found = []
    for folder in ("src", "tests"):
        for path in sorted((ROOT / "js" / folder).rglob("*.*s")):
            found += found_in(path, script_comments(path))
    assert not found, "\n".join(found)


@pytest.mark.once
def test_pages_and_notebooks_are_plain_english():
    found = []
    for path in PAGES:
        text = re.sub(r"```.*?```|`[^`\n]*`|\"[^\"\n]*\"", _blank, path.read_text(), flags=re.S)
        found += found_in(path, iter(enumerate(text.splitlines(), 1)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells):
            if cell["cell_type"] == "markdown":
                found += found_in(path, ((number, line) for line in cell["source"]))
    assert not found, "\n".join(found)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


@pytest.mark.once
def test_nothing_public_is_undocumented():
    found = [each for path in MODULES for each in gaps(path)]
    assert not found, "\n".join(found)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether a definition is a signature of a function that follows."""
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)


def gaps(path: Path) -> list[str]:
    """Return what lacks a docstring, or an entry of a docstring that lacks its description."""
    found = []
    for node, is_public in definitions(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        text = ast.get_docstring(node)
        if text is None:
            if is_public and not is_overload(node):
                found.append(f"{where}: no docstring")
            continue
        found += [f"{where}: {name} has no description" for name in undescribed(text)]
    return found


_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(tree: ast.AST, is_public: bool = True) -> Iterator[tuple[_Definition, bool]]:
    """Yield classes, functions and methods, and whether they are public."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _Definition):
            shown = is_public and not node.name.startswith("_") and not is_setter(node)
            yield node, shown
            if isinstance(node, ast.ClassDef):
                yield from definitions(node, shown)


def is_setter(node: _Definition) -> bool:
    """Return whether a method is the setter of a property, or a magic with a set docstring."""
    names = [ast.unparse(each) for each in node.decorator_list]
    return any(name.endswith(".setter") or name == "line_cell_magic" for name in names)


def undescribed(text: str) -> Iterator[str]:
    """Yield the entries of a docstring's sections that have no description."""
    for section in re.split(r"\n(?=\w+\n-{3,}\n)", text)[1:]:
        title, _, body = section.split("\n", 2)
        if title not in ("Parameters", "Attributes", "Raises"):
            continue
        lines = body.split("\n")
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line and not line.startswith(" ") and not following.startswith("    "):
                yield f"{title}: {line}"


@pytest.mark.once
def test_the_patterns_are_found():
    """Each is found in a sentence of its kind, and a plain sentence has none."""
    for text in (
        "Tell whether a process lives.",
        "Return what stands in the log.",
        "Do as `stop`.",
        "Of a run that ended, the exit code.",
        "Whether there is one, whoever asks.",
        "it goes on where it failed",
        "2 to mend",
        "nothing is there to go on meanwhile",
    ):
        assert _FORBIDDEN.search(text), text
    assert not _FORBIDDEN.search("Return the exit code of the run process; None while it runs.")
    lacking = "Do.\n\nRaises\n------\nKeyError\n    It is missing.\nValueError\n\nNotes\n-----\nx"
    assert list(undescribed(lacking)) == ["Raises: ValueError"]
