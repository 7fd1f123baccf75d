"""The magics: parse the line, call the runner, display the result, and nothing else."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

from nbrunner import cli
from nbrunner.aio.blocking import drive
from nbrunner.cli import all_running, tell_unreadable
from nbrunner.compare.diff import diff
from nbrunner.doctor import examine, report
from nbrunner.engine import client
from nbrunner.environment import current_directory
from nbrunner.errors import (
    BadRequest,
    BadValueError,
    FlowLoadError,
    NbrunnerError,
    some_of,
    without_choices,
)
from nbrunner.flow.cell_source import cell_flow
from nbrunner.flow.import_path import import_path
from nbrunner.flow.parse_argv import Word
from nbrunner.handles import ExecutingProcess, ExecutingTask, attach
from nbrunner.jupyter import output as outputs
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.kernel.protocols import Shell
from nbrunner.jupyter.magic import launch as launching
from nbrunner.jupyter.magic.doctor import examine_kernel
from nbrunner.jupyter.magic.options import (
    Options,
    help_text,
    refuse_option,
    spellings,
    take_options,
)
from nbrunner.jupyter.magic.tokenizer import continued, refuse_semicolon, words_of
from nbrunner.launch.processes import Look
from nbrunner.launch.run_processes import goes_on
from nbrunner.record import registry, retention


@magics_class
class FlowMagics(Magics):
    """``%flowrun``, ``%%flowrun``, ``%flowruns``, ``%flowform``, ``%flowstop``, ``%flowdiff``."""

    def __init__(self, shell: Shell, config: FlowRun) -> None:
        super().__init__(shell)
        self._config = config
        self._latest: ExecutingProcess | None = None

    @property
    def latest(self) -> ExecutingProcess | None:
        """The latest run of this kernel, else the newest recorded one; None without runs."""
        if self._latest is not None:
            return self._latest
        newest = next(iter(registry.directories()), None)
        return None if newest is None else attach(newest.name)

    def latest_with(self, step: str) -> ExecutingProcess | None:
        """Return the latest spin of a step, or the latest run if it is newer or there is none."""
        latest = self.latest
        if not isinstance(latest, ExecutingTask):
            return latest
        spun = str(latest.record.get("arguments", {}).get("pathspec"))
        parts = spun.split("/")
        if step == (parts[2] if len(parts) > 2 else spun):
            return latest
        found = (attach(each.name) for each in registry.directories())
        return next((each for each in found if not isinstance(each, ExecutingTask)), None)

    def spin(self, flow: Any, step: str) -> None:
        """Run one step of a flow with the inputs that it had in the latest run.

        The artifacts of the task are then in the notebook as ``self``, the task as ``task``.
        """
        with usage_errors():
            options = replace(Options.configured(self._config), out="task")
            name = launching.name_of_flow(flow)
            words = ["spin", step, "--persist"]  # else its artifacts are not kept
            line = f"%flowrun {name} {' '.join(words)}"
            launch = launching.prepared(flow, [Word(word) for word in words], options, line)
        try:
            self._run(launch)
        except UsageError:  # Metaflow refused it
            if not client.has_run(name, step):
                raise UsageError(
                    f"no run of {name} has reached step {step}, whose inputs it needs; "
                    f"%flowrun {name} runs the whole flow"
                ) from None
            raise
        running = self._latest
        if isinstance(running, ExecutingTask) and running.status == "successful":
            self.shell.user_ns["self"] = running.task.data

    @needs_local_scope
    @no_var_expand
    @line_cell_magic
    def flowrun(
        self, line: str, cell: str | None = None, local_ns: dict[str, object] | None = None
    ) -> None:
        # `%flowrun?` shows the docstring, which is set to the text of `--help`.
        with usage_errors():
            if cell is not None:
                line, cell = continued(line, cell)
            words = self._words(line, local_ns)
            options, rest = take_options(words, Options.configured(self._config))
            if options.help:
                print(help_text())  # noqa: T201 - this is what was asked for
                return
            if options.doctor:
                report(itertools.chain(examine_kernel(self.shell, self._config), examine()))
                return
            if cell is None and not rest:
                self._show_latest()
                return
            launch = self._prepared(line, cell, options, rest)
        if options.execute:
            self._run(launch)
        else:
            print(f"{launch.shell_line}\n{launch.python}")  # noqa: T201

    @no_var_expand
    @line_magic
    def flowstop(self, line: str) -> None:
        """Stop runs: ``%flowstop`` (the latest here), ``%flowstop RUN``, ``%flowstop all``."""
        with usage_errors():
            words = self._words(line, None)
            refuse_option(words, ["all"])
            names = [word.text for word in words]
            has_printed = names == ["all"] and cli.stop_sweeps()
            chosen = self._to_stop(names)
        cli.stop(chosen)
        if not chosen and not has_printed:
            print(_nothing_to_stop())  # noqa: T201

    @needs_local_scope
    @no_var_expand
    @line_magic
    def flowruns(self, line: str, local_ns: dict[str, object] | None = None) -> None:
        """List past runs: ``%flowruns [FLOW]``; ``%flowruns --clean`` deletes old records."""
        with usage_errors():
            words = self._words(line, local_ns)
            if [word.text for word in words] == ["--clean"]:
                print(cleaned(self._config))  # noqa: T201 - this is what was asked for
                return
            if any(word.text.partition("=")[0] == "--clean" for word in words):
                raise _expected("--clean alone", "%flowruns --clean", line)
            refuse_option(words, ["--clean"])
            if len(words) > 1:
                raise _expected("one flow or none", "%flowruns FLOW", line)
            name = launching.flow_name_of(words[0], self.shell.user_ns) if words else ""
            file = next((word.text for word in words if word.text.endswith(".py")), None)

            def flows() -> dict[str, object]:
                return launching.flows_of(self.shell.user_ns) | ({file: file} if file else {})

            outputs.show_history(self.shell, self._config, name, flows)

    @needs_local_scope
    @no_var_expand
    @line_magic
    def flowform(self, line: str, local_ns: dict[str, object] | None = None) -> None:
        """Show a form of a flow's parameters: ``%flowform [options] FLOW``."""
        with usage_errors():
            words = self._words(line, local_ns)
            options, rest = take_options(words, Options.configured(self._config))
            refuse_option(rest, spellings())
            if len(rest) != 1:
                raise _expected("one flow", "%flowform FLOW", line)
            current = functools.partial(launching.flow_named, rest[0], self.shell.user_ns)
            outputs.show_form(self.shell, self._config, current, options, rest[0].text)

    @no_var_expand
    @line_magic
    def flowdiff(self, line: str) -> None:
        """Compare runs: ``%flowdiff RUN RUN [RUN ...]``, pathspecs or ids; see `nbrunner.diff`."""
        with usage_errors():
            words = self._words(line, None)
            refuse_option(words, [])
            if len(words) < 2:
                raise _expected("two runs or more", "%flowdiff Flow/1 Flow/2", line)
            outputs.show_diff(self.shell, diff(*(word.text for word in words)))

    # -- internal ---------------------------------------------------------------------

    def _words(self, line: str, local_ns: dict[str, object] | None) -> list[Word]:
        refuse_semicolon(line)
        namespace = self.shell.user_ns if local_ns is None else {**self.shell.user_ns, **local_ns}
        return words_of(line, lambda expression: eval(expression, namespace))

    def _prepared(
        self, line: str, cell: str | None, options: Options, rest: list[Word]
    ) -> launching.Launch:
        if cell is None:
            refuse_option(rest, spellings(), "; put the flow before Metaflow's options")
            flow = launching.flow_named(rest[0], self.shell.user_ns)
            return launching.prepared(flow, rest[1:], options, f"%flowrun {line}")
        path = import_path([options.cwd or current_directory()])
        flow = cell_flow(cell, cell_name(self.shell), path.first, path.last)
        self.shell.user_ns[flow.flow_name] = flow
        return launching.prepared(flow, rest, options, f"%%flowrun {line}")

    def _run(self, launch: launching.Launch) -> None:
        options = launch.options
        show = outputs.shown(self.shell, self._config, launch)
        running = self._started(launch, show)
        self._latest = running
        self.shell.user_ns["running"] = running
        if options.block:
            over = show.wait(running)
        else:
            over = False
            show.left_running(running)
        result = launching.result_of(running)
        if result is not None:
            self.shell.user_ns[options.out] = result
        if over:
            show.ended(running)
            if options.raise_error and running.status != "successful":
                raise launching.failed(running, show.tells_why)

    def _started(self, launch: launching.Launch, show: outputs.Shown) -> ExecutingProcess:
        """Start a run and display it at once; return its handle once it has an id."""
        running: ExecutingProcess | None = None

        async def begin() -> ExecutingProcess:
            nonlocal running  # set before the return, in case an interrupt arrives in between
            running = await launch.begin()
            return running

        try:
            with usage_errors():
                begun = drive(lambda output: begin())
                show.follow(begun)
                drive(lambda output: launch.wait_for_id(begun))
        except BaseException as error:
            show.withdraw()
            if running is not None:  # interrupted after the start, before the id was known
                running.stop()
                if isinstance(error, KeyboardInterrupt):
                    raise launching.interrupted(running) from None
            raise
        return begun

    def _show_latest(self) -> None:
        running = self.latest
        if running is None:
            raise BadValueError("no run yet; %flowrun FLOW starts one (%flowrun --help)")
        outputs.show_run(self.shell, self._config, running)

    def _to_stop(self, names: list[str]) -> list[ExecutingProcess]:
        if len(names) > 1:
            raise _expected("one run or all", "%flowstop RUN", " ".join(names))
        if names == ["all"]:
            tell_unreadable(registry.unreadable())
            return all_running()
        if names:
            return [attach(names[0])]
        latest = self._latest
        return [latest] if latest is not None and latest.watched.lives_on() else []


FlowMagics.flowrun.__doc__ = help_text()


def _nothing_to_stop() -> str:
    """Return the message of ``%flowstop`` if the latest ``%flowrun`` of this kernel has ended.

    Sweeps and Runners of this kernel may have started other active runs.
    """
    others = [cli.name_of(each) for each in all_running()]
    if not others:
        return cli.NO_RUN
    return (
        "The latest %flowrun of this kernel is not active. Others are: "
        f"{some_of(others)}. Stop one with %flowstop RUN, all with %flowstop all"
    )


def _expected(what: str, example: str, line: str) -> BadValueError:
    """Return the error for a line with too many words, or too few."""
    magic = example.partition(" ")[0]
    got = f"; got {line.strip()!r}" if line.strip() else ""
    return BadValueError(f"{magic}: expected {what}, as in {example}{got}")


def cleaned(config: FlowRun) -> str:
    """Delete records that exceed the configured age or size; return a message about it."""
    runs = registry.runs_directory()
    deleted = retention.expire(
        runs, functools.partial(goes_on, look=Look()), **retention.KEEP.note()
    )
    records = "1 record" if len(deleted) == 1 else f"{len(deleted):,} records"
    return (
        f"{records} deleted; {runs} keeps {config.keep_days:g} days and "
        f"{config.keep_gigabytes:g} GB of records"
    )


def cell_name(shell: Shell) -> str:
    """Return the name of the current cell in tracebacks.

    It is derived from the recorded inputs, since the shell's execution count is increased before
    or after the cell, depending on the version of IPython.
    """
    return f"Cell In[{len(shell.history_manager.input_hist_parsed) - 1}]"


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Display errors in the request in one line, without a traceback of nbrunner's code."""
    try:
        yield
    except FlowLoadError as error:  # its message includes the traceback of the user's file
        raise UsageError(str(error)) from None
    except BadRequest as error:
        raise UsageError(without_choices(str(error))) from None
    except NbrunnerError as error:
        raise UsageError(str(error)) from None
