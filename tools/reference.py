"""The reference of public names, magics, options and traits, written from the docstrings.

``make reference`` writes it to ``docs/reference.md``; a test checks that it matches the
docstrings. Written by hand, as it is one page of Markdown for GitHub; numpydoc and mkdocstrings
make a site, and support neither magics nor traits nor widgets' messages.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbrunner
from nbrunner.__main__ import parser
from nbrunner.flow.description import Option, Step
from nbrunner.jupyter import panels, widgets
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.magic.options import OPTIONS
from nbrunner.jupyter.magics import FlowMagics
from nbrunner.jupyter.step_magics import StepMagics
from nbrunner.launch.warm.fingerprint import PRELOAD_VARIABLE
from nbrunner.launch.warm.launcher import LEARN_VARIABLE, WARM_VARIABLE
from nbrunner.record.registry import STATE_VARIABLE

FILE = Path(__file__).parents[1] / "docs" / "reference.md"

INTRODUCTION = """\
# Reference

Written from the docstrings by `make reference`; in a notebook `Runner?` shows the same.
"""

# Variables that are read once, when a process first needs them; all are optional.
VARIABLES = {
    STATE_VARIABLE: "The folder of run records, logs and sweeps, for this user alone.",
    WARM_VARIABLE: "`0`, `off`, `no` or `false` starts every run in a fresh interpreter.",
    LEARN_VARIABLE: "`0` keeps the modules that flows import out of warm interpreters.",
    PRELOAD_VARIABLE: "Space-separated modules that the warm interpreter imports besides metaflow.",
}

MAGICS = ("flowrun", "flowruns", "flowform", "flowstop", "flowdiff")
STEP_MAGICS = ("flow", "step", "flowexport", "flowload", "flowshow")

# The types in a `FlowDescription`, which only the library creates.
DESCRIBED = {"Option": Option, "Step": Step}

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.M)
_METAFLOWS = "nbrunner.engine.client"


def public() -> dict[str, Any]:
    """Return the public names of nbrunner -> their objects."""
    names = (name for name in nbrunner.__all__ if name != "__version__")
    return {name: getattr(nbrunner, name) for name in names if _home(name) != _METAFLOWS}


def _home(name: str) -> str:
    return nbrunner._HOME[name]


def members(kind: type) -> dict[str, Any]:
    """Return the methods and properties of a class that its docstring does not list.

    Those of a public base are documented there.
    """
    found: dict[str, Any] = {}
    parts = [each for each in kind.__mro__ if each is kind or _is_part(each)]
    for name, member in [item for each in parts for item in vars(each).items()]:
        function = member.fget if isinstance(member, property) else member
        is_ours = inspect.isfunction(function) and not name.startswith("_")
        is_ours = is_ours and function.__module__.startswith("nbrunner.")  # Deployer has others
        if is_ours and name not in _told(kind) and not _is_inside(member):
            found[name] = member
    return found


def _is_part(base: type) -> bool:
    """Return whether a base class is shown as a part of its subclasses, as it is not public."""
    return base.__module__.startswith("nbrunner.") and base not in public().values()


def _told(kind: type) -> set[str]:
    """Return the names in the sections of a class's docstring."""
    return set(re.findall(r"^(\w+) : ", inspect.getdoc(kind) or "", re.M))


def _is_inside(member: Any) -> bool:
    """Return whether a member is only for the package's own modules, by its docstring."""
    return (inspect.getdoc(member) or "").startswith("For the modules of this package")


def text() -> str:
    """Return the whole reference."""
    parts = [INTRODUCTION, "## Python\n"]
    for name, value in public().items():
        parts.append(entry(name, value, 3))
    theirs = [f"`{name}`" for name in nbrunner._HOME if _home(name) == _METAFLOWS]
    parts.append(f"{', '.join(theirs)} are those of Metaflow's Client.\n")
    parts.append("### What a FlowDescription holds\n")
    parts += [entry(name, value, 4) for name, value in DESCRIBED.items()]
    parts += ["## Magics\n", *_magics(), "## `%config FlowRun`\n", *_traits()]
    parts += ["## The command `nbrunner`\n", *_command()]
    parts += ["## Environment variables\n", "| | |\n|---|---|"]
    parts += [f"| `${name}` | {what} |" for name, what in VARIABLES.items()]
    parts.append(
        "\n## Panels\n\nFrom `nbrunner.jupyter.panels`; each is a widget, and "
        "`close()` closes it; its runs continue.\n"
    )
    parts += [entry(name, getattr(panels, name), 3, inside={}) for name in panels.__all__]
    parts.append("## Widgets\n\nFrom `nbrunner.jupyter.widgets`; for your own layouts.\n")
    parts += [entry(name, getattr(widgets, name), 3, inside={}) for name in widgets.__all__]
    return "\n".join(parts).rstrip() + "\n"


def entry(name: str, value: Any, level: int, inside: dict[str, Any] | None = None) -> str:
    """Return the entry of a name, with all its members or the given ones."""
    hashes = "#" * level
    docstring = inspect.getdoc(value) or ""
    lines = [f"{hashes} {name}\n"]
    # Objects that users do not create have attributes and no parameters.
    if not inspect.isclass(value) or "\nParameters\n" in docstring:
        lines.append(f"```python\n{_signature(name, value)}\n```\n")
    lines.append(described(docstring))
    if inspect.isclass(value):
        for member, what in (members(value) if inside is None else inside).items():
            lines.append(f"{hashes}# {name}.{member}\n")
            if isinstance(what, property):
                lines.append(f"`{what.fget.__annotations__['return']}`\n")
            else:
                lines.append(f"```python\n{_signature(member, what)}\n```\n")
            lines.append(described(inspect.getdoc(what) or ""))
    return "\n".join(lines)


def _signature(name: str, value: Any) -> str:
    signature = inspect.signature(value)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in signature.parameters.values()
        if each.name not in ("self", "cls")
    ]
    bare = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    start = "await " if inspect.iscoroutinefunction(value) else ""
    return f"{start}{name}{bare}".replace("<factory>", "...")


def described(docstring: str) -> str:
    """Return a docstring as Markdown: its sections as lists."""
    first, *rest = _SECTION.split(docstring)
    parts = [_prose(first)]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        parts.append(f"**{title}**\n")
        parts.append(_prose(body) if title == "Notes" else _definitions(body))
    return "\n".join(parts)


def _prose(lines: str) -> str:
    return _inline(lines.strip()) + "\n"


def _definitions(body: str) -> str:
    items: list[list[str]] = []
    for line in body.strip("\n").splitlines():
        if line and not line.startswith(" "):
            items.append([line])
        elif line.strip():
            items[-1].append(line.strip())
    return "\n".join(_item(head, rest) for head, *rest in items) + "\n"


def _item(head: str, rest: list[str]) -> str:
    name, colon, kind = head.partition(" : ")
    said = f" ({_inline(kind)})" if colon else ""
    return f"- `{name}`{said}" + (f": {_inline(' '.join(rest))}" if rest else "")


def _inline(line: str) -> str:
    """Convert double backquotes to single ones, and escape the stars of variadic parameters."""
    return line.replace("``", "`").replace("**top", r"\*\*top").replace("**arg", r"\*\*arg")


def _magics() -> Iterator[str]:
    for name in (*MAGICS, *STEP_MAGICS):
        magic = getattr(FlowMagics if name in MAGICS else StepMagics, name)
        told = inspect.cleandoc(magic.__doc__ or "").partition("\nOptions of nbrunner:")[0].rstrip()
        yield f"```text\n{told}\n```\n" if "\n" in told else f"`%{name}`: {_inline(told)}\n"
    yield "\nOptions of nbrunner for `%flowrun` and `%%flowrun`; they come before all others:\n"
    yield "| option | |\n|---|---|"
    for each in OPTIONS:
        value = f" {each.metavar}" if each.metavar else ""
        spelled = ", ".join(f"`{spelling}{value}`" for spelling in each.spellings)
        yield f"| {spelled.replace('|', chr(92) + '|')} | {each.help} |"
    yield ""


def _command() -> Iterator[str]:
    yield "Also as `python -m nbrunner`.\n"
    yield "| command | | |\n|---|---|---|"
    (commands,) = (each for each in parser()._actions if each.dest == "command")
    helps = {each.dest: each.help for each in commands._choices_actions}  # type: ignore[attr-defined]
    for name, command in commands.choices.items():  # type: ignore[attr-defined]
        told = [
            f"`{each.metavar or ', '.join(each.option_strings) or each.dest}`: {each.help}"
            for each in command._actions
            if each.dest != "help"
        ]
        yield f"| `nbrunner {name}` | {helps[name]} | {'<br>'.join(told)} |"
    yield ""


def _traits() -> Iterator[str]:
    yield "| trait | default | |\n|---|---|---|"
    for name, trait in sorted(FlowRun.class_own_traits(config=True).items()):
        yield f"| `{name}` | `{trait.default()!r}` | {trait.help} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
