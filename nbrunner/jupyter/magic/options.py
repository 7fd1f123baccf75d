"""The options of ``%flowrun`` and ``%%flowrun`` that are nbrunner's own, with their help.

They come before the flow and Metaflow's words; ``--`` ends them. Not argparse, also used by
IPython's magic_arguments: it accepts abbreviations and options after the flow, loses which words
came from the notebook, and reports errors with its own usage text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any

from nbrunner.errors import BadValueError, did_you_mean
from nbrunner.flow.parse_argv import Word
from nbrunner.jupyter.kernel.config import FlowRun

# Replaces the value of a variable that must not be shown.
HIDDEN = "..."


@dataclass(frozen=True)
class OurOption:
    """One of nbrunner's own options.

    Attributes
    ----------
    spellings : tuple of str
        Its long and short names.
    target : str
        Attribute of `Options` that it sets.
    value : any
        Value that a flag sets; None for an option with a value.
    metavar : str
        Placeholder of the value in the help; empty for a flag.
    help : str
        Help text.
    """

    spellings: tuple[str, ...]
    target: str
    value: Any
    metavar: str
    help: str


OPTIONS = (
    OurOption(("-o", "--out"), "out", None, "NAME", "name for the metaflow.Run (default run)"),
    OurOption(("--bg", "-a", "--noblock"), "block", False, "", "return at once; the run continues"),
    OurOption(("-b", "--block"), "block", True, "", "wait for the run (default)"),
    OurOption(
        ("--no-raise-error",), "raise_error", False, "", "a failed flow does not fail its cell"
    ),
    OurOption(
        ("--raise-error",), "raise_error", True, "", "a failed flow fails its cell (default)"
    ),
    OurOption(
        ("--on-interrupt",),
        "on_interrupt",
        None,
        "stop|detach",
        "what Interrupt does to the run that a cell waits for (default stop)",
    ),
    OurOption(
        ("-N", "--no-execute"),
        "execute",
        False,
        "",
        "show the command line and its Python equivalent, start nothing",
    ),
    OurOption(("-q", "--quiet", "--no-panel"), "panel", False, "", "no panel; plain lines"),
    OurOption(("--panel",), "panel", True, "", "a panel, if the front end can show one"),
    OurOption(("--profile",), "profile", None, "NAME", "Metaflow profile"),
    OurOption(("--env",), "env", None, "K=V", "environment variable; may be repeated"),
    OurOption(("--cwd",), "cwd", None, "DIR", "directory to run in"),
    OurOption(("--doctor",), "doctor", True, "", "check the installation and run a trial flow"),
    OurOption(("-h", "--help"), "help", True, "", "show this help"),
)

_BY_SPELLING = {spelling: option for option in OPTIONS for spelling in option.spellings}


@dataclass(frozen=True)
class Options:
    """Values of our options; each default is a trait of ``%config FlowRun``."""

    out: str = "run"
    block: bool = True
    raise_error: bool = True
    on_interrupt: str = "stop"
    panel: bool = True
    execute: bool = True
    profile: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    from_notebook: frozenset[str] = frozenset()  # variables set with $name or {expression}
    cwd: str | None = None
    doctor: bool = False
    help: bool = False

    @property
    def shown_env(self) -> dict[str, str]:
        """The variables; values from the notebook are hidden, because they may be secrets."""
        return {n: HIDDEN if n in self.from_notebook else value for n, value in self.env.items()}

    @property
    def words(self) -> list[str]:
        """The options that affect how the run is started: variables, profile, directory."""
        found = [
            word for name, value in self.shown_env.items() for word in ("--env", f"{name}={value}")
        ]
        for option in ("profile", "cwd"):
            if getattr(self, option) is not None:
                found += [f"--{option}", getattr(self, option)]
        return found

    @classmethod
    def configured(cls, config: FlowRun) -> Options:
        """Return the defaults from the configuration."""
        return cls(
            out=config.out,
            block=config.block,
            raise_error=config.raise_error,
            on_interrupt=config.on_interrupt,
            panel=config.panel,
        )


def take_options(words: Sequence[Word], defaults: Options) -> tuple[Options, list[Word]]:
    """Parse our options at the start of a line.

    Returns
    -------
    (Options, list of Word)
        The options, and the words after them.

    Raises
    ------
    BadValueError
        An option lacks its value, or has an invalid one.
    """
    options = defaults
    rest = list(words)
    while rest:
        if rest[0].text == "--":
            return options, rest[1:]
        spelling, equals, text = rest[0].text.partition("=")
        ours = _BY_SPELLING.get(spelling)
        if ours is None:
            break
        word = rest.pop(0)
        if not ours.metavar:
            if equals:
                raise BadValueError(f"{spelling} takes no value, got {text!r}")
            options = replace(options, **{ours.target: ours.value})
            continue
        if not equals:
            if not rest:
                raise BadValueError(f"{spelling}: expected {ours.metavar}, got nothing")
            word = rest.pop(0)
            text = word.text
        options = replace(options, **{ours.target: _checked(ours, spelling, text, options)})
        if ours.target == "env" and word.is_expanded:
            names = options.from_notebook | {text.partition("=")[0]}
            options = replace(options, from_notebook=names)
    return options, rest


def spellings() -> list[str]:
    """Return all names of our options."""
    return list(_BY_SPELLING)


def refuse_option(words: Sequence[Word], possible: Iterable[str], hint: str = "") -> None:
    """Raise an error if the next word is an option.

    Parameters
    ----------
    words : sequence of Word
        Words after the known options.
    possible : iterable of str
        Known options, for suggestions.
    hint : str
        Added to the message if no known option is similar.

    Raises
    ------
    BadValueError
        The first word is an option.
    """
    text = words[0].text.partition("=")[0] if words else ""
    known = list(possible)
    if text.startswith("-") and text in known:
        raise BadValueError(f"{text} cannot be used here{hint}")
    if text.startswith("-"):
        raise BadValueError(f"unknown option {text}{did_you_mean(text, known) or hint}")


def _checked(ours: OurOption, spelling: str, text: str, options: Options) -> Any:
    if ours.target == "env":
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadValueError(f"{spelling}: expected NAME=VALUE, got {text!r}")
        return {**options.env, name: value}
    if ours.target == "out" and (not text.isidentifier() or iskeyword(text)):
        raise BadValueError(f"{spelling}: expected a Python name, got {text!r}")
    if ours.target == "on_interrupt" and text not in ("stop", "detach"):
        raise BadValueError(f"{spelling}: expected stop or detach, got {text!r}")
    return text


def help_text() -> str:
    """Return the usage and the table of options for ``--help`` and ``?``."""
    rows = [
        (", ".join(each.spellings) + (f" {each.metavar}" if each.metavar else ""), each.help)
        for each in OPTIONS
    ]
    width = max(len(left) for left, _ in rows) + 2
    table = "\n".join(f"  {left:<{width}}{right}" for left, right in rows)
    return _USAGE + "\nOptions of nbrunner:\n" + table + "\n"


_USAGE = textwrap.dedent(
    """\
    %%flowrun [nbrunner's options] [Metaflow's top-level options] [run|resume|spin] [its
              options and the flow's parameters]
    <source of the flow: the cell is the flow file>

    %flowrun FLOW [the same]    FLOW: a .py file, or a flow of an earlier cell
    %flowrun                    the panel of the latest run

    The words after nbrunner's options are what you would type after `python flow.py`; `run`
    may be omitted. $name and {expression} are evaluated in the notebook; single quotes keep
    text unchanged. The notebook gets the metaflow.Run as `run` and the handle as `running`.

        %flowrun slowflow.py --no-pylint run --seconds 5 --with retry --tag nightly
    """
)
