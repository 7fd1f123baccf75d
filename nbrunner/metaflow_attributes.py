"""The attributes of Metaflow's Runner that existing code sets and reads."""

from __future__ import annotations

from nbrunner.errors import did_you_mean

TYPE_CHECKING = False  # as in nbrunner/runner.py
if TYPE_CHECKING:
    from typing import Any, ClassVar

# Attributes of Metaflow 2.19's runner/metaflow_runner.py, and what to use instead.
_NO_COUNTERPART = {
    "spm": "its process manager has no counterpart; use stop() and wait() of the run, or attach()",
    "api": "its command line API has no counterpart; use describe(), run(), resume() or spin()",
}


class MetaflowAttributes:
    """Accepts assignments of known attributes and rejects all others with an error."""

    #: Attributes that are stored as they are; those with a setter are not listed.
    _settable: ClassVar[frozenset[str]] = frozenset()

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_") or name in self._settable or self._has_setter(name):
            super().__setattr__(name, value)
            return
        raise AttributeError(self._refusal(name), name=name, obj=self)

    @classmethod
    def _has_setter(cls, name: str) -> bool:
        return getattr(getattr(cls, name, None), "fset", None) is not None

    @classmethod
    def _refusal(cls, name: str) -> str:
        own = cls.__name__
        if name in _NO_COUNTERPART:
            return f"{own}.{name} cannot be set: {_NO_COUNTERPART[name]}"
        if hasattr(cls, name):
            return f"{own}.{name} cannot be set; create another {own}"
        settable = sorted({*cls._settable, *(each for each in dir(cls) if cls._has_setter(each))})
        return (
            f"{own} has no attribute {name!r} to set{did_you_mean(name, settable)}"
            f"\npossible attributes: {', '.join(settable)}"
        )

    def __getattr__(self, name: str) -> Any:
        # Called only for missing attributes.
        command = None if name.startswith("_") else _extension_command(name)
        if command is not None:
            return lambda *args, **kwargs: command(self, *args, **kwargs)
        own = type(self).__name__
        advice = f": {_NO_COUNTERPART[name]}" if name in _NO_COUNTERPART else ""
        raise AttributeError(
            f"{own!r} object has no attribute {name!r}{advice}", name=name, obj=self
        )


def _extension_command(name: str) -> Any:
    """Return the class of a Runner subcommand added by a Metaflow extension, or None.

    Extensions list them in ``RUNNER_CLIS_DESC``. Metaflow itself adds none, so it is imported
    only if an extension is installed.
    """
    import importlib.util  # here, as `Runner` is imported without it

    if importlib.util.find_spec("metaflow_extensions") is None:
        return None
    from nbrunner.deployer import runner_commands  # imports metaflow

    return runner_commands().get(name)
