"""LaunchPanel: a form of a flow's parameters that starts runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

from nbrunner.errors import NbrunnerError, said, without_choices
from nbrunner.flow.build_argv import check_values
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.parse_argv import Word, call_of
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.jupyter.html.run import table_picture
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.protocols import Origin
from nbrunner.jupyter.kernel.serial_executors import Aside
from nbrunner.jupyter.magic.equivalent_code import typed
from nbrunner.jupyter.magic.launch import Launch, prepared, runner_of
from nbrunner.jupyter.magic.options import Options
from nbrunner.jupyter.panels import launch_fields
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.panels.run_panel import RunPanel
from nbrunner.jupyter.widgets.launch_form import LaunchForm
from nbrunner.record import registry, run_directory
from nbrunner.record.schema import flow_of

_MAX_EARLIER = 20
_OTHER_FIELDS = "The flow's parameters changed. Check the fields and press Run again"


class LaunchPanel(Panel):
    """A form with a labelled control for every parameter of a flow, checked during input.

    Parameters
    ----------
    flow : path-like, FlowSpec class or CellFlow
        The flow.
    options : Options, optional
        nbrunner's own options: profile, environment, directory.
    name : str
        Name of the flow on a ``%flowrun`` line; default its class or file.
    on_start : callable, optional
        Called in the feed's thread with each run that the form has started.
    current : callable, optional
        Returns the current version of the flow, which a cell may have redefined.

    Raises
    ------
    NbrunnerError
        The flow cannot be described.
    """

    def __init__(
        self,
        flow: object,
        options: Options | None = None,
        name: str = "",
        on_start: Callable[[ExecutingProcess], None] | None = None,
        current: Callable[[], object] | None = None,
    ) -> None:
        self._flow = flow
        self._current = current or (lambda: flow)
        self._options = options or Options()
        self._on_start = on_start
        self._runner = runner_of(flow, [], self._options)
        self._description: FlowDescription = self._runner.describe()
        self._name = name or self._runner.flow_name or self._runner.flow_file
        self._launch: Launch | None = None
        self._notice = ""
        self._is_unseen = False  # the fields have changed since Run was last pressed
        self._aside = Aside("nbrunner-form")
        described = self._description
        self._fields = launch_fields.fields_of(described)
        self.form = LaunchForm(
            on_action=self._act, fields=self._fields, earlier=_earlier(described.name)
        )
        self._show_what()
        self.form.observe(lambda _: self._aside(self._check), "values")
        super().__init__({"form": self.form}, origin=self._origin())
        self._check()

    def _origin(self) -> Origin:
        """Return the flow for another kernel: its file, or nothing for a flow of a cell."""
        if not isinstance(self._flow, str | Path):
            return {}
        return {"kind": "form", "flow": str(Path(self._flow).absolute())}

    def _prepared(self, words: list[Word]) -> Launch:
        return prepared(self._flow, words, self._options, "")

    # -- input ----------------------------------------------------------------------------

    def _check(self) -> None:
        """Check the values of the form and show the equivalent magic line."""
        try:
            self._renew()
        except Exception as failure:
            self._launch = None
            with self.form.hold_sync():
                self.form.errors = {"": _first_line(failure)}
                self.form.ready = True  # checked again when Run is pressed
            return
        values = dict(self.form.values)
        errors = {name: "required" for name in launch_fields.missing(self._description, values)}
        for field in self._fields:
            name = field["name"]
            value = values.get(name, field["value"])
            if name not in errors and value not in (field["value"], ""):
                error = self._error_of(
                    launch_fields.words_of_field(self._description, field, value)
                )
                if error:
                    errors[name] = error
        words = launch_fields.words_of_form(self._description, values)
        self._launch = None
        if not errors:
            try:
                self._launch = self._prepared(words)
            except Exception as error:
                errors[""] = _first_line(error)
        with self.form.hold_sync():
            self.form.errors = errors or ({"": self._notice} if self._notice else {})
            self.form.code = self._line(word.text for word in words)
            self.form.ready = self._launch is not None

    def _renew(self) -> None:
        """Describe the current version of the flow, and replace the fields if they differ."""
        self._flow = self._current()
        self._runner = runner_of(self._flow, [], self._options)
        before, self._description = self._description, self._runner.describe()
        if before.name != self._description.name:
            self.form.earlier = _earlier(self._description.name)
        fields = launch_fields.fields_of(self._description)
        with self.form.hold_sync():
            self._show_what()
            if fields != self._fields:
                self._take_fields(fields)

    def _show_what(self) -> None:
        described = self._description
        self.form.label, self.form.title = f"Launch {described.name}", described.name
        self.form.doc = described.doc

    def _take_fields(self, fields: list[launch_fields.Field]) -> None:
        """Replace the fields and keep the user's input; defaults may have changed."""
        defaults = {each["name"]: each["value"] for each in self._fields}
        names = {each["name"] for each in fields}
        values = self.form.values.items()
        self._notice, self._is_unseen = _OTHER_FIELDS, True
        self._fields = fields
        self.form.fields = cast(list[dict[object, object]], fields)
        self.form.values = {
            name: value
            for name, value in values
            if name in names and value != defaults.get(name, value)
        }

    def _error_of(self, words: list[Word]) -> str:
        """Return the error in the words of a single field; empty if there is none."""
        described = self._description
        try:
            call = call_of(described, words)
            check_values(described, call.top_level, call.subcommand, call.arguments)
            self._runner.starter.check_files(described, call.arguments)
        except NbrunnerError as error:
            return _first_line(error)
        return ""

    # -- actions --------------------------------------------------------------------------

    def _act(self, name: str, key: str) -> None:
        """Start the action of a button and return at once; called in any thread."""
        if name == "run":
            self._aside(self._run)
        elif name == "take":
            self._aside(lambda: self._take(key))

    def _run(self) -> None:
        """Start a run of the current version of the flow."""
        with self._errors_shown():
            self._check()
        if self._launch is not None and self._is_unseen:
            self._is_unseen = False
        elif self._launch is not None:
            self._notice = ""
            FEED.start(self._start(self._launch))

    async def _start(self, launch: Launch) -> None:
        """Start a run; in any case, enable the button again."""
        self.form.errors = {}
        self.form.ready = False
        try:
            with self._errors_shown():
                await self._begin(launch)
        finally:
            self.form.ready = True

    async def _begin(self, launch: Launch) -> None:
        running = await launch.begin()
        panel = self._panel_of(running, launch)
        self.show_below(panel)
        try:
            await launch.wait_for_id(running)
        except Exception:
            self.close_below(panel)  # its record was deleted
            raise
        self.form.earlier = _earlier(self._description.name)
        if self._on_start is not None:
            self._on_start(running)

    @contextlib.contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """Show all errors in the form, expected or not."""
        try:
            yield
        except Exception as error:
            self.form.errors = {"": said(error)}

    def _panel_of(self, running: ExecutingProcess, launch: Launch) -> RunPanel:
        code = {"magic": self._line(launch.words), "python": launch.python}
        return no_cells_context().run(RunPanel, running, code=code)

    def _line(self, words: Iterable[str]) -> str:
        """Return the equivalent magic line."""
        return f"%flowrun {typed([*self._options.words, self._name, *words])}"

    def _take(self, key: str) -> None:
        """Fill in the values of an earlier run."""
        with self._errors_shown():  # its record may have been deleted
            run = attach(key)
            self.form.values = launch_fields.values_of_run(self._description, run.parameters)

    # -- output of a cell -----------------------------------------------------------------

    def own_picture(self) -> dict[str, str]:
        """Return the table of the fields as a MIME bundle."""
        return parameter_picture(self._description)


def parameter_picture(flow: FlowDescription) -> dict[str, str]:
    """Return a flow's parameters as text and an HTML table."""
    fields = [each for each in launch_fields.fields_of(flow) if each["group"] != "option"]
    rows = [
        [
            each["label"],
            each["kind"] if not each["choices"] else " | ".join(each["choices"]),
            each["hint"] or ("required" if each["required"] else str(each["value"])),
            each["help"],
        ]
        for each in fields
    ]
    names = ["parameter", "type", "default", "help"]
    return table_picture(flow.name, names, rows, "" if rows else "no parameters")


def _earlier(flow_name: str) -> list[dict[str, str]]:
    """Return the latest runs of a flow whose values can be filled in."""
    found: list[dict[str, str]] = []
    for directory in registry.of_flow(flow_name):
        record = directory.read(run_directory.RECORD) or {}
        attributes = directory.read(run_directory.ATTRIBUTES)
        if flow_of(record)["name"] == flow_name and record.get("subcommand") == "run":
            arguments = " ".join(f"{k}={v}" for k, v in record.get("arguments", {}).items())
            run_id = attributes["run_id"] if attributes else directory.name
            found.append({"key": directory.name, "label": f"{run_id}  {arguments}"[:80]})
            if len(found) == _MAX_EARLIER:
                break
    return found


def _first_line(error: Exception) -> str:
    return without_choices(said(error))
