"""Panels by the cell that shows them: a cell that runs again closes its old ones.

Without that every execution would leave a panel behind, with its widgets, its comms and
what the feed does for it.
"""

from __future__ import annotations

from typing import Any, Protocol


class Closes(Protocol):
    """A panel."""

    def close(self) -> None: ...


class CellPanels:
    """The panels that nbrunner itself has shown, by the cell that shows them."""

    def __init__(self) -> None:
        self._by_cell: dict[str, list[Closes]] = {}

    def add(self, shell: Any, panel: Closes) -> None:
        """Note a panel that the cell that runs now shows."""
        self._by_cell.setdefault(cell_id(shell), []).append(panel)

    def close_old(self, shell: Any) -> None:
        """Close what the cell that begins now showed when it ran before."""
        cell = cell_id(shell)
        if cell:  # not every front end names its cells
            for panel in self._by_cell.pop(cell, []):
                panel.close()


def cell_id(shell: Any) -> str:
    """Return what the front end calls the cell that runs now; empty if it does not say."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return ""
    return str(kernel.get_parent("shell").get("metadata", {}).get("cellId", ""))


PANELS = CellPanels()
