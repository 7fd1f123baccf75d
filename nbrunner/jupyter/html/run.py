"""A run as text and HTML, for saved notebooks and terminals.

The HTML has no script, link or style sheet; all text is escaped. Colours are legible on light and
dark backgrounds. It is written without jinja2, which every kernel would have to import for
three short pages.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nbrunner.engine.failure import Failure
from nbrunner.engine.progress import Progress
from nbrunner.engine.timeline import step_spans
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingProcess, ExecutingTask
from nbrunner.jupyter.html.line_names import as_written
from nbrunner.jupyter.html.step_graph import COLOURS, steps_html
from nbrunner.logs.line import STDOUT, shown
from nbrunner.logs.reader import last_lines
from nbrunner.record.schema import flow_of
from nbrunner.status import LABELS, RUN_STATES, STOPPED
from nbrunner.text.durations import elapsed
from nbrunner.text.printable import aligned, on_one_line, visible

AnyRun = ExecutingProcess | FollowedRun

_STATES = {state.name: state for state in RUN_STATES}
_LOG_LINES, _LINE_HEIGHT = 20, 18  # visible lines, pixels
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:12px"


def picture(running: AnyRun, log_lines: int) -> dict[str, str]:
    """Return the MIME bundle of the current state of a run.

    Parameters
    ----------
    running : ExecutingProcess or FollowedRun
        The run.
    log_lines : int
        Number of lines to include from the end of the log.

    Returns
    -------
    dict of str to str
        ``text/plain`` and ``text/html``.
    """
    facts = Facts(running, log_lines)
    return {"text/plain": as_text(facts), "text/html": as_html(facts)}


class Facts:
    """The data of a MIME bundle, read once."""

    def __init__(self, running: AnyRun, log_lines: int) -> None:
        record = running.record
        self.status = running.status
        self.label = LABELS[self.status]
        flow = flow_of(record)
        self.name = running.pathspec or flow["name"] or running.directory.name
        self.elapsed = elapsed(running.elapsed_seconds, self.status)
        self.progress = running.progress
        given = parameters_of(running, self.progress)
        self.details = [f"{name}={on_one_line(value)}" for name, value in given]
        if tags := running.parameters.get("tags"):
            self.details.append(f"tags: {', '.join(on_one_line(str(tag)) for tag in tags)}")
        spans = step_spans(running.timeline)
        self.seconds = {step: end - start for step, (start, end) in spans.items()}
        self.graph: Mapping[str, Sequence[str]] = flow["following"]
        self.types: Mapping[str, str] = flow["types"]
        self.failure: Failure | None = running.failure
        lines, self.lines_above = last_lines(_logs(running), log_lines)
        rename = as_written(running)
        self.log = [_log_line(line, rename) for line in lines]
        self.load = load_code(running)


def parameters_of(running: AnyRun, progress: Progress) -> list[tuple[str, str]]:
    """Return names and values of a run's arguments except its tags, and its origin run."""
    given = {name: str(value) for name, value in running.parameters.items() if name != "tags"}
    if progress.cloned_from:  # the origin run may have been chosen by Metaflow
        given.setdefault("origin_run_id", progress.cloned_from.rpartition("/")[2])
    return list(given.items())


def _logs(running: AnyRun) -> list[Path]:
    return [running.directory.log(stream) for stream in ("stderr", "stdout")]


def load_code(running: AnyRun) -> str:
    """Return the Python code to load the run: with `attach` while it is running."""
    if running.status == "running":  # a later reader can then see how it ended
        return f"nbrunner.attach({running.pathspec or running.directory.name!r})"
    if running.pathspec is None or isinstance(running, ExecutingTask):
        return ""  # spun tasks are not among Metaflow's runs
    return f"metaflow.Run({running.pathspec!r})"


def as_text(facts: Facts) -> str:
    """Return a few lines of text."""
    lines = [f"{facts.name}  {facts.label}  {facts.elapsed}".rstrip()]
    if facts.details:
        lines.append("  ".join(facts.details))
    if facts.progress.steps:
        lines.append(str(facts.progress))
    if facts.failure is not None:
        lines += visible(str(facts.failure.short)).splitlines()
    if facts.log:
        if facts.lines_above:
            lines.append(f"+ {facts.lines_above:,} lines above")
        lines += map(visible, _aligned(facts.log))
    if facts.load:
        lines.append(_how_to_load(facts))
    return "\n".join(lines)


def as_html(facts: Facts) -> str:
    """Return a self-contained HTML element."""
    state = _STATES[facts.status]
    colour = COLOURS[state.role]
    badge = (
        f'<span style="font-weight:600"><span style="color:{colour}">'
        f"{state.glyph}</span> {_text(facts.label)}</span>"
    )
    parts = [
        f"<div>{badge}&ensp;<b>{_text(facts.name)}</b>&ensp;"
        f'<span style="opacity:0.75">{_text(facts.elapsed)}</span></div>'
    ]
    if facts.details:
        parts.append(f'<div style="opacity:0.75;{_MONO}">{_text("  ".join(facts.details))}</div>')
    stopped = facts.status in STOPPED
    parts.append(steps_html(facts.graph, facts.types, facts.progress, facts.seconds, stopped))
    if facts.failure is not None:
        parts.append(
            f'<pre style="{_MONO};border-left:3px solid {COLOURS["error"]};margin:6px 0;'
            f'padding:2px 8px;white-space:pre-wrap">{_text(str(facts.failure.short))}</pre>'
        )
    parts.append(_log_html(facts))
    if facts.load:
        parts.append(f'<div style="opacity:0.75;{_MONO}">{_text(_how_to_load(facts))}</div>')
    return (
        '<div style="border:1px solid rgba(128,128,128,0.4);border-radius:3px;padding:8px 10px;'
        f'max-width:100%;overflow:hidden">{"".join(parts)}</div>'
    )


def _how_to_load(facts: Facts) -> str:
    if facts.status == "running":
        return (
            "This run was still running when the notebook was saved. "
            f"To see how it ended: {facts.load}"
        )
    return f"load it with {facts.load}"


def _log_line(line: str, rename: Callable[[str], str]) -> tuple[str, str, str]:
    """Return time, task and text of a line, as in the panel."""
    parsed = shown(line.encode("utf-8", "replace"), STDOUT, 0, len(line))
    return parsed.time[:8], parsed.label, rename(parsed.text)


def _aligned(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return lines with aligned texts; those without a label start with time or text."""
    width = max((len(label) for _, label, _ in log), default=0)
    return [
        f"{time}  {label:<{width}}  {text}" if label else "  ".join(filter(None, (time, text)))
        for time, label, text in log
    ]


def _log_html(facts: Facts) -> str:
    if not facts.log:
        return ""
    above = ""
    if facts.lines_above:
        note = f"the last {len(facts.log):,} lines; {facts.lines_above:,} more above"
        above = f'<span style="opacity:0.75">{note}</span>\n'
    text = "\n".join(map(_text, _aligned(facts.log)))
    # Column-reverse opens the box scrolled to its end. The height fits whole lines, so that the
    # first one is not cut off.
    return (
        '<div style="display:flex;flex-direction:column-reverse;'
        f"max-height:{_LOG_LINES * _LINE_HEIGHT}px;overflow-x:hidden;overflow-y:auto;"
        f'margin:6px 0"><pre style="{_MONO};line-height:{_LINE_HEIGHT}px;margin:0;padding:0;'
        'white-space:pre-wrap;overflow-wrap:anywhere;flex-shrink:0">'
        f"{above}{text}</pre></div>"
    )


def table_picture(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], remark: str = ""
) -> dict[str, str]:
    """Return the MIME bundle of a table: ``text/plain`` and ``text/html``."""
    table = [[on_one_line(cell) for cell in row] for row in (columns, *rows)]
    lines = aligned(table) if rows else []
    text = "\n".join(line.rstrip() for line in (title, *lines, remark) if line)
    head = _cells("th", columns)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    drawn = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    page = (
        f'<div style="overflow-x:auto"><b>{_text(title)}</b>{drawn}'
        f'<div style="opacity:0.75">{_text(remark)}</div></div>'
    )
    return {"text/plain": text, "text/html": page}


def _cells(tag: str, row: Sequence[str]) -> str:
    # JupyterLab's default is right-aligned.
    return "".join(f'<{tag} style="text-align:left">{_text(cell)}</{tag}>' for cell in row)


def _text(text: str) -> str:
    return html.escape(visible(text))
