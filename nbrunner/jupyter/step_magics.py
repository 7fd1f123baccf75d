"""The magics for flows of several cells, and for artifacts."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)

from nbrunner.errors import BadValueError
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.source import flow_source
from nbrunner.flow.steps.assembly import text_of
from nbrunner.flow.steps.export_file import write_exported
from nbrunner.flow.steps.loaded import cells_of_file
from nbrunner.flow.steps.step_flow import StepFlow
from nbrunner.jupyter import output as outputs
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.magic.artifact import artifact_path, value_at
from nbrunner.jupyter.magic.launch import runner_of
from nbrunner.jupyter.magic.options import Options
from nbrunner.jupyter.magic.step_help import FLOW_HELP, STEP_HELP
from nbrunner.jupyter.magic.step_registry import StepFlows
from nbrunner.jupyter.magic.tokenizer import words_of
from nbrunner.jupyter.magics import FlowMagics, cell_name, usage_errors


@magics_class
class StepMagics(Magics):
    """``%%flow``, ``%%step``, ``%flow``, ``%flowexport``, ``%flowload`` and ``%flowshow``.

    Parameters
    ----------
    shell : InteractiveShell
        The notebook's shell.
    config : FlowRun
        Defaults of the magics.
    runs : FlowMagics
        Runs the flows.
    """

    def __init__(self, shell: Any, config: FlowRun, runs: FlowMagics) -> None:
        super().__init__(shell)
        self._config = config
        self._runs = runs
        self._flows = StepFlows(shell.user_ns)
        self._loaded: list[str] = []

    @no_var_expand
    @line_cell_magic
    def flow(self, line: str, cell: str | None = None) -> None:
        """Define or show a flow; its help replaces this text."""
        with usage_errors():
            if line.split() in (["--help"], ["-h"]):
                print(FLOW_HELP)  # noqa: T201 - this is what was asked for
            elif cell is None:
                self._show_or_drop(line.split())
            else:
                flow = self._flows.define_flow(line, cell, cell_name(self.shell))
                self._insert_next("flow", flow.flow_name)

    @no_var_expand
    @cell_magic
    def step(self, line: str, cell: str) -> None:
        """Define a step; its help replaces this text."""
        with usage_errors():
            flow, step = self._flows.define_step(line, cell, cell_name(self.shell))
            self._insert_next("step", step.name)
            runs = self._config.run_steps if step.words.run is None else step.words.run
        if runs:
            self._runs.spin(flow, step.name)

    @no_var_expand
    @line_magic
    def flowexport(self, line: str) -> None:
        """Write a flow of %%step cells as a flow file: ``%flowexport NAME FILE [--force]``.

        The file has what the flow uses of other cells. It does not need nbrunner, and is the same
        whenever the cells are. A file that you have written or edited is not overwritten without
        --force.
        """
        with usage_errors():
            words = [word.text for word in words_of(line, self._evaluated)]
            names = [word for word in words if not word.startswith("-")]
            options = [word for word in words if word.startswith("-")]
            if len(names) != 2 or options not in ([], ["--force"]):
                raise BadValueError(
                    "%flowexport: expected a flow and a file, as in %flowexport TrainFlow "
                    f"train.py [--force]; got {line.strip()!r}"
                )
            flow = self._flows.named(names[0])
            write_exported(names[1], flow.exported(), bool(options))
            print(f"{flow.flow_name} is in {names[1]}")  # noqa: T201

    @no_var_expand
    @line_magic
    def flowload(self, line: str) -> None:
        """Put a flow file into cells: ``%flowload FILE``.

        The first cell has the file without its steps; each step is a cell of its own. The cells
        appear one by one below: a cell when the one before it is executed. The flow of these
        cells is exported with the same syntax tree.
        """
        with usage_errors():
            names = [word.text for word in words_of(line, self._evaluated)]
            if len(names) != 1 or names[0].startswith("-"):
                raise BadValueError(
                    "%flowload: expected a flow file, as in %flowload train.py; "
                    f"got {line.strip()!r}"
                )
            source = flow_source(names[0])
            cells = cells_of_file(source.file.read_text(encoding="utf-8"), names[0])
            self._insert(cells)
            print(  # noqa: T201
                f"{names[0]}: {len(cells)} cells; execute each for the next one to appear below"
            )

    @no_var_expand
    @line_magic
    def flowshow(self, line: str) -> None:
        """Show an artifact: ``%flowshow STEP.ARTIFACT`` of the latest run of this kernel.

        ``STEP/TASK.ARTIFACT`` selects a task, ``FLOW/RUN/STEP[/TASK].ARTIFACT`` another run.
        Tables, images and plots are drawn, other values are printed.
        """
        with usage_errors():
            path = artifact_path(" ".join(word.text for word in words_of(line, self._evaluated)))
            value = value_at(path, self._runs.latest_with(path.step))
        outputs.show_value(self.shell, value)

    # -- internal ---------------------------------------------------------------------

    def _insert(self, cells: list[str]) -> None:
        """Insert the first of some cells below this one."""
        self._loaded = cells
        self.shell.set_next_input(cells[0], replace=False)

    def _insert_next(self, magic: str, name: str) -> None:
        """Insert the next loaded cell if this one is the latest that was inserted."""
        if self._loaded and self._loaded[0].split()[:2] == [f"%%{magic}", name]:
            rest = self._loaded[1:]
            self._loaded = []
            if rest:
                self._insert(rest)

    def _evaluated(self, expression: str) -> Any:
        return eval(expression, self.shell.user_ns)

    def _show_or_drop(self, words: list[str]) -> None:
        names = [word for word in words if not word.startswith("-")]
        if words[1:2] == ["--drop"] and len(words) == len(names) + 1 == 3:
            self._flows.named(words[0]).drop(words[2])
        elif len(words) == len(names) <= 1:
            self._show(self._flows.named(*names))
        else:
            raise BadValueError(
                "%flow: expected %flow, %flow NAME or %flow NAME --drop STEP; "
                f"got {' '.join(words)!r}"
            )

    def _show(self, flow: StepFlow) -> None:
        description: FlowDescription = runner_of(flow, [], Options()).describe()
        outputs.show_flow(self.shell, text_of(flow.readable()), description)


StepMagics.flow.__doc__ = FLOW_HELP
StepMagics.step.__doc__ = STEP_HELP
