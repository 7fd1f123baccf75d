"""The panels shown by each cell; a cell that is executed again closes its earlier ones.

Otherwise each execution would leave a panel behind, with its widgets, comms and updates.
"""

from __future__ import annotations

from typing import Protocol


class Closes(Protocol):
    """A panel that can be closed."""

    def close(self) -> None:
        """Close the panel and its widgets."""
        ...


class CellPanels:
    """The panels displayed by nbrunner, by cell."""

    def __init__(self) -> None:
        self._by_cell: dict[str, list[Closes]] = {}

    def add(self, shell: object, panel: Closes) -> None:
        """Register a panel displayed by the current cell."""
        self._by_cell.setdefault(cell_id(shell), []).append(panel)

    def close_old(self, shell: object) -> None:
        """Close the panels that the current cell displayed when it was last executed."""
        cell = cell_id(shell)
        if cell:  # some front ends send no cell id
            for panel in self._by_cell.pop(cell, []):
                panel.close()


def cell_id(shell: object) -> str:
    """Return the front end's id of the current cell; empty if there is none."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return ""
    return str(kernel.get_parent("shell").get("metadata", {}).get("cellId", ""))


PANELS = CellPanels()
