"""Write the front end's files about states from the table in ``nbrunner/status.py``.

``python tools/states.py`` writes ``js/src/core/states.ts`` and ``states.css``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from nbrunner.status import OTHER_STATES, RUN_STATES, STEP_STATES, State

FOLDER = Path(__file__).parents[1] / "js" / "src" / "core"

# Colour role -> variable of colours.css.
_VARIABLES = {
    "active": "--nbr-brand",
    "success": "--nbr-success",
    "error": "--nbr-error",
    "stopped": "--nbr-warn",
    "quiet": "--nbr-quiet",
}
_NOTE = "Written by tools/states.py from nbrunner/status.py."


def typescript() -> str:
    """Return the text of ``states.ts``."""
    return "\n".join(
        (
            f"// {_NOTE}",
            "",
            _union("State", RUN_STATES),
            "",
            _union("StepState", STEP_STATES),
            "",
            "/** The sign of each state that a run, or a row of a table, can have. */",
            _glyphs("RUN_GLYPHS", "State", RUN_STATES),
            "",
            "/** The sign of each state that a step can have. */",
            _glyphs("STEP_GLYPHS", "StepState", STEP_STATES),
            "",
        )
    )


def css() -> str:
    """Return the text of ``states.css``."""
    roles: dict[str, list[str]] = {}
    for state in (*RUN_STATES, *OTHER_STATES, *STEP_STATES):
        labels = roles.setdefault(state.role, [])
        if state.label not in labels:
            labels.append(state.label)
    rules = [
        ":where(.nbr-badge, .nbr-step, .nbr-row-state):is(\n"
        + ",\n".join(f'    [data-state="{label}"]' for label in labels)
        + f"\n  ) {{\n  --nbr-state: var({_VARIABLES[role]});\n}}"
        for role, labels in roles.items()
    ]
    return "\n".join((f"/* {_NOTE} */", *rules, ""))


def _union(name: str, states: Iterable[State]) -> str:
    words = " | ".join(json.dumps(state.label) for state in states)
    return f"export type {name} = {words};"


def _glyphs(name: str, kind: str, states: Iterable[State]) -> str:
    pairs = "\n".join(
        f"  {json.dumps(state.label)}: {json.dumps(state.glyph, ensure_ascii=False)},"
        for state in states
    )
    return f"export const {name}: Record<{kind}, string> = {{\n{pairs}\n}};"


def main() -> None:
    """Write both files."""
    (FOLDER / "states.ts").write_text(typescript(), encoding="utf-8")
    (FOLDER / "states.css").write_text(css(), encoding="utf-8")


if __name__ == "__main__":
    main()
