"""From the words of a magic to a run: finds the flow, checks the call, waits for the run."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbrunner.aio.blocking import Output, drive
from nbrunner.cli import name_of
from nbrunner.errors import BadValueError, FlowFailedError, Interrupted, did_you_mean, some_of
from nbrunner.flow.build_argv import command_words
from nbrunner.flow.capture.flow_class import is_flow_class
from nbrunner.flow.parse_argv import SUBCOMMANDS, Call, Word, call_of, config_words
from nbrunner.flow.source import FlowSource, NotebookFlow
from nbrunner.handles import ExecutingProcess, ExecutingRun
from nbrunner.jupyter.magic.options import Options, spellings
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.record.schema import flow_of
from nbrunner.runner import Runner
from nbrunner.starter import handle_type
from nbrunner.status import LABELS
from nbrunner.text.printable import visible

if TYPE_CHECKING:
    from metaflow import Run, Task


@dataclass(frozen=True)
class Launch:
    """A checked request for a run, ready to start.

    Attributes
    ----------
    runner : Runner
        Runner of the flow.
    call : Call
        Subcommand and arguments.
    options : Options
        nbrunner's options.
    line : str
        The equivalent ``%flowrun`` line.
    words : list of str
        The words after ``python flow.py``.
    """

    runner: Runner
    call: Call
    options: Options
    line: str
    words: list[str]

    @property
    def shell_line(self) -> str:
        """The equivalent shell command."""
        options = self.runner.process_options
        variables = self.options.shown_env
        if "profile" in options:
            variables["METAFLOW_PROFILE"] = options["profile"]
        before = [f"cd {shlex.quote(options['cwd'])} &&"] if "cwd" in options else []
        before += [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        return " ".join([*before, shlex.join(["python", self.runner.flow_file, *self.words])])

    @property
    def python(self) -> str:
        """The equivalent Python code."""
        flow = self.runner.flow_name or repr(self.runner.flow_file)
        given: dict[str, object] = {**self.runner.process_options, **self.call.top_level}
        if self.options.env:
            given["env"] = self.options.shown_env
        return python_code(flow, given, self.call.subcommand, self.call.arguments)

    async def begin(self) -> ExecutingProcess:
        """Start the run without waiting for its id; call `wait_for_id` afterwards."""
        kind = handle_type(self.call.subcommand)
        return await self.runner.starter.launch(kind, self.call.subcommand, self.call.arguments)

    async def wait_for_id(self, running: ExecutingProcess) -> None:
        """Wait until the started run has its id.

        Raises
        ------
        RunStartError
            The run ended before it had an id.
        """
        await self.runner.starter.wait_for_id(running)


def prepared(flow: object, words: list[Word], options: Options, line: str) -> Launch:
    """Check a flow and the words after it without starting anything.

    Raises
    ------
    NbrunnerError
        The flow, an option or a parameter is invalid.
    """
    runner = runner_of(flow, words, options)
    description = runner.describe()
    try:
        call = call_of(description, words, spellings())
    except BadValueError as error:
        for word in words:
            if word.text in spellings() and f"unknown option {word.text}" in str(error):
                raise BadValueError(
                    f"{word.text} is an option of %flowrun itself; put it before Metaflow's options"
                ) from error
        raise
    runner.top_level_options = call.top_level
    checked = command_words(description, call.top_level, call.subcommand, call.arguments)
    runner.starter.check_files(description, call.arguments)
    return Launch(runner, call, options, line, checked)


def runner_of(flow: object, words: list[Word], options: Options) -> Runner:
    """Return a Runner with our options; the words contain its configs."""
    return Runner(
        flow,
        show_output=False,
        profile=options.profile,
        env=options.env,
        cwd=options.cwd,
        **config_words(words),
    )


def flow_named(word: Word, namespace: Mapping[str, object]) -> object:
    """Return the flow that the first word of ``%flowrun`` names.

    Raises
    ------
    BadValueError
        The word is neither a flow file nor a flow of the notebook.
    """
    if word.has_value and not isinstance(word.value, str):
        return word.value
    text = word.text
    if text.endswith(".py") or "/" in text:
        return text
    found = namespace.get(text)
    if is_flow(found):
        return found
    names = list(namespace.items())  # a cell may change it in the meantime
    flows = [name for name, value in names if is_flow(value) and name[0] != "_"]
    hint = _where_a_flow_is(text, flows)
    raise BadValueError(f"{text!r} is neither a .py file nor a flow of this notebook{hint}")


def _where_a_flow_is(text: str, flows: list[str]) -> str:
    """Return the hint for a name that is not a flow."""
    if text in SUBCOMMANDS:
        return f": the flow comes first, as in %flowrun FLOW {text}"
    if meant := did_you_mean(text, flows):
        return meant
    hint = "; run the cell that defines it first" if text.isidentifier() else ""
    return f"{hint}; flows of this notebook are {some_of(flows)}" if flows else hint


def flows_of(namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the flows of a notebook by class name."""
    found = [value for value in list(namespace.values()) if is_flow(value)]
    return {name_of_flow(flow): flow for flow in found}


def name_of_flow(flow: Any) -> str:
    """Return the class name of a flow."""
    return str(flow.__name__ if is_flow_class(flow) else flow.flow_name)


def flow_name_of(word: Word, namespace: Mapping[str, object]) -> str:
    """Return the class name of the flow in a word; the flow need not exist any more.

    Raises
    ------
    BadValueError
        The word cannot be the name of a flow.
    """
    text = word.text
    if text.endswith(".py") or "/" in text:
        return Runner(text, show_output=False).describe().name
    value = word.value if word.has_value else namespace.get(text)
    if is_flow(value):
        return name_of_flow(value)
    if not text.isidentifier():
        raise BadValueError(f"expected a flow: its name, class or .py file; got {text!r}")
    return text


def is_flow(value: object) -> bool:
    """Return whether a value is a flow."""
    return is_flow_class(value) or isinstance(value, (FlowSource, NotebookFlow))


def python_code(
    flow: str, settings: Mapping[str, object], subcommand: str, arguments: Mapping[str, object]
) -> str:
    """Return the Python code that starts a run.

    Parameters
    ----------
    flow : str
        Name of the class, or repr of the file's path.
    settings, arguments : mapping
        Keyword arguments of Runner and of its method.
    subcommand : str
        Name of the method.
    """
    first = ", ".join([flow, *(f"{name}={value!r}" for name, value in settings.items())])
    rest = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"running = Runner({first}).{subcommand}({rest})"


class Detach:
    """A request, from any thread, to end a cell's wait without stopping its run."""

    def __init__(self) -> None:
        self._asked: Future[None] = Future()

    def ask(self) -> None:
        """Make the cell end; the run continues."""
        with contextlib.suppress(InvalidStateError):  # requested before
            self._asked.set_result(None)

    def is_asked(self) -> bool:
        """Return whether the end of the wait was requested."""
        return self._asked.done()

    async def asked(self) -> None:
        """Wait until the end of the wait is requested."""
        await asyncio.wrap_future(self._asked)


def wait_for(
    running: ExecutingProcess,
    detach: Detach,
    on_interrupt: str,
    show: Callable[[str, str], str | None] | None = None,
) -> bool:
    """Wait for a run in a cell; return True if it has ended.

    Parameters
    ----------
    running : ExecutingProcess
        The run.
    detach : Detach
        Ends the wait on request.
    on_interrupt : "stop" or "detach"
        Effect of an interrupt on the run.
    show : callable, optional
        Takes stream and line, and returns the text to print.

    Raises
    ------
    Interrupted
        The cell was interrupted; the message says what happened to the run.
    """

    async def wait(output: Output) -> bool:
        printing = []
        if show is not None:
            printing = [_print(running, stream, show, output) for stream in ("stderr", "stdout")]
        ended = asyncio.ensure_future(_all(running.watched.until_over(), *printing))
        asked = asyncio.ensure_future(detach.asked())
        try:
            await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
            return ended.done() and ended.result() is None
        finally:
            ended.cancel()
            asked.cancel()
            await asyncio.gather(ended, asked, return_exceptions=True)

    try:
        return drive(wait)
    except KeyboardInterrupt:
        if on_interrupt == "stop":
            running.stop()
        raise interrupted(running) from None


def interrupted(running: ExecutingProcess) -> Interrupted:
    """Return the exception of an interrupted cell; it says what happened to the run."""
    status = running.status
    if status == "running":
        return Interrupted(f"{name_of(running)} continues; its handle is `running`")
    return Interrupted(f"{name_of(running)} {LABELS[status]}")


async def _all(*coroutines: Coroutine[object, object, object]) -> None:
    await asyncio.gather(*coroutines)


async def _print(
    running: ExecutingProcess,
    stream: str,
    show: Callable[[str, str], str | None],
    output: Output,
) -> None:
    async for line in printed_lines(running.stream_log(stream)):
        text = show(stream, line)
        if text is not None:
            output.write(stream, text)


def result_of(running: ExecutingProcess) -> Run | Task | None:
    """Return the result of a run for the notebook: the ``metaflow.Run``, or the task of a spin."""
    if isinstance(running, ExecutingRun):
        return running.run
    return getattr(running, "task", None) if running.status != "running" else None


def failed(running: ExecutingProcess, is_told: bool = False) -> FlowFailedError:
    """Return the exception of a cell whose run did not succeed.

    Parameters
    ----------
    running : ExecutingProcess
        The ended run.
    is_told : bool
        True if a panel already shows the reason, so that the message is short.
    """
    failure = running.failure
    name = name_of(running)
    if failure is None:
        return FlowFailedError(f"{name}: {running.status}")
    if is_told:
        message = f"{name} failed: {visible(failure.headline)}"
    else:
        message = f"{name} failed\n{visible(str(failure))}\n(in full: running.failure.traceback)"
    return FlowFailedError(f"{message}\n{_how_to_resume(running)}".rstrip())


def _how_to_resume(running: ExecutingProcess) -> str:
    if not isinstance(running, ExecutingRun):
        return ""  # spinning the step again needs no hint
    flow = flow_of(running.record)
    if flow["cell"].startswith("Cells "):  # of several %%step cells
        return (
            "Fix the cell of the step, execute it, then resume from the failed step: "
            f"%flowrun {flow['name']} resume"
        )
    if flow["cell"]:
        return "Fix the cell, then resume from the failed step with %%flowrun resume"
    return f"Fix the flow, then resume from the failed step: %flowrun {flow['file']} resume"
