"""A comparison of runs as HTML, for a notebook. All texts of runs are escaped."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from nbrunner.text.printable import shortened, visible

if TYPE_CHECKING:
    from nbrunner.compare.code_changes import CodeChange
    from nbrunner.compare.diff import DiffRow, RunDiff

_MAX_CHARACTERS = 2000

# Colours are transparent layers over the page, which may be light or dark. The doubled class
# outweighs the rules of JupyterLab for tables in outputs.
_STYLE = """
.nbrunner-diff { overflow-x: auto; }
.nbrunner-diff.nbrunner-diff table { border-collapse: collapse; margin: 0 0 .3em; }
.nbrunner-diff.nbrunner-diff :is(th, td) {
  text-align: left; vertical-align: top; padding: .15em 1.2em .15em 0; font-weight: normal;
  white-space: pre-wrap; background: none; border: none; max-width: 40em; }
.nbrunner-diff td { overflow-wrap: anywhere; }
.nbrunner-diff.nbrunner-diff td:last-child { white-space: nowrap; overflow-wrap: normal; }
.nbrunner-diff.nbrunner-diff :is(thead th, th[scope="rowgroup"]) { font-weight: 600; }
.nbrunner-diff.nbrunner-diff th[scope="rowgroup"] { padding-top: .6em; }
.nbrunner-diff.nbrunner-diff th[scope="row"] { padding-left: 1.2em; }
.nbrunner-diff td { font-family: var(--jp-code-font-family, monospace); font-size: .92em; }
.nbrunner-diff summary { cursor: pointer; padding: .2em 0; }
.nbrunner-diff.nbrunner-diff pre { margin: 0; line-height: 1.35; background: none; }
.nbrunner-diff ins, .nbrunner-diff del { text-decoration: none; color: inherit; }
.nbrunner-diff ins { background: rgba(46, 160, 67, .28); }
.nbrunner-diff del { background: rgba(248, 81, 73, .28); }
.nbrunner-diff .same { opacity: .75; }
"""


def html_of(diff: RunDiff) -> str:
    """Return the differing rows, the equal ones folded, and the changed code word by word."""
    equal = [row for row in diff.rows if row.equal]
    parts = [_table(diff, diff.differing) if diff.differing else "<p>The runs are equal.</p>"]
    if equal:
        counts = Counter(row.section for row in equal)
        summary = f"equal: {', '.join(f'{count} in {name}' for name, count in counts.items())}"
        parts.append(_folded(summary, _table(diff, equal)))
    for run, changes in diff.code.items():
        heading = f"code of {run} against {diff.pathspecs[0]}{'' if changes else ': equal'}"
        body = "".join(map(_change, changes))
        parts.append(f"<section><strong>{_text(heading)}</strong>{body}</section>")
    parts += [f"<p>{_text(note)}</p>" for note in diff.notes]
    label = f"Comparison of {', '.join(diff.pathspecs)}"
    attributes = f'class="nbrunner-diff" role="group" aria-label="{_text(label)}"'
    return f"<style>{_STYLE}</style><div {attributes}>{''.join(parts)}</div>"


def _folded(summary: str, html: str, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{_text(summary)}</summary>{html}</details>"


def _table(diff: RunDiff, rows: Sequence[DiffRow]) -> str:
    """Return a table with one column per run and a group of rows per section."""
    # In a narrow page a run id goes below its flow, in one piece.
    names = [_text(each).replace("/", "/<wbr>") for each in ("", *diff.pathspecs, "")]
    head = "".join(f'<th scope="col">{each}</th>' for each in names)
    body = "".join(
        f'<tbody><tr><th scope="rowgroup">{_text(section)}</th></tr>'
        f"{''.join(map(_row, group))}</tbody>"
        for section, group in groupby(rows, lambda row: row.section)
    )
    return f"<table><thead><tr>{head}</tr></thead>{body}</table>"


def _row(row: DiffRow) -> str:
    cells = "".join(f"<td>{_value(value)}</td>" for value in row.values)
    return f'<tr><th scope="row">{_text(row.name)}</th>{cells}<td>{_text(row.note)}</td></tr>'


def _value(value: str | None) -> str:
    if value is None:
        return '<span class="same">none</span>'
    return _text(shortened(value, _MAX_CHARACTERS))


def _change(change: CodeChange) -> str:
    html = "\n".join(_marked(change.lines()))
    return _folded(f"{change.name}: {change.kind}", f"<pre>{html}</pre>", is_open=True)


def _marked(lines: Sequence[str]) -> list[str]:
    """Return the lines of a unified diff with the differing words marked."""
    marked: list[str] = []
    for kind, group in groupby(lines, lambda line: line[:1] in "-+" and line[:1] != ""):
        members = list(group)
        if not kind:
            marked += [f'<span class="same">{_text(line)}</span>' for line in members]
            continue
        removed = [line[1:] for line in members if line.startswith("-")]
        added = [line[1:] for line in members if line.startswith("+")]
        old, new = _words("\n".join(removed), "\n".join(added))
        marked += [f"- {line}" for line in old.split("\n")] if removed else []
        marked += [f"+ {line}" for line in new.split("\n")] if added else []
    return marked


def _words(before: str, after: str) -> tuple[str, str]:
    """Return two texts as HTML in which the words that only one of them has are marked."""
    old, new = (re.findall(r"\w+|\n|[^\w\n]", text) for text in (before, after))
    left, right = "", ""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        left += _mark("del", old[a:b]) if kind != "equal" else _text("".join(old[a:b]))
        right += _mark("ins", new[c:d]) if kind != "equal" else _text("".join(new[c:d]))
    return left, right


def _mark(tag: str, words: Sequence[str]) -> str:
    """Return words as marked HTML; a mark does not go over the end of a line."""
    lines = "".join(words).split("\n")
    return "\n".join(f"<{tag}>{_text(line)}</{tag}>" if line else "" for line in lines)


def _text(value: str) -> str:
    return escape(visible(value))
