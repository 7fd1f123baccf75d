"""Converts keyword arguments to checked words of Metaflow's command line. Pure functions.

Names map as Metaflow's Runner maps them: ``pylint=False`` is ``--no-pylint``,
``decospecs=["retry"]`` is ``--with retry``, ``tags=["a"]`` is ``--tag a``.
"""

from __future__ import annotations

import json
import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nbrunner.environment import MAX_WORD_BYTES, unfit_for_system
from nbrunner.errors import BadTypeError, BadValueError, did_you_mean, shown
from nbrunner.flow.description import FlowDescription, Option, Subcommand

# Options that nbrunner sets itself.
RESERVED = frozenset({"runner_attribute_file"})

_EXPECTED: Mapping[str, str] = {
    "int": "an int",
    "float": "a float",
    "bool": "True or False",
    "str": "a str",
    "file": "a path",
    "json": "a value that JSON can hold",
    "other": "a str",
}

# Options of Metaflow; a parameter of the flow may have the same name, but takes one value.
_NEVER_EMPTY = frozenset({"--tag", "--with"})

# With fewer workers Metaflow starts no task and waits forever.
_LEAST: Mapping[str, int] = {"--max-workers": 1}

# list() would split the str from the command line into characters.
_OWN_TYPE = (
    "; Metaflow calls the type of this parameter with a str; "
    "Parameter(..., type=JSONType) takes lists and dicts"
)


def command_words(
    flow: FlowDescription,
    top_level: Mapping[str, object],
    subcommand: Subcommand,
    arguments: Mapping[str, object],
    ours: Iterable[str] = (),
) -> list[str]:
    """Return the words after ``python flow.py`` for a run.

    Parameters
    ----------
    flow : FlowDescription
        The flow.
    top_level : mapping
        Keyword arguments of ``Runner``: options before the subcommand.
    subcommand : "run", "resume" or "spin"
        Metaflow's subcommand.
    arguments : mapping
        Keyword arguments of the method: parameters of the flow and options.
    ours : iterable of str
        Words to insert right after the subcommand.

    Raises
    ------
    BadValueError
        A name is neither a parameter nor an option, a required argument is missing, or a value is
        out of range.
    BadTypeError
        A value has the wrong type.
    """
    before = _words(flow.top_level, top_level, "Runner()")
    options = flow.options(subcommand)
    if subcommand == "resume":
        _check_kept(flow, arguments)
    after = _words(options, arguments, f"{subcommand}()")
    _check_required(options, arguments)
    if subcommand == "resume" and arguments.get("step_to_rerun") is not None:
        _check_step(flow, arguments["step_to_rerun"])
    return [*before, subcommand, *ours, *after]


def check_values(
    flow: FlowDescription,
    top_level: Mapping[str, object],
    subcommand: Subcommand,
    arguments: Mapping[str, object],
) -> None:
    """Check arguments like `command_words`, except for missing ones, which may be added later."""
    _words(flow.top_level, top_level, "Runner()")
    if subcommand == "resume":
        _check_kept(flow, arguments)
    _words(flow.options(subcommand), arguments, f"{subcommand}()")


def _check_kept(flow: FlowDescription, arguments: Mapping[str, object]) -> None:
    """Raise BadValueError if a parameter of the flow is passed to a resume."""
    options = _by_name(flow.options("resume"))
    for name in _by_name(flow.parameters):
        if name in arguments and name not in options:
            raise BadValueError(
                f"resume(): Unknown argument: {name!r} is a parameter of {flow.name}, and a "
                "resumed run keeps those of its origin; leave it out, or start a new run with it"
            )


def top_level_words(flow: FlowDescription | None, top_level: Mapping[str, object]) -> list[str]:
    """Return the words of the top-level options.

    They are needed before the flow is described. Without a description only the configs are
    included; all others are checked once it is available.
    """
    if flow is not None:
        return _words(flow.top_level, top_level, "Runner()")
    configs = (
        Option("config", "--config", kind="config", multiple=True, values=2),
        Option("config_value", "--config-value", kind="config", multiple=True, values=2),
    )
    given = {key: value for key, value in top_level.items() if key in ("config", "config_value")}
    return _words(configs, given, "Runner()")


def _words(options: Iterable[Option], given: Mapping[str, object], where: str) -> list[str]:
    by_name = _by_name(options)
    words: list[str] = []
    positional: list[str] = []
    for name, value in given.items():
        option = by_name.get(name)
        if option is None or option.name in RESERVED:
            raise _unknown(name, by_name, where)
        if value is None:  # treated as not given
            continue
        spelt = [_text(option, value)] if option.positional else _spelt(option, value)
        _check_words(option, spelt)
        (positional if option.positional else words).extend(spelt)
    return [*words, *positional]


def _by_name(options: Iterable[Option]) -> dict[str, Option]:
    """Map each keyword to its option; the first one with a name wins, as on the command line."""
    found: dict[str, Option] = {}
    for option in options:
        found.setdefault(option.name, option)
        found.setdefault(option.name_as_written, option)
    return found


def _unknown(name: str, by_name: Mapping[str, Option], where: str) -> BadValueError:
    possible = dict.fromkeys(
        option.name for option in by_name.values() if option.name not in RESERVED
    )
    if name in RESERVED:
        return BadValueError(f"{where}: {name!r} is set by nbrunner itself")
    return BadValueError(  # the wording of Metaflow's Runner, which programs may match
        f"{where}: Unknown argument: {name!r}{did_you_mean(name, possible)}"
        f"\npossible args are: {', '.join(possible)}"
    )


def _spelt(option: Option, value: object) -> list[str]:
    """Return the words that set an option to a value."""
    if option.is_flag:
        if not _is_bool(value):
            raise _wrong_type(option, value)
        word = option.flag if value else option.off_flag
        return [word] if word else []
    if option.kind == "config":
        return _config_words(option, value)
    if not option.multiple:
        return _occurrence(option, value)
    return [word for each in _items(option, value) for word in _occurrence(option, each)]


def _check_words(option: Option, words: Iterable[str]) -> None:
    """Raise BadValueError for words that cannot be passed to a process, also for warm runs."""
    for word in words:
        why = unfit_for_system(word)
        if why:
            raise BadValueError(f"{option.name}: an argument cannot contain {why}")
        size = len(os.fsencode(word))
        if size > MAX_WORD_BYTES:
            instead = (
                "write it to a file and pass the file's path as config"
                if option.kind == "config"
                else "write it to a file and pass its path to an IncludeFile or str parameter"
            )
            raise BadValueError(
                f"{option.name}: {size:,} bytes are more than the system's limit of "
                f"{MAX_WORD_BYTES:,} for an argument; {instead}"
            )


def _occurrence(option: Option, value: object) -> list[str]:
    """Return one occurrence of an option: ``--flag=value``, or ``--flag value value``."""
    if option.values == 1:
        return [f"{option.flag}={_text(option, value)}"]
    items = _items(option, value)
    if len(items) != option.values:
        raise BadValueError(f"{option.name}: expected {option.values} values, got {shown(value)}")
    return [option.flag, *(_text(option, each) for each in items)]


def _items(option: Option, value: object) -> Sequence[object]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise _wrong_type(option, value, "a list or tuple")
    return value


def _config_words(option: Option, value: object) -> list[str]:
    """Return the words for ``config`` (name, path) or ``config_value`` (name, value) pairs."""
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise _wrong_type(option, value, "pairs of config name and value")
    words: list[str] = []
    for name, content in pairs:
        if option.name == "config":
            text = os.fspath(content) if isinstance(content, (str, os.PathLike)) else None
        elif isinstance(content, str):
            text = content
        else:
            # Metaflow's ConfigValue is converted with to_dict().
            text = _json(option, content.to_dict() if hasattr(content, "to_dict") else content)
        if text is None:
            raise _wrong_type(option, content, f"the path of a file for {name!r}")
        words += [option.flag, str(name), text]
    return words


def _text(option: Option, value: object) -> str:
    """Return one value as text for the command line, or raise if it does not fit."""
    kind = option.kind
    if kind == "bool":
        if not _is_bool(value):
            raise _wrong_type(option, value)
        return "True" if value else "False"
    if kind == "json":
        return _json(option, value)
    if kind in ("int", "float"):
        return _number(option, value)
    if kind == "choice":
        return _choice(option, value)
    if kind in ("str", "file", "other") and isinstance(value, os.PathLike):  # used as a str
        value = os.fspath(value)
    if value == "" and option.multiple and option.flag in _NEVER_EMPTY:
        raise BadValueError(f"{option.name}: {option.flag} does not take an empty str")
    if not isinstance(value, str):
        if option.positional or kind not in ("str", "file", "other") or _is_id(option, value):
            return _spelt_out(option, value, str)
        raise _wrong_type(option, value)
    return value


def _number(option: Option, value: object) -> str:
    # Abstract types, which include numpy's numbers.
    if isinstance(value, numbers.Integral) and not _is_bool(value):
        least = _LEAST.get(option.flag)
        if least is not None and int(value) < least:
            raise BadValueError(f"{option.name}: expected {least} or more, got {shown(value)}")
        return _spelt_out(option, value, lambda number: str(int(number)))
    if option.kind == "float" and isinstance(value, numbers.Real) and not _is_bool(value):
        return _spelt_out(option, value, lambda number: repr(float(number)))
    raise _wrong_type(option, value)


def _spelt_out(option: Option, value: object, spell: Callable[[Any], str]) -> str:
    """Return a value as text; raise BadValueError for an int with too many digits for Python."""
    try:
        return spell(value)
    except (ValueError, OverflowError) as error:
        raise BadValueError(
            f"{option.name}: expected {_EXPECTED.get(option.kind, 'a value')} that can be "
            f"converted to text, got {shown(value)}: {error}"
        ) from error


def _is_id(option: Option, value: object) -> bool:
    """Return whether this is a run id given as an int, as ids of a metadata service are."""
    return option.name.endswith("run_id") and isinstance(value, int) and not _is_bool(value)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")  # numpy's bool


def _json(option: Option, value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong_type(option, value, f"{_EXPECTED['json']} ({error})") from error


def _choice(option: Option, value: object) -> str:
    if isinstance(value, str) and value not in option.choices:
        raise BadValueError(
            f"{option.name}: expected one of {', '.join(option.choices)}, got {shown(value)}"
            f"{did_you_mean(value, option.choices)}"
        )
    if not isinstance(value, str) and _spelt_out(option, value, str) not in option.choices:
        raise _wrong_type(option, value, f"one of {', '.join(option.choices)}")
    return str(value)


def _wrong_type(option: Option, value: object, expected: str | None = None) -> BadTypeError:
    what = expected or _EXPECTED.get(option.kind, f"a {option.kind}")
    default = "" if option.default is None else f" (default {option.default!r})"
    return BadTypeError(
        f"{option.name}: expected {what}{default}, got {shown(value)} "
        f"of type {type(value).__name__}"
        f"{_OWN_TYPE if option.kind == 'other' else ''}"
    )


def _check_required(options: Iterable[Option], given: Mapping[str, object]) -> None:
    known = {key for key, value in given.items() if value is not None}
    for option in options:
        names = {option.name, option.name_as_written}
        if option.required and not names & known:
            raise BadValueError(
                f"Missing argument: {option.name} is required"
                + (f" ({option.help})" if option.help else "")
            )


def _check_step(flow: FlowDescription, step: object) -> None:
    names = [each.name for each in flow.steps]
    if flow.steps and step not in names:
        raise BadValueError(
            f"step_to_rerun: {flow.name} has no step {step!r}{did_you_mean(str(step), names)}"
            f"\npossible steps: {', '.join(names)}"
        )
