"""Converts words of Metaflow's command line to keyword arguments of Runner. Pure functions.

The inverse of `nbrunner.flow.build_argv`: the words after ``python flow.py`` become arguments of
Runner and its methods, so that they are checked in one place and can be shown as Python.
"""

from __future__ import annotations

import json
import numbers
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from nbrunner.errors import BadValueError, did_you_mean, some_of
from nbrunner.flow.description import FlowDescription, Option, Subcommand

SUBCOMMANDS: tuple[Subcommand, ...] = get_args(Subcommand)

_TRUE = frozenset({"true", "t", "1", "yes", "y", "on"})
_FALSE = frozenset({"false", "f", "0", "no", "n", "off"})


@dataclass(frozen=True)
class Word:
    """One word of a line.

    Attributes
    ----------
    text : str
        The word as text.
    value : any
        Python object of the word, or of the part after its ``=``; only if ``has_value``.
    has_value : bool
        True if the word has a Python value.
    is_expanded : bool
        True if the word contains a value from the notebook.
    """

    text: str
    value: object = None
    has_value: bool = False
    is_expanded: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Call:
    """A parsed command line.

    Attributes
    ----------
    top_level : dict
        Keyword arguments of Runner.
    subcommand : "run", "resume" or "spin"
        Metaflow's subcommand.
    arguments : dict
        Keyword arguments of the method.
    """

    top_level: dict[str, object] = field(default_factory=dict)
    subcommand: Subcommand = "run"
    arguments: dict[str, object] = field(default_factory=dict)


def config_words(words: Sequence[Word]) -> dict[str, Any]:
    """Return the config options, which are needed before the flow is described.

    They come before the subcommand; after it, a parameter of the flow may have the same name.
    """
    found: dict[str, list[list[str]]] = {}
    number = 0
    while number < len(words) and words[number].text not in SUBCOMMANDS:
        flag = words[number].text
        pair = [each.text for each in words[number + 1 : number + 3]]
        if flag not in ("--config", "--config-value"):
            number += 1
            continue
        # Without `run`, this may be a parameter with its value followed by an option.
        if len(pair) == 2 and not any(each.startswith("--") for each in pair):
            found.setdefault(flag[2:].replace("-", "_"), []).append(pair)
        number += 3
    return dict(found)


def call_of(flow: FlowDescription, words: Sequence[Word], others: Iterable[str] = ()) -> Call:
    """Return the call for the words after ``python flow.py``.

    ``run`` may be omitted. Top-level options are also accepted after the subcommand, if that has
    no option of the same name.

    Parameters
    ----------
    flow : FlowDescription
        The flow.
    words : sequence of Word
        The words.
    others : iterable of str
        Options that are not Metaflow's, for suggestions in messages.

    Raises
    ------
    BadValueError
        An option is unknown or lacks its value, or a word is not an option's value.
    """
    subcommand, before, after = _split(flow, words, others)
    reader = _Reader(flow, subcommand, others)
    reader.read(before, top_level_first=True)
    reader.read(after, top_level_first=False)
    return Call(reader.top_level, subcommand, reader.arguments)


def _split(
    flow: FlowDescription, words: Sequence[Word], others: Iterable[str]
) -> tuple[Subcommand, Sequence[Word], Sequence[Word]]:
    """Find the subcommand: the first word that is neither an option nor the value of one."""
    named = next((word.text for word in words if word.text in SUBCOMMANDS), "")
    own, top = _by_flag(flow.options(cast(Subcommand, named or "run"))), _by_flag(flow.top_level)
    by_flag = own | top if named else top | own
    number = 0
    while number < len(words):
        text = words[number].text
        if not text.startswith("-"):
            if text in SUBCOMMANDS:
                return text, words[:number], words[number + 1 :]
            raise BadValueError(
                f"expected run, resume or spin, got {text!r}{_comment_hint(words[number])}"
                f"{did_you_mean(text, SUBCOMMANDS) or _parameters_of(flow, by_flag)}"
            )
        flag, equals, _ = text.partition("=")
        option = by_flag.get(flag)
        if option is None:
            raise _unknown(flow, "run", flag, by_flag, others)
        number += 1 if option.is_flag or equals else 1 + option.values
    return "run", (), words


def _by_flag(options: Iterable[Option]) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for option in options:
        if option.positional:
            continue
        found.setdefault(option.flag, option)
        if option.off_flag:
            found.setdefault(option.off_flag, option)
    return found


class _Reader:
    """Reads options and their values from words."""

    def __init__(
        self, flow: FlowDescription, subcommand: Subcommand, others: Iterable[str]
    ) -> None:
        self.top_level: dict[str, object] = {}
        self.arguments: dict[str, object] = {}
        self._flow = flow
        self._subcommand = subcommand
        self._others = others
        self._top = _by_flag(flow.top_level)
        self._own = _by_flag(flow.options(subcommand))
        self._positional = [each for each in flow.options(subcommand) if each.positional]

    def read(self, words: Sequence[Word], top_level_first: bool) -> None:
        """Read all words into `top_level` and `arguments`."""
        rest = iter(words)
        for word in rest:
            if not word.text.startswith("-"):
                self._take_positional(word)
                continue
            flag, equals, text = word.text.partition("=")
            homes = [(self._top, self.top_level), (self._own, self.arguments)]
            for options, given in homes if top_level_first else reversed(homes):
                if flag in options:
                    attached = Word(text, word.value, word.has_value) if equals else None
                    _take(given, options[flag], flag, attached, rest)
                    break
            else:
                by_flag = {**self._own, **self._top}
                raise _unknown(self._flow, self._subcommand, flag, by_flag, self._others)

    def _take_positional(self, word: Word) -> None:
        if not self._positional:
            raise BadValueError(
                f"{self._subcommand}: {word.text!r} belongs to no option{_comment_hint(word)}"
                f"{_parameters_of(self._flow, self._own)}"
            )
        option = self._positional.pop(0)
        self.arguments[option.name] = _value(option, word)


def _comment_hint(word: Word) -> str:
    is_comment = word.text.startswith("#")
    return "; put a comment on a line of its own" if is_comment else ""


def _unknown(
    flow: FlowDescription,
    subcommand: str,
    flag: str,
    by_flag: Mapping[str, Option],
    others: Iterable[str],
) -> BadValueError:
    if subcommand == "resume" and flag in _by_flag(flow.parameters):
        return BadValueError(
            f"resume: unknown option {flag}\nit is a parameter of {flow.name}; a resumed run "
            "keeps those of its origin run. Leave it out, or start a new run with it"
        )
    return BadValueError(
        f"{subcommand}: unknown option {flag}{did_you_mean(flag, [*by_flag, *others])}"
        f"{_parameters_of(flow, by_flag)}\npossible options: {' '.join(by_flag)}"
    )


def _parameters_of(flow: FlowDescription, by_flag: Mapping[str, Option]) -> str:
    """Return ``"; parameters of F are --a, --b"``, or empty if there are none."""
    flags = [each.flag for each in flow.parameters if by_flag.get(each.flag) is each]
    return f"; parameters of {flow.name} are {some_of(flags)}" if flags else ""


def _take(
    given: dict[str, Any],
    option: Option,
    flag: str,
    attached: Word | None,
    rest: Iterator[Word],
) -> None:
    """Read the values of one option from the following words."""
    if option.is_flag:
        if attached is not None:
            raise BadValueError(f"{flag} takes no value")
        given[option.name] = flag == option.flag
        return
    values = [attached] if attached is not None else []
    while len(values) < option.values:
        word = next(rest, None)
        if word is None:
            got = len(values) or "nothing"
            raise BadValueError(f"{flag}: expected {_how_many(option)}, got {got}")
        values.append(word)
    found = [_value(option, each) for each in values]
    value = found[0] if option.values == 1 else found
    if option.multiple or option.kind == "config":
        given.setdefault(option.name, []).append(value)
    else:
        given[option.name] = value


def _how_many(option: Option) -> str:
    return "a value" if option.values == 1 else f"{option.values} values"


def _value(option: Option, word: Word) -> object:
    """Return the value that a word denotes; type errors are left to the later check.

    Where a str is expected, a number or path may be given as text or as a value.
    """
    if option.kind == "json":
        return _json_value(option, word)
    if word.has_value:
        is_text = option.kind == "str" and isinstance(word.value, (numbers.Number, os.PathLike))
        return str(word.value) if is_text else word.value
    text = word.text
    try:
        if option.kind == "int":
            return int(text)
        if option.kind == "float":
            return float(text)
    except ValueError:
        return text
    if option.kind == "bool" and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    return text


def _json_value(option: Option, word: Word) -> object:
    try:
        value = word.value if word.has_value else json.loads(word.text)
    except ValueError:
        raise BadValueError(f"{option.flag}: expected JSON, got {word.text!r}") from None
    if value is None and option.default not in (None, "null"):
        raise BadValueError(
            f"{option.flag}: Metaflow treats null as not given and uses the default, "
            f"{option.default}"
        )
    return value
