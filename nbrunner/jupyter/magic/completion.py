"""Tab completion of the magics' lines."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from nbrunner.aio.blocking import drive
from nbrunner.environment import current_directory
from nbrunner.errors import NbrunnerError
from nbrunner.flow.cell_source import cell_flow
from nbrunner.flow.describe.api import async_describe
from nbrunner.flow.description import FlowDescription, Option, Subcommand
from nbrunner.flow.parse_argv import SUBCOMMANDS, Word
from nbrunner.flow.steps.step_flow import StepFlow
from nbrunner.flow.steps.words import DECORATORS, STEP_OPTIONS
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.jupyter.magic.artifact import artifact_names
from nbrunner.jupyter.magic.launch import flow_named, is_flow
from nbrunner.jupyter.magic.options import OPTIONS, Options, take_options
from nbrunner.launch.processes import Look
from nbrunner.record import registry, run_directory
from nbrunner.status import LABELS

# Flows that take longer to import are not completed, so that Tab does not block for long.
_PATIENCE_SECONDS = 1.5

_MOST_RUNS = 20

Candidates = Iterable[tuple[str, str]]


def matcher(namespace: Mapping[str, object]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return a matcher for IPython's completer, limited to the lines of our magics."""

    @context_matcher(identifier="nbrunner")
    def flowrun_matcher(context: CompletionContext) -> SimpleMatcherResult:
        line, cell = line_at(context.full_text, context.cursor_line, context.cursor_position)
        before, symbol = _cut(line)
        magic, *texts = before.split() or [""]
        if context.full_text.lstrip().startswith("%%step") and not magic:
            return _artifacts_of_self(context, namespace)
        if magic not in _MAGICS:
            return {"completions": []}
        words = [Word(text) for text in texts]
        found: Candidates = ()
        with contextlib.suppress(NbrunnerError):  # the line is incomplete or wrong
            found = list(_MAGICS[magic](words, cell, symbol, namespace))
        matching = [(text, kind) for text, kind in found if text.startswith(symbol)]
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in matching],
            "matched_fragment": symbol,
            "suppress": True,
            "ordered": True,
        }

    return flowrun_matcher  # type: ignore[no-any-return]


def _artifacts_of_self(
    context: CompletionContext, namespace: Mapping[str, object]
) -> SimpleMatcherResult:
    """Return the artifacts behind ``self.`` in the body of a step."""
    line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
    before, dot, symbol = line.rpartition(".")
    if not dot or re.search(r"(^|\W)self$", before) is None:
        return {"completions": []}
    flows = [each for each in list(namespace.values()) if isinstance(each, StepFlow)]
    names = {name for flow in flows for name in flow.attributes if name.startswith(symbol)}
    return {
        "completions": [SimpleCompletion(name, type="artifact") for name in sorted(names)],
        "matched_fragment": symbol,
        "suppress": bool(names),
    }


def line_at(text: str, number: int, column: int) -> tuple[str, str | None]:
    """Return a magic's line up to the cursor, and the text below it for a cell magic.

    Both forms of a magic begin with ``%``; only the first line of a cell can be a cell magic.

    Parameters
    ----------
    text : str
        The whole cell.
    number, column : int
        Line and column of the cursor, from 0.
    """
    lines = text.split("\n")
    line = lines[number][:column].lstrip()
    if not text.lstrip().startswith("%%"):
        return line, None
    is_first = line.startswith("%%") and not "".join(lines[:number]).strip()
    return (line[1:], "\n".join(lines[number + 1 :])) if is_first else ("", None)


def _cut(text: str) -> tuple[str, str]:
    """Split a line into the part before the word at the cursor, and that word."""
    at = max(text.rfind(" "), text.rfind("=")) + 1
    return text[:at].replace("=", " "), text[at:]


def candidates(
    words: Sequence[Word], cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    """Return the completions of a word of ``%flowrun`` with their descriptions.

    Parameters
    ----------
    words : sequence of Word
        Words before the one at the cursor.
    cell : str or None
        Text below the line, for the cell magic.
    symbol : str
        The part of the word before the cursor.
    namespace : mapping
        Variables of the notebook.
    """
    if words and words[-1].text == "--on-interrupt":
        return [("stop", "value"), ("detach", "value")]
    _options, rest = take_options(words, Options())
    ours = _our_options()
    flow: object
    if cell is not None:
        try:
            flow = cell_flow(cell, "Cell", [current_directory()])
        except NbrunnerError:  # the cell is incomplete
            return [*ours, *((name, "subcommand") for name in SUBCOMMANDS)]
    elif rest:
        flow, rest = flow_named(rest[0], namespace), rest[1:]
        ours = []
    else:
        return [*_flows(symbol, namespace), *ours]
    description = _described(flow)
    found = list(_of_flow(description, rest)) if description else []
    return found if rest else found + ours


def _our_options() -> list[tuple[str, str]]:
    return [(spelling, each.help) for each in OPTIONS for spelling in each.spellings]


def _behind_flowform(
    words: Sequence[Word], _cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    _options, rest = take_options(words, Options())
    return [] if rest else [*_flows(symbol, namespace), *_our_options()]


def _behind_flowruns(
    words: Sequence[Word], _cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    return [] if words else [*_flows(symbol, namespace), ("--clean", "delete old records now")]


def _behind_flowstop(
    words: Sequence[Word], _cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    if words:
        return []
    found = [("all", "every active run")]
    for running in _living():
        flow, _, run_id = str(running.pathspec).rpartition("/")
        found.append((run_id, f"{flow}, running"))
        if symbol:  # the word may also be the start of a flow's name
            found.append((f"{flow}/{run_id}", "running"))
    return found


def _behind_flowdiff(
    words: Sequence[Word], _cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    """Return the newest runs, of the flow that the line has named so far if it has."""
    flow, slash, _ = (words[0].text if words else symbol).partition("/")
    found = registry.of_flow(flow) if slash else registry.directories()
    runs = [attach(each.name) for each in itertools.islice(found, _MOST_RUNS)]
    taken = {word.text for word in words}
    return [
        (each.pathspec, LABELS[each.status])
        for each in runs
        if each.pathspec and each.pathspec not in taken
    ]


def _behind_flowshow(
    words: Sequence[Word], _cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    running = namespace.get("running")
    if words or not isinstance(running, ExecutingProcess):
        return []
    return artifact_names(running, symbol)


def _behind_step(
    words: Sequence[Word], cell: str | None, symbol: str, namespace: Mapping[str, object]
) -> Candidates:
    last = words[-1].text if words else ""
    flows = [each for each in list(namespace.values()) if isinstance(each, StepFlow)]
    if last == "--after":
        before, comma, _ = symbol.rpartition(",")
        names = dict.fromkeys(["start", *(name for flow in flows for name in flow.steps)])
        return [(f"{before}{comma}{name}", "step") for name in names if name != "end"]
    if last == "--foreach":
        found = {name for flow in flows for each in flow.steps.values() for name in each.artifacts}
        return [(name, "artifact") for name in sorted(found)]
    if last == "--flow":
        return [(flow.flow_name, "flow") for flow in flows]
    if last == "-d":
        return [(name, "decorator") for name in DECORATORS]
    options = STEP_OPTIONS if cell is not None else {}
    return [(option, value) for option, value in options.items()]


def _flows(symbol: str, namespace: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in namespace.items():
        if is_flow(value) and not name.startswith("_"):
            yield name, "flow"
    pattern = f"{glob.escape(symbol)}*"
    for file in sorted(glob.glob(pattern)):  # noqa: PTH207 (as typed, "./" kept)
        if os.path.isdir(file):
            yield f"{file}/", "folder"
        elif file.endswith(".py"):
            yield file, "file"


def _described(flow: object) -> FlowDescription | None:
    async def within_patience() -> FlowDescription:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await async_describe(flow)

    try:
        return drive(lambda output: within_patience())
    except TimeoutError:
        return None


def _of_flow(flow: FlowDescription, words: Sequence[Word]) -> Candidates:
    """Return the options, or the values of the option before the cursor."""
    texts = [word.text for word in words]
    subcommand: Subcommand = next((each for each in SUBCOMMANDS if each in texts), "run")
    own, top = flow.options(subcommand), flow.top_level
    last = texts[-1] if texts else ""
    option = next((each for each in (*own, *top) if each.flag == last and not each.is_flag), None)
    if option is not None and option.name.endswith("run_id"):
        return itertools.islice(_run_ids(flow.name), _MOST_RUNS)
    if option is not None:
        return [(text, "value") for text in _values(flow, option)]
    found = []
    if any(each.positional for each in own) and set(texts) & set(SUBCOMMANDS):
        found += [(step.name, "step") for step in flow.steps]
    parameters = flow.parameters if subcommand == "run" else ()
    found += [(each.flag, _type_and_default(each)) for each in parameters]
    if not set(texts) & set(SUBCOMMANDS):
        found += [(name, "subcommand") for name in SUBCOMMANDS]
    for each in (*own[len(parameters) :], *top):
        if not each.positional:
            found += [(flag, "option") for flag in (each.flag, each.off_flag) if flag]
    return list(dict(found).items())


def _type_and_default(parameter: Option) -> str:
    """Return a parameter's type and default for the list of completions."""
    if parameter.required:
        return f"{parameter.kind}, required"
    if parameter.default_is_computed:
        return f"{parameter.kind}, computed"
    return f"{parameter.kind} = {parameter.default!r}"


def _values(flow: FlowDescription, option: Option) -> list[str]:
    if option.choices:
        return list(option.choices)
    if option.kind == "bool":
        return ["True", "False"]
    if "step" in option.name:
        return [step.name for step in flow.steps]
    if option.default is None:
        return []
    text = json.dumps(option.default) if option.kind == "json" else str(option.default)
    return [text] if text and not any(character.isspace() for character in text) else []


def _run_ids(flow_name: str) -> Iterator[tuple[str, str]]:
    """Yield the ids of a flow's runs, newest first, with their status."""
    for directory in registry.of_flow(flow_name):
        attributes = directory.read(run_directory.ATTRIBUTES)
        record = directory.read(run_directory.RECORD) or {}
        is_run = record.get("subcommand") != "spin"  # spun tasks cannot be resumed
        if attributes and attributes["flow_name"] == flow_name and is_run:
            yield str(attributes["run_id"]), LABELS[attach(directory.name).status]


def _living() -> Iterator[ExecutingProcess]:
    """Yield the runs that have an id and can be stopped."""
    look = Look()
    for directory in registry.unended():
        if directory.read(run_directory.EXIT) is None and directory.read(run_directory.ATTRIBUTES):
            running = attach(directory.name)
            if running.watched.lives_on(look):
                yield running


_MAGICS = {
    "%flowrun": candidates,
    "%flowform": _behind_flowform,
    "%flowruns": _behind_flowruns,
    "%flowstop": _behind_flowstop,
    "%flowdiff": _behind_flowdiff,
    "%flowshow": _behind_flowshow,
    "%step": _behind_step,
}
