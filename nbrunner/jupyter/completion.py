"""What can be typed next behind ``%flowrun`` and ``%%flowrun``."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from nbrunner.blocking import drive
from nbrunner.errors import NbrunnerError
from nbrunner.flow.describe import async_describe
from nbrunner.flow.description import FlowDescription, Option, Subcommand
from nbrunner.flow.whole_cell import cell_flow
from nbrunner.flow.words import SUBCOMMANDS, Word
from nbrunner.jupyter.arguments import OPTIONS, Options, take_options
from nbrunner.jupyter.launching import flow_named, is_flow
from nbrunner.record import registry, rundir

# A flow that takes longer to import is described when it runs; nobody waits for a Tab.
_PATIENCE_SECONDS = 1.5

_MOST_RUNS = 20

Candidates = Iterable[tuple[str, str]]


def matcher(namespace: Mapping[str, Any]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return a matcher for IPython's completer; it speaks for the magics' lines alone."""

    @context_matcher(identifier="nbrunner")
    def flowrun_matcher(context: CompletionContext) -> SimpleMatcherResult:
        line, _, cell = context.full_text.partition("\n")
        if context.cursor_line or not line.startswith(("%flowrun ", "%%flowrun ")):
            return {"completions": []}
        until_cursor = line[: context.cursor_position]
        before, symbol = _cut(until_cursor)
        if not before:
            return {"completions": []}
        words = [Word(text) for text in before.split()[1:]]
        cell_text = cell if line.startswith("%%") else None
        found: Candidates = ()
        with contextlib.suppress(NbrunnerError):  # what stands there is not right yet
            found = list(candidates(words, cell_text, symbol, namespace))
        matching = [(text, kind) for text, kind in found if text.startswith(symbol)]
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in matching],
            "matched_fragment": symbol,
            "suppress": True,
            "ordered": True,
        }

    return flowrun_matcher  # type: ignore[no-any-return]


def _cut(text: str) -> tuple[str, str]:
    """Split into what stands before the word at the cursor, and that word."""
    at = max(text.rfind(" "), text.rfind("=")) + 1
    return text[:at].replace("=", " "), text[at:]


def candidates(
    words: Sequence[Word], cell: str | None, symbol: str, namespace: Mapping[str, Any]
) -> Candidates:
    """Return what can stand behind these words, and what each is.

    Parameters
    ----------
    words : sequence of Word
        Those before the one at the cursor.
    cell : str or None
        The text below the line, for the cell form.
    symbol : str
        What has been typed of the word.
    namespace : mapping
    """
    if words and words[-1].text == "--on-interrupt":
        return [("stop", "value"), ("detach", "value")]
    _options, rest = take_options(words, Options())
    ours = [(spelling, each.help) for each in OPTIONS for spelling in each.spellings]
    flow: Any
    if cell is not None:
        try:
            flow = cell_flow(cell, "Cell", [os.getcwd()])
        except NbrunnerError:  # still being written
            return [*ours, *((name, "subcommand") for name in SUBCOMMANDS)]
    elif rest:
        flow, rest = flow_named(rest[0], namespace), rest[1:]
        ours = []
    else:
        return [*_flows(symbol, namespace), *ours]
    description = _described(flow)
    found = list(_of_flow(description, rest)) if description else []
    return found if rest else found + ours


def _flows(symbol: str, namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in namespace.items():
        if is_flow(value) and not name.startswith("_"):
            yield name, "flow"
    for file in sorted(glob.glob(glob.escape(symbol) + "*")):
        if os.path.isdir(file):
            yield f"{file}/", "folder"
        elif file.endswith(".py"):
            yield file, "file"


def _described(flow: Any) -> FlowDescription | None:
    async def within_patience() -> FlowDescription:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await async_describe(flow)

    try:
        return drive(lambda output: within_patience())
    except TimeoutError:
        return None


def _of_flow(flow: FlowDescription, words: Sequence[Word]) -> Candidates:
    """Return options, or values of the option that stands before the cursor."""
    texts = [word.text for word in words]
    subcommand: Subcommand = next((each for each in SUBCOMMANDS if each in texts), "run")
    own, top = flow.options(subcommand), flow.top_level
    last = texts[-1] if texts else ""
    option = next((each for each in (*own, *top) if each.flag == last and not each.is_flag), None)
    if option is not None:
        return [(text, "value") for text in _values(flow, option)]
    found = []
    if any(each.positional for each in own) and set(texts) & set(SUBCOMMANDS):
        found += [(step.name, "step") for step in flow.steps]
    parameters = flow.parameters if subcommand == "run" else ()
    found += [(each.flag, _said(each)) for each in parameters]
    if not set(texts) & set(SUBCOMMANDS):
        found += [(name, "subcommand") for name in SUBCOMMANDS]
    for each in (*own[len(parameters) :], *top):
        if not each.positional:
            found += [(flag, "option") for flag in (each.flag, each.off_flag) if flag]
    return list(dict(found).items())


def _said(parameter: Option) -> str:
    """Return a parameter's type and default, as a list of completions shows them."""
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
    if option.name.endswith("run_id"):
        return _run_ids(flow.name)
    if "step" in option.name:
        return [step.name for step in flow.steps]
    if option.default is None:
        return []
    text = json.dumps(option.default) if option.kind == "json" else str(option.default)
    return [text] if text and not any(character.isspace() for character in text) else []


def _run_ids(flow_name: str) -> list[str]:
    found = []
    for directory in registry.directories():
        attributes = directory.read(rundir.ATTRIBUTES)
        if attributes and attributes.get("flow_name") == flow_name:
            found.append(str(attributes["run_id"]))
            if len(found) == _MOST_RUNS:
                break
    return found
