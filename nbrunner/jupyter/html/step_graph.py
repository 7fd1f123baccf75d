"""The steps of a run as boxes and lines in HTML, for front ends that cannot draw the widget.

Uses only inline styles that JupyterLab keeps in untrusted notebooks, where it removes SVG. Without
styles, each step is a line of text.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator, Mapping, Sequence

from nbrunner.engine.progress import Progress, StepProgress
from nbrunner.status import STEP_STATES, Role
from nbrunner.text.durations import took
from nbrunner.text.printable import visible

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 128, 34, 30, 14
_MAX_STEPS = 120
_NAME_CHARACTERS = 16
_LINE = "#8a8a8a"

# Colours of glyphs and borders. Contrast is 4.5:1 on white and at least 3.6:1 on the dark
# backgrounds of JupyterLab and VS Code (WCAG requires 3:1 for graphics). Text would need 4.5:1 on
# both, which no colour has, so it inherits its colour.
COLOURS: dict[Role, str] = {
    "success": "#318738",
    "error": "#d93a3a",
    "stopped": "#957000",
    "active": "#1f78d0",
    "quiet": "#767676",
}
_STATES = {state.name: state for state in STEP_STATES}

Place = tuple[int, int]
Point = tuple[int, int]
Edge = tuple[str, str]


def steps_html(
    following: Mapping[str, Sequence[str]],
    types: Mapping[str, str],
    progress: Progress,
    seconds: Mapping[str, float],
    stopped: bool = False,
) -> str:
    """Return the drawing of the graph: each step with its counts and duration.

    Empty without steps. Steps are placed in columns by their distance from ``start``. A line that
    passes a column has its own row there; one that leads back, as from a switch, runs below.

    Parameters
    ----------
    following : mapping of str to sequence of str
        Step name -> names of the following steps.
    types : mapping of str to str
        Step name -> type.
    progress : Progress
        Task counts of each step.
    seconds : mapping of str to float
        Step name -> duration in seconds.
    stopped : bool
        True if the run was stopped: failed tasks are then shown as stopped.
    """
    steps = list(following) or list(progress.steps)
    if not steps or len(steps) > _MAX_STEPS:
        return ""
    edges = [(name, behind) for name in steps for behind in following.get(name, ())]
    edges = [edge for edge in edges if edge[1] in steps]
    places, ways = _placed(steps, edges)
    lines = [_way([places[name], *ways[name, behind], places[behind]]) for name, behind in edges]
    wide = {behind for name, behind in edges if types.get(name) in ("foreach", "parallel")}
    boxes = [
        _box(
            name,
            places[name],
            progress.steps.get(name) or StepProgress(),
            seconds.get(name),
            name in wide,
            stopped,
        )
        for name in steps
    ]
    columns = max(x for x, _ in places.values()) + 1
    rows = max(y for x, y in [*places.values(), *(p for way in ways.values() for p in way)]) + 1
    label = _text(f"Steps: {progress}")
    size = f"width:{columns * (_WIDTH + _GAP_X)}px;height:{rows * (_HEIGHT + _GAP_Y)}px"
    drawn = "".join(dict.fromkeys(part for line in lines for part in line))
    return (
        f'<div style="overflow-x:auto;margin:6px 0"><div role="group" aria-label="{label}" '
        f'style="position:relative;{size};font-size:12px">{drawn}{"".join(boxes)}</div></div>'
    )


# -- positions -------------------------------------------------------------------------------


def _placed(
    steps: Sequence[str], edges: Sequence[Edge]
) -> tuple[dict[str, Place], dict[Edge, list[Place]]]:
    """Return (column, row) of each step, and of each line in the columns that it passes."""
    order = {name: number for number, name in enumerate(steps)}
    depth = {name: 0 for name in steps}
    forward = [edge for edge in edges if order[edge[0]] < order[edge[1]]]
    for name, behind in sorted(forward, key=lambda edge: order[edge[0]]):
        depth[behind] = max(depth[behind], depth[name] + 1)
    places: dict[str, Place] = {}
    ways: dict[Edge, list[Place]] = {edge: [] for edge in edges}
    for column in range(max(depth.values()) + 1):
        here = {
            name: min((_row(edge, places, ways) for edge in forward if edge[1] == name), default=0)
            for name in steps
            if depth[name] == column
        }
        passing = {
            edge: _row(edge, places, ways)
            for edge in forward
            if depth[edge[0]] < column < depth[edge[1]]
        }
        # Placed at the height of their predecessors, steps above lines that pass them.
        rows: list[tuple[str | Edge, int]] = [*here.items(), *passing.items()]
        row = -1
        for each, wanted in sorted(rows, key=lambda item: item[1]):
            row = max(row + 1, wanted)
            if isinstance(each, str):
                places[each] = (column, row)
            else:
                ways[each].append((column, row))
    return places, ways


def _row(
    edge: Edge,
    places: Mapping[str, Place],
    ways: Mapping[Edge, Sequence[Place]],
) -> int:
    """Return the row in which a line reaches the next column."""
    return (ways[edge] or [places[edge[0]]])[-1][1]


def _corner(place: Place) -> Point:
    return place[0] * (_WIDTH + _GAP_X), place[1] * (_HEIGHT + _GAP_Y)


# -- lines -----------------------------------------------------------------------------------


def _way(places: Sequence[Place]) -> Iterator[str]:
    """Yield the HTML of the segments of a line, from its first place to its last."""
    start, end = places[0], places[-1]
    is_back = end[0] <= start[0]
    points = _back(start, end) if is_back else _forward(places)
    for point, following in itertools.pairwise(points):
        if point != following:
            yield _piece(point, following, "dashed" if is_back else "solid")
    x, y = points[-1]
    yield _styled(
        f"left:{x - 5}px;top:{y - 4}px;width:0;height:0;border:4px solid transparent;"
        f"border-left:5px solid {_LINE};border-right:0"
    )


def _forward(places: Sequence[Place]) -> list[Point]:
    middles = [(x, y + _HEIGHT // 2) for x, y in map(_corner, places)]
    x, y = middles[0]
    points = [(x + _WIDTH, y)]
    for x, next_y in middles[1:]:
        if next_y != y:
            # Vertical segments of lines from different rows are placed side by side.
            turn = x - _GAP_X + 8 + places[0][1] % 3 * 5
            points += [(turn, y), (turn, next_y)]
            y = next_y
    return [*points, (x, y)]


def _back(start: Place, end: Place) -> list[Point]:
    """Return the points of a line that runs below the lower row, clear of all boxes."""
    x, y = _corner(start)
    to_x, to_y = _corner(end)
    low = max(y, to_y) + _HEIGHT + _GAP_Y // 2
    out, into = x + _WIDTH + 4, max(0, to_x - 9)
    y, to_y = y + _HEIGHT - 7, to_y + _HEIGHT - 7
    return [(out - 4, y), (out, y), (out, low), (into, low), (into, to_y), (to_x, to_y)]


def _piece(point: Point, following: Point, style: str) -> str:
    (x, y), (to_x, to_y) = point, following
    left, top = min(x, to_x), min(y, to_y)
    if y == to_y:
        size, side = f"width:{abs(to_x - x) + 1}px;height:0", "top"
    else:
        size, side = f"width:0;height:{abs(to_y - y)}px", "left"
    return _styled(f"left:{left}px;top:{top}px;{size};border-{side}:1px {style} {_LINE}")


def _styled(style: str) -> str:
    return f'<div style="position:absolute;{style}"></div>'


# -- boxes -----------------------------------------------------------------------------------


def _box(
    name: str,
    place: Place,
    counts: StepProgress,
    seconds: float | None,
    is_wide: bool,
    stopped: bool,
) -> str:
    x, y = _corner(place)
    colour, sign = _state(counts, stopped)
    tally = f"{counts.done + counts.cloned}/{counts.total}" if is_wide or counts.total > 1 else ""
    room = _NAME_CHARACTERS - len(tally)
    short = name if len(name) < room else f"{name[: room - 2]}…"
    aside = f' <span style="float:right;opacity:0.75">{tally}</span>' if tally else ""
    time = ""
    if seconds is not None:
        style = "display:block;margin-left:16px;font-size:10px;opacity:0.75"
        time = f' <span style="{style}">{took(seconds)}</span>'
    return (
        f'<div title="{_text(_counts_text(name, counts, stopped))}" style="position:absolute;'
        f"left:{x}px;top:{y}px;width:{_WIDTH}px;height:{_HEIGHT}px;box-sizing:border-box;"
        f"border:1px solid {colour};border-radius:3px;padding:2px 6px;overflow:hidden;"
        f'white-space:nowrap;line-height:{14 if time else 28}px">'
        f'<span style="display:inline-block;width:13px;color:{colour}">{sign}</span> '
        f"{_text(short)}{aside}{time}</div>"
    )


def _counts_text(name: str, counts: StepProgress, stopped: bool) -> str:
    ended = "stopped" if stopped else "failed"
    cloned = f", {counts.cloned} cloned" if counts.cloned else ""
    return (
        f"{name}: {counts.done} of {counts.total} done, {counts.running} running, "
        f"{counts.failed} {ended}{cloned}"
    )


def _state(counts: StepProgress, stopped: bool) -> Edge:
    """Return the colour and the glyph of a step."""
    state = _STATES[_state_name(counts, stopped)]
    return COLOURS[state.role], state.glyph


def _state_name(counts: StepProgress, stopped: bool) -> str:
    if counts.failed:
        return "stopped" if stopped else "failed"
    if counts.running:
        return "running"
    if counts.total and counts.pending == 0:
        return "cloned" if counts.cloned and not counts.done else "done"
    return "pending"


def _text(text: str) -> str:
    return html.escape(visible(text))
