"""The steps of a run as inline SVG, for where no widget can draw."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from nbrunner.jupyter.durations import took
from nbrunner.jupyter.plain_text import visible
from nbrunner.progress import Progress, StepProgress

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 128, 34, 30, 10
_MAX_STEPS = 120


def step_svg(
    following: Mapping[str, Sequence[str]],
    types: Mapping[str, str],
    progress: Progress,
    seconds: Mapping[str, float],
) -> str:
    """Return the drawing of the graph, each step with its counts and how long it was at work.

    Empty without steps.

    Steps stand in columns by their distance from ``start``; an edge that leads back, as
    a switch may have, is drawn as a bow.
    """
    steps = list(following) or list(progress.steps)
    if not steps or len(steps) > _MAX_STEPS:
        return ""
    places = _places(steps, following)
    columns = max(x for x, _ in places.values()) + 1
    rows = max(y for _, y in places.values()) + 1
    width = columns * (_WIDTH + _GAP_X) - _GAP_X + 2
    height = rows * (_HEIGHT + _GAP_Y) - _GAP_Y + 16
    drawn = [
        _edge(places[name], places[behind])
        for name in steps
        for behind in following.get(name, ())
        if behind in places
    ]
    drawn += [
        _box(name, types.get(name, ""), places[name], progress.steps.get(name), seconds.get(name))
        for name in steps
    ]
    label = html.escape(visible(f"Steps: {progress}"), quote=True)
    return (
        f'<div style="overflow-x:auto;margin:6px 0"><svg role="img" aria-label="{label}" '
        f'width="{width}" height="{height}" viewBox="-1 -1 {width} {height}" '
        'style="font-family:var(--jp-ui-font-family,sans-serif);font-size:12px" fill="none" '
        f'stroke="currentColor">{"".join(drawn)}</svg></div>'
    )


def _places(
    steps: Sequence[str], following: Mapping[str, Sequence[str]]
) -> dict[str, tuple[int, int]]:
    """Return (column, row) of each step."""
    depth = {name: 0 for name in steps}
    order = {name: number for number, name in enumerate(steps)}
    for name in steps:  # sorted along the graph, so one pass is enough
        for behind in following.get(name, ()):
            if order.get(behind, -1) > order[name]:
                depth[behind] = max(depth[behind], depth[name] + 1)
    rows: dict[int, int] = {}
    places = {}
    for name in steps:
        column = depth[name]
        places[name] = (column, rows.get(column, 0))
        rows[column] = rows.get(column, 0) + 1
    return places


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return place[0] * (_WIDTH + _GAP_X), place[1] * (_HEIGHT + _GAP_Y)


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = _corner(start)
    x, y = x + _WIDTH, y + _HEIGHT // 2
    to_x, to_y = _corner(end)
    to_y += _HEIGHT // 2
    if to_x <= x - _WIDTH:  # back: below the boxes
        low = max(y, to_y) + _HEIGHT // 2 + 8
        middle, target = x - _WIDTH // 2, to_x + _WIDTH // 2
        path = f"M{middle} {y + _HEIGHT // 2}C{middle} {low} {target} {low} {target} "
        return f'<path opacity=".5" stroke-dasharray="3 2" d="{path}{to_y + _HEIGHT // 2}"/>'
    half = (x + to_x) // 2
    return f'<path opacity=".5" d="M{x} {y}C{half} {y} {half} {to_y} {to_x} {to_y}"/>'


def _box(
    name: str,
    kind: str,
    place: tuple[int, int],
    counts: StepProgress | None,
    seconds: float | None,
) -> str:
    x, y = _corner(place)
    counts = counts or StepProgress()
    colour, shape = _state(counts)
    short = name if len(name) <= 15 else f"{name[:14]}…"
    many = counts.total > 1 or kind in ("foreach", "parallel")
    tally = f"{counts.done + counts.cloned}/{counts.total}" if many else ""
    title = (
        f"{name}: {counts.done} of {counts.total} done, {counts.running} running, "
        f"{counts.failed} failed" + (f", {counts.cloned} cloned" if counts.cloned else "")
    )
    time = "" if seconds is None else took(seconds)
    base = y + (15 if time else 21)
    text = 'stroke="none" fill="currentColor"'
    return (
        f"<g><title>{html.escape(visible(title))}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="3" stroke="{colour}"/>'
        f'<text x="{x + 8}" y="{base}" stroke="none" fill="{colour}">{shape}</text>'
        f'<text x="{x + 24}" y="{base}" {text}>{html.escape(visible(short))}</text>'
        f'<text x="{x + _WIDTH - 6}" y="{base}" text-anchor="end" opacity=".75" '
        f"{text}>{tally}</text>"
        f'<text x="{x + 24}" y="{y + 28}" font-size="10" opacity=".75" {text}>{time}</text></g>'
    )


def _state(counts: StepProgress) -> tuple[str, str]:
    """Return the colour and the sign of a step."""
    if counts.failed:
        return "#c62828", "✗"
    if counts.running:
        return "#1976d2", "◐"
    if counts.total and counts.pending == 0:
        return "#2e7d32", "◎" if counts.cloned and not counts.done else "✓"
    return "#8a8a8a", "○"
