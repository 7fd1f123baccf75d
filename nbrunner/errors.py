"""Every error of nbrunner, under one root.

::

    NbrunnerError
    ├── BadRequest              you asked for something that cannot be done as asked
    │   ├── BadValueError       also a ValueError: unknown name, value out of range, no such run
    │   │   └── RunNotFoundError    also a LookupError
    │   ├── BadTypeError        also a TypeError: a value of the wrong type
    │   ├── FlowNotFoundError   also a FileNotFoundError: no flow file there
    │   ├── FlowLoadError       also a RuntimeError: the flow file raised while it was being read
    │   │   ├── FlowSyntaxError     also a SyntaxError
    │   │   └── FlowImportError     also an ImportError
    │   ├── NoEventLoopError    also a RuntimeError: no event loop is running
    │   └── CleanedUpError      also a RuntimeError and FileNotFoundError: its files were deleted
    ├── RunStartError           also a RuntimeError: the run ended, or hung, before it had an id
    │   └── SharedIdError       Metaflow gave two runs one id; both were ended
    ├── MetaflowVersionError    also a RuntimeError: this version of Metaflow cannot be used
    ├── FlowFailedError         also a RuntimeError: the run of a cell, or a spin, failed
    ├── BundleMissingError      also a RuntimeError: the widgets' scripts were not built
    └── StateError              also a RuntimeError: the state directory cannot be used

An interrupted cell ends with `Interrupted`, which is a KeyboardInterrupt and no error.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class NbrunnerError(Exception):
    """Root of every error that nbrunner raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the caller's own lines and the message."""
        from nbrunner.text.brief_traceback import brief  # costs the import of asyncio

        return brief(self)


class BadRequest(NbrunnerError):
    """The request cannot be carried out as it was made; nothing was started."""


class BadValueError(BadRequest, ValueError):
    """A value or a name that is not among those possible."""


class RunNotFoundError(BadValueError, LookupError):
    """No run of that name is recorded in the state directory."""


class BadTypeError(BadRequest, TypeError):
    """A value whose type does not fit the parameter or option."""


class FlowNotFoundError(BadRequest, FileNotFoundError):
    """There is no flow file (or working directory) at the path given."""


class FlowLoadError(BadRequest, RuntimeError):
    """The flow file raised, or exited, while it was being read.

    The message ends with the traceback of the flow file's own code.
    """


class FlowSyntaxError(FlowLoadError, SyntaxError):
    """The flow file, or a module that it imports, is not valid Python."""

    def __init__(self, message: str) -> None:
        # Python shows the msg of a SyntaxError; FlowLoadError alone would leave it empty.
        SyntaxError.__init__(self, message)

    def __str__(self) -> str:
        return str(self.msg)


class FlowImportError(FlowLoadError, ImportError):
    """The flow file imports something that cannot be imported."""


class NoEventLoopError(BadRequest, RuntimeError):
    """What goes on beside the caller was begun where no event loop runs."""


class CleanedUpError(BadRequest, RuntimeError, FileNotFoundError):
    """The files of this run were deleted by ``cleanup()`` or have expired."""


class RunStartError(NbrunnerError, RuntimeError):
    """The run process ended, or hung, before Metaflow gave the run an id.

    Attributes
    ----------
    returncode : int or None
        Exit code, negative for a signal; None where it had to be ended after a timeout.
    """

    def __init__(self, message: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.returncode = returncode


class SharedIdError(RunStartError):
    """Metaflow gave a run the id of another one; both were ended.

    A Runner then starts the run again; a cell or a form says so, and leaves that to its user.
    """


class MetaflowVersionError(NbrunnerError, RuntimeError):
    """The installed version of Metaflow has something that nbrunner needs in another way."""


class FlowFailedError(NbrunnerError, RuntimeError):
    """The run of a cell, or the task of ``with runner.spin(...)``, did not succeed.

    A notebook shows the message alone: the failing step, the exception and the user's own
    lines; ``running.failure.traceback`` has the rest.
    """

    def _render_traceback_(self) -> list[str]:
        return f"{type(self).__name__}: {self}".splitlines()


class Interrupted(KeyboardInterrupt):
    """The cell that has waited for a run was interrupted.

    A notebook shows the message alone: what has become of the run.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class BundleMissingError(NbrunnerError, RuntimeError):
    """The scripts of the widgets are missing from this installation."""


class StateError(NbrunnerError, RuntimeError):
    """The state directory cannot be created, read or written."""


def said(error: Exception) -> str:
    """Return an error as people are told of it: one that nobody has foreseen needs its type."""
    if isinstance(error, NbrunnerError):
        return str(error)
    try:
        text = str(error)
    except Exception as failure:  # a class of the user's own
        text = f"(its text cannot be shown: {type(failure).__name__})"
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def without_choices(message: str) -> str:
    """Return a message without its last lines, which list everything that is possible."""
    return message.partition("\npossible ")[0]


def shown(value: object, most: int = 200) -> str:
    """Return the repr of any value for a message: shortened, and never an error itself."""
    try:
        text = repr(value)
    except Exception as error:  # an int of thousands of digits; a __repr__ of somebody's own
        return (
            f"a value of type {type(value).__name__} that cannot be shown ({type(error).__name__})"
        )
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def did_you_mean(name: str, possible: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest names, or an empty string."""
    # The dashes of options would make them all alike.
    by_word = {each.lstrip("-"): each for each in possible}
    close = difflib.get_close_matches(name.lstrip("-"), list(by_word), n=3, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(by_word[match]) for match in close) + "?"


def some_of(names: Sequence[str], most: int = 10) -> str:
    """Return names as a sentence lists them, and how many are left out."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
