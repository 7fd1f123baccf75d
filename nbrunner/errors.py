"""The exceptions of nbrunner, with a common base class.

::

    NbrunnerError
    ├── BadRequest              the request is invalid; nothing was started
    │   ├── BadValueError       also a ValueError: unknown name, value out of range, no such run
    │   │   └── RunNotFoundError    also a LookupError
    │   ├── BadTypeError        also a TypeError: a value of the wrong type
    │   ├── FlowNotFoundError   also a FileNotFoundError: no flow file at the path
    │   ├── FlowLoadError       also a RuntimeError: importing the flow file raised
    │   │   ├── FlowSyntaxError     also a SyntaxError
    │   │   └── FlowImportError     also an ImportError
    │   ├── NoEventLoopError    also a RuntimeError: no event loop is running
    │   └── CleanedUpError      also a RuntimeError and FileNotFoundError: files were deleted
    ├── RunStartError           also a RuntimeError: the run ended or hung before it had an id
    │   └── SharedIdError       Metaflow gave two runs the same id; both were stopped
    ├── MetaflowVersionError    also a RuntimeError: this version of Metaflow cannot be used
    ├── FlowFailedError         also a RuntimeError: the run of a cell, or a spin, failed
    ├── BundleMissingError      also a RuntimeError: the widgets' JavaScript was not built
    └── StateError              also a RuntimeError: the state directory cannot be used

An interrupted cell raises `Interrupted`, which is a KeyboardInterrupt, not an NbrunnerError.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in nbrunner/runner.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class NbrunnerError(Exception):
    """Base class of all exceptions that nbrunner raises deliberately."""

    def _render_traceback_(self) -> list[str]:
        """Return the traceback that IPython shows: the caller's frames and the message."""
        from nbrunner.text.brief_traceback import brief  # imports asyncio, which is slow

        return brief(self)


class BadRequest(NbrunnerError):  # noqa: N818 (a public name, as in HTTP)
    """The request is invalid; nothing was started."""


class BadValueError(BadRequest, ValueError):
    """A value or name is not one of the possible ones."""


class RunNotFoundError(BadValueError, LookupError):
    """No run with this name is recorded in the state directory."""


class BadTypeError(BadRequest, TypeError):
    """A value has the wrong type for its parameter or option."""


class FlowNotFoundError(BadRequest, FileNotFoundError):
    """The flow file or working directory does not exist."""


class FlowLoadError(BadRequest, RuntimeError):
    """The flow file raised or exited while it was being imported.

    The message ends with the traceback of the flow file's own code.
    """


class FlowSyntaxError(FlowLoadError, SyntaxError):
    """The flow file, or a module it imports, is not valid Python."""

    def __init__(self, message: str) -> None:
        # Python displays `msg` of a SyntaxError, which FlowLoadError's __init__ leaves empty.
        SyntaxError.__init__(self, message)

    def __str__(self) -> str:
        return str(self.msg)


class FlowImportError(FlowLoadError, ImportError):
    """The flow file imports a module that cannot be imported."""


class NoEventLoopError(BadRequest, RuntimeError):
    """A background task was started while no event loop was running."""


class CleanedUpError(BadRequest, RuntimeError, FileNotFoundError):
    """The files of this run were deleted by ``cleanup()`` or have expired."""


class RunStartError(NbrunnerError, RuntimeError):
    """The run process ended or hung before Metaflow gave the run an id.

    Attributes
    ----------
    returncode : int or None
        Exit code, negative for a signal; None if the process was stopped after a timeout.
    """

    def __init__(self, message: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.returncode = returncode


class SharedIdError(RunStartError):
    """Metaflow gave two runs the same id; both were stopped.

    A Runner starts the run again. Cells and forms report the error and leave that to the user.
    """


class MetaflowVersionError(NbrunnerError, RuntimeError):
    """The installed version of Metaflow differs in a part that nbrunner depends on."""


class FlowFailedError(NbrunnerError, RuntimeError):
    """The run of a cell, or the task of ``with runner.spin(...)``, did not succeed.

    Notebooks show the message only: the failed step, the exception and the user's own lines. The
    full traceback is in ``running.failure.traceback``.
    """

    def _render_traceback_(self) -> list[str]:
        return f"{type(self).__name__}: {self}".splitlines()


class Interrupted(KeyboardInterrupt):
    """A cell was interrupted while it waited for a run.

    Notebooks show the message only, which says what happened to the run.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class BundleMissingError(NbrunnerError, RuntimeError):
    """The widgets' JavaScript is missing from this installation."""


class StateError(NbrunnerError, RuntimeError):
    """The state directory cannot be created, read or written."""


def said(error: Exception) -> str:
    """Return the message of an error; the type precedes it if the error is not nbrunner's."""
    if isinstance(error, NbrunnerError):
        return str(error)
    try:
        text = str(error)
    except Exception as failure:  # __str__ of the user's own class failed
        text = f"(its text cannot be shown: {type(failure).__name__})"
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def without_choices(message: str) -> str:
    """Return a message without its last lines, which list the possible names."""
    return message.partition("\npossible ")[0]


def shown(value: object, most: int = 200) -> str:
    """Return the repr of a value for a message, shortened; never raises."""
    try:
        text = repr(value)
    except Exception as error:  # a huge int, or the user's own __repr__
        return (
            f"a value of type {type(value).__name__} that cannot be shown ({type(error).__name__})"
        )
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def did_you_mean(name: str, possible: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest names, or an empty string."""
    import difflib  # here, as `Runner` is imported without it

    # Leading dashes would make all options similar.
    by_word = {each.lstrip("-"): each for each in possible}
    close = difflib.get_close_matches(name.lstrip("-"), list(by_word), n=3, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(by_word[match]) for match in close) + "?"


def some_of(names: Sequence[str], most: int = 10) -> str:
    """Return a comma-separated list of names with the number of names left out."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
