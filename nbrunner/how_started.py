"""How a run and its tasks were started: warm or cold, and why, and with which code."""

from __future__ import annotations

from typing import Protocol

from nbrunner.engine.timeline import TaskSpan
from nbrunner.record import code_store, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.task_starts import TaskStarts, all_cold, read_task_starts


class _Handle(Protocol):
    """The attributes of a handle that this mixin uses."""

    directory: RunDirectory

    @property
    def timeline(self) -> list[TaskSpan]:
        """The tasks of the run up to now; see `ExecutingProcess`."""
        ...

    @property
    def warm(self) -> bool: ...

    @property
    def cold_reason(self) -> str: ...


class HowStarted:
    """Mixin of the handles: how the run was started."""

    @property
    def warm(self: _Handle) -> bool:
        """Whether the run process was forked from a warm interpreter; see `task_starts`."""
        return (self.directory.read(run_directory.START) or {}).get("way") == "warm"

    @property
    def cold_reason(self: _Handle) -> str:
        """Why the run was started cold; empty if it was warm or the reason is unknown."""
        return str((self.directory.read(run_directory.START) or {}).get("why", ""))

    @property
    def code(self: _Handle) -> dict[str, str]:
        """Source texts that the run was started with: path -> text, the flow file first.

        These are the flow file, or the one generated for a cell, and the user's own modules that it
        imports. Empty if an older version of nbrunner started the run.
        """
        record = self.directory.read(run_directory.RECORD) or {}
        contents = code_store.folder_beside(self.directory.path.parent)
        return code_store.read(contents, record.get("code", {}))

    @property
    def preloaded(self: _Handle) -> dict[str, str]:
        """Modules that the warm interpreter had imported for this run besides metaflow -> why.

        The reason is ``"preload"`` if the module was asked for, ``"imported by the flow"`` if
        it was found in the flow file. Empty for a cold run.
        """
        return dict(self.directory.read(run_directory.PRELOADED) or {})

    @property
    def not_preloaded(self: _Handle) -> dict[str, str]:
        """Modules that the warm interpreter could have imported for this run -> why not."""
        return dict(self.directory.read(run_directory.NOT_PRELOADED) or {})

    @property
    def task_starts(self: _Handle) -> TaskStarts:
        """Number of tasks forked from a warm interpreter, and of cold ones by reason.

        A warm run has cold tasks if a fork would not be exact, for example with ``@conda``.
        """
        if self.warm:
            return read_task_starts(self.directory)
        return all_cold(self.cold_reason, sum(span.state != "cloned" for span in self.timeline))
