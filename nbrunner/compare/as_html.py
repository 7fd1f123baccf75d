"""A comparison of runs as HTML, for a notebook. All texts of runs are escaped."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from nbrunner.text.printable import visible

if TYPE_CHECKING:
    from nbrunner.compare.code_changes import CodeChange
    from nbrunner.compare.diff import DiffRow, RunDiff

_MAX_CHARACTERS = 2000

# Colours are transparent layers over the page, which may be light or dark.
_STYLE = """
.nbrunner-diff { overflow-x: auto; }
.nbrunner-diff table { border-collapse: collapse; margin: 0 0 .5em; }
.nbrunner-diff th, .nbrunner-diff td {
  text-align: left; vertical-align: top; padding: .15em .8em .15em 0; font-weight: normal;
  white-space: pre-wrap; overflow-wrap: anywhere; background: none; border: none; }
.nbrunner-diff thead th, .nbrunner-diff caption { font-weight: 600; }
.nbrunner-diff caption { text-align: left; padding: .4em 0 .1em; }
.nbrunner-diff td { font-family: var(--jp-code-font-family, monospace); font-size: .92em; }
.nbrunner-diff summary { cursor: pointer; padding: .2em 0; }
.nbrunner-diff pre { margin: 0; line-height: 1.35; background: none; }
.nbrunner-diff ins, .nbrunner-diff del { text-decoration: none; }
.nbrunner-diff ins { background: rgba(46, 160, 67, .28); }
.nbrunner-diff del { background: rgba(248, 81, 73, .28); }
.nbrunner-diff .same { opacity: .75; }
"""


def html_of(diff: RunDiff) -> str:
    """Return the differing rows, the equal ones folded, and the changed code word by word."""
    parts = [_section(diff, name, list(rows)) for name, rows in groupby(diff.rows, _section_of)]
    for run, changes in diff.code.items():
        heading = f"code of {run} against {diff.pathspecs[0]}"
        body = "".join(map(_change, changes)) or "<p class='same'>equal</p>"
        parts.append(f"<section><strong>{_text(heading)}</strong>{body}</section>")
    parts += [f"<p>{_text(note)}</p>" for note in diff.notes]
    label = f"Comparison of {', '.join(diff.pathspecs)}"
    attributes = f'class="nbrunner-diff" role="group" aria-label="{_text(label)}"'
    return f"<style>{_STYLE}</style><div {attributes}>{''.join(parts)}</div>"


def _section_of(row: DiffRow) -> str:
    return row.section


def _section(diff: RunDiff, name: str, rows: Sequence[DiffRow]) -> str:
    differing = [row for row in rows if not row.equal]
    equal = [row for row in rows if row.equal]
    table = _table(diff, name, differing) if differing else ""
    if not equal:
        return table
    summary = f"<summary>{_text(f'{name}: {len(equal)} equal')}</summary>"
    return f"{table}<details>{summary}{_table(diff, name, equal)}</details>"


def _table(diff: RunDiff, caption: str, rows: Sequence[DiffRow]) -> str:
    head = "".join(f'<th scope="col">{_text(each)}</th>' for each in ("", *diff.pathspecs, ""))
    body = "".join(
        f'<tr><th scope="row">{_text(row.name)}</th>'
        + "".join(f"<td>{_value(value)}</td>" for value in row.values)
        + f"<td>{_text(row.note)}</td></tr>"
        for row in rows
    )
    return (
        f"<table><caption>{_text(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _value(value: str | None) -> str:
    if value is None:
        return '<span class="same">none</span>'
    cut = value if len(value) <= _MAX_CHARACTERS else f"{value[: _MAX_CHARACTERS - 1]}…"
    return _text(cut)


def _change(change: CodeChange) -> str:
    lines = change.lines()
    html = "\n".join(_marked(lines))
    summary = f"{change.name}: {change.kind}"
    return f"<details open><summary>{_text(summary)}</summary><pre>{html}</pre></details>"


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
