"""The line of ``%%step`` and ``%%flow``: its words -> options. Pure."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword

from nbrunner.errors import BadValueError, did_you_mean


@dataclass(frozen=True)
class StepWords:
    """The words of a ``%%step`` line.

    Attributes
    ----------
    name : str
        Name of the step; empty if the cell holds the whole ``def``.
    after : tuple of str
        Steps before this one.
    foreach : str
        Artifact of the step before; this step has a task for each of its items.
    join : bool
        True if the step joins branches, or the tasks of a foreach.
    decorators : tuple of str
        Decorators without ``@``.
    flow : str
        Name of the flow; empty for the latest one.
    run : bool or None
        Whether the cell runs the step; None for the configured default.
    """

    name: str = ""
    after: tuple[str, ...] = ()
    foreach: str = ""
    join: bool = False
    decorators: tuple[str, ...] = ()
    flow: str = ""
    run: bool | None = None


@dataclass(frozen=True)
class FlowWords:
    """The words of a ``%%flow`` line: name, project, decorators without ``@``."""

    name: str = ""
    project: str = ""
    decorators: tuple[str, ...] = ()


@dataclass
class _Taken:
    """Words of a line by option."""

    names: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def last(self, option: str) -> str:
        return self.values.get(option, [""])[-1]


STEP_OPTIONS = {
    "--after": "STEP[,STEP]",
    "--foreach": "ARTIFACT",
    "--join": "",
    "-d": "DECORATOR",
    "--flow": "NAME",
    "--run": "",
    "--no-run": "",
}
#: Metaflow's decorators of steps that users write, for completion.
DECORATORS = (
    *("batch", "card", "catch", "conda", "environment", "kubernetes", "parallel", "pypi"),
    *("resources", "retry", "secrets", "timeout"),
)
FLOW_OPTIONS = {"--project": "NAME", "-d": "DECORATOR"}
_LONG = {"--decorator": "-d"}


def step_words(line: str) -> StepWords:
    """Return the options of a ``%%step`` line.

    Raises
    ------
    BadValueError
        An option is unknown, lacks its value or has an invalid one.
    """
    taken = _taken("%%step", line, STEP_OPTIONS)
    name = _only_name("%%step", "step", taken)
    after = [each.strip() for text in taken.values.get("--after", []) for each in text.split(",")]
    for each in after:
        _check_name("%%step --after", "a step", each)
    foreach = taken.last("--foreach")
    if foreach or "--foreach" in taken.values:
        _check_name("%%step --foreach", "an artifact", foreach.removeprefix("self."))
    flow = taken.last("--flow")
    if "--flow" in taken.values:
        _check_name("%%step --flow", "a flow", flow)
    runs = [each for each in taken.values if each in ("--run", "--no-run")]
    return StepWords(
        name,
        tuple(dict.fromkeys(after)),
        foreach.removeprefix("self."),
        "--join" in taken.values,
        _decorators("%%step", taken),
        flow,
        runs[-1] == "--run" if runs else None,
    )


def flow_words(line: str) -> FlowWords:
    """Return the options of a ``%%flow`` line.

    Raises
    ------
    BadValueError
        An option is unknown, lacks its value or has an invalid one.
    """
    taken = _taken("%%flow", line, FLOW_OPTIONS)
    name = _only_name("%%flow", "flow", taken)
    if not name:
        raise BadValueError("%%flow: expected the name of a flow, as in %%flow TrainFlow")
    return FlowWords(name, taken.last("--project"), _decorators("%%flow", taken))


def _taken(magic: str, line: str, options: dict[str, str]) -> _Taken:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadValueError(f"{magic}: {str(error).lower()} in {line.strip()!r}") from None
    taken = _Taken()
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            taken.names.append(word)
            continue
        spelling, equals, value = word.partition("=")
        option = _LONG.get(spelling, spelling)
        if option not in options:
            possible = [*options, *_LONG]
            hint = did_you_mean(spelling, possible) or f"; options are {', '.join(options)}"
            raise BadValueError(f"{magic}: unknown option {spelling}{hint}")
        if options[option] and not equals:
            if not words:
                raise BadValueError(f"{magic} {spelling}: expected {options[option]}, got nothing")
            value = words.pop(0)
        elif not options[option] and equals:
            raise BadValueError(f"{magic} {spelling} takes no value, got {value!r}")
        taken.values.setdefault(option, []).append(value)
    return taken


def _only_name(magic: str, kind: str, taken: _Taken) -> str:
    names = taken.names
    if len(names) > 1:
        raise BadValueError(
            f"{magic}: expected the name of one {kind}, got {' '.join(names)!r}; quote values "
            'with spaces, as in -d "retry(times=2)"'
        )
    if names:
        _check_name(magic, f"a {kind}", names[0])
    return names[0] if names else ""


def _check_name(magic: str, what: str, name: str) -> None:
    if not name.isidentifier() or iskeyword(name):
        raise BadValueError(f"{magic}: expected the name of {what}, got {name!r}")


def _decorators(magic: str, taken: _Taken) -> tuple[str, ...]:
    found = tuple(each.strip().removeprefix("@") for each in taken.values.get("-d", []))
    for each in found:
        if not is_decorator(each):
            raise BadValueError(
                f'{magic} -d: expected a decorator, as in -d card or -d "retry(times=2)"; '
                f"got {each!r}"
            )
    return found


def is_decorator(text: str) -> bool:
    """Return whether a text is a decorator without its ``@``: a name or a call."""
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    node = node.func if isinstance(node, ast.Call) else node
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def one_of(name: str, names: Iterable[str], what: str) -> str:
    """Return the message for an unknown name."""
    known: Sequence[str] = list(names)
    hint = did_you_mean(name, known) or (f"; there are {', '.join(known)}" if known else "")
    return f"there is no {what} {name!r}{hint}"
