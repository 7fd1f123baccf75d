"""The cost of panels with a million lines, 100,000 lines per second, or a hundred runs."""

from __future__ import annotations

import pytest
from support.board_figures import RUNS, board_figures
from support.log_figures import flood_figures, heap_bytes, size_figures

pytestmark = [pytest.mark.slow, pytest.mark.alone]

# The goals are for an idle machine, measured by `make bench`; these limits allow a busy one.
BUSY = 4


def test_a_million_lines_cost_what_one_screen_does(lab):
    figures = size_figures(lab)
    assert figures["open seconds"] < 1 * BUSY
    assert figures["position seconds"] < 0.2 * BUSY
    assert figures["search seconds"] < 1 * BUSY
    assert figures["heap bytes"] < 50e6


def test_a_flood_of_lines_is_paced_on_the_wire_and_none_is_lost(lab):
    figures = flood_figures(lab)
    assert figures["wire bytes a second"] < 1e6
    assert figures["caught up seconds"] < 2 * BUSY


def test_a_board_of_a_hundred_runs_at_once_is_paced_and_costs_the_kernel_little(lab):
    figures = board_figures(lab)
    assert figures["successful"] == RUNS
    assert figures["cpu"] < 0.15
    assert figures["messages a second"] < 20


SHOWN = """\
from IPython.display import clear_output
from nbrunner.jupyter.widgets.step_graph import StepGraph
graphs = [StepGraph() for _ in range(20)]
display(*graphs)
"""

CLOSED = """\
for graph in graphs:
    graph.layout.close()
    graph.close()
clear_output()
"""


def test_a_widget_that_was_closed_leaves_no_copy_of_its_bundle_in_the_page(lab):
    """A browser never frees an imported module; one per step graph took 250 kB each."""
    lab.execute(0, "%load_ext nbrunner")
    heaps = []
    for _ in range(3):
        lab.execute(1, SHOWN)
        lab.until(lambda: lab.page.locator(".nbr-steps").count() == 20, "the step graphs")
        lab.execute(1, CLOSED)
        lab.until(lambda: lab.page.locator(".nbr-steps").count() == 0, "their end")
        heaps.append(heap_bytes(lab.page))
    # An empty ipywidgets.Button leaves 30 kB with its messages.
    assert heaps[2] - heaps[1] < 20 * 100_000, heaps
