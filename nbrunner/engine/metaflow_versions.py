"""The versions of Metaflow that nbrunner is tested with. Uses the standard library only."""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from nbrunner.errors import MetaflowVersionError

# pip rejects older versions (pyproject.toml). Newer ones are expected to work.
OLDEST = "2.19.10"
NEWEST = "2.19.39"

RANGE = f"{OLDEST} to {NEWEST}"

# Raised by Python for missing names and other arguments.
_MISSING = (AttributeError, ImportError, TypeError, LookupError)

_P = ParamSpec("_P")
_T = TypeVar("_T")


def installed() -> str:
    """Return the version of Metaflow in this environment; empty if it is not installed."""
    import importlib.metadata  # takes longer than the rest of this module

    try:
        return importlib.metadata.version("metaflow")
    except importlib.metadata.PackageNotFoundError:
        return ""


def side(version: str) -> str:
    """Return ``"older"`` or ``"newer"`` for a version outside the tested range, else empty."""
    if _numbers(version) < _numbers(OLDEST):
        return "older"
    return "newer" if _numbers(version) > _numbers(NEWEST) else ""


def what_to_do(version: str) -> str:
    """Return advice for a version of Metaflow that nbrunner cannot use."""
    if side(version) == "older":
        return f"nbrunner needs Metaflow {OLDEST} or newer: pip install 'metaflow>={OLDEST}'"
    return (
        f"nbrunner is tested with Metaflow {RANGE}. Install a newer nbrunner, or one of these: "
        f"pip install 'metaflow>={OLDEST},<={NEWEST}'"
    )


def needs_metaflow(what: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Decorate a function that uses private names of Metaflow.

    If such a name is missing or has changed, which shows as an error raised in the function's own
    file, the function raises MetaflowVersionError.

    Parameters
    ----------
    what : str
        What the function reads, for the message.
    """

    def mark(function: Callable[_P, _T]) -> Callable[_P, _T]:
        file = function.__code__.co_filename

        @functools.wraps(function)
        def marked(*arguments: _P.args, **named: _P.kwargs) -> _T:
            try:
                return function(*arguments, **named)
            except _MISSING as error:
                if not raised_in(file, error):
                    raise
                version = installed()
                raise MetaflowVersionError(
                    f"nbrunner cannot read {what} with Metaflow {version}: "
                    f"{type(error).__name__}: {error}. {what_to_do(version)}"
                ) from error

        return marked

    return mark


def raised_in(file: str, error: BaseException) -> bool:
    """Return whether an error was raised by code in a file, not by code that it called."""
    *_, (innermost, _line) = traceback.walk_tb(error.__traceback__)
    return innermost.f_code.co_filename == file


def _numbers(version: str) -> tuple[int, ...]:
    """Return the release numbers of a version; a pre-release counts as its release."""
    release = re.match(r"[\d.]*", version)
    return tuple(int(each) for each in (release[0] if release else "").split(".") if each)
