"""The thread in which Metaflow packages the code of a run, started late where that changes nothing.

Each run process packages the flow's folder and Metaflow, some 400 files, for steps that run
elsewhere. With local steps the package is not used, and the thread holds the interpreter lock
while the scheduler needs it: a third of the time of two short steps. So it is started once
the package is asked for, or once the run has lasted a second.

It is started at once if it does more than read files: if it calls hooks of decorators, mutators or
environments, or uploads the package. The same goes for a file that cannot be read, which the run's
log reports.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbrunner.launch import metaflow_seam

DELAY_SECONDS = 1.0

# Looking at more files than these takes longer than it saves.
_MOST_FILES = 500

_late: list[LateThread] = []


def package_late() -> None:
    """Make Metaflow, in this run process, start the thread late."""
    package: Any = sys.modules[metaflow_seam.PACKAGING]
    if getattr(package, "threading", None) is threading:
        package.threading = types.SimpleNamespace(**{**vars(threading), "Thread": LateThread})


def start_if_due() -> None:
    """Start the threads that have waited long enough."""
    for thread in _late:
        if time.monotonic() >= thread.due:
            thread.start_now()


class LateThread:
    """Stands in for the thread: it is started when it is due, or asked for.

    Parameters
    ----------
    target : callable
        A method of the package.
    daemon : bool
        Whether the process may end before the thread does.
    """

    def __init__(self, target: Callable[[], None], daemon: bool) -> None:
        self._thread = threading.Thread(target=target, daemon=daemon)
        self._package = getattr(target, "__self__", None)
        self.due = 0.0

    def start(self) -> None:
        """Start the thread now or later."""
        if not reads_files_only(self._package):
            self._thread.start()
            return
        self.due = time.monotonic() + DELAY_SECONDS
        _late.append(self)

    def start_now(self) -> None:
        """Start the thread if it has not been."""
        if self in _late:
            _late.remove(self)
            try:
                self._thread.start()
            except RuntimeError:  # an exit function asks, and threads start no more
                self._thread.run()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the package; see `threading.Thread.join`."""
        self.start_now()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thread, name)


def reads_files_only(package: Any) -> bool:
    """Return whether packaging reads files, which can be read, and does nothing else.

    False too if this version of Metaflow packages in another way.
    """
    try:
        return (
            package._flow_datastore is None  # it is not uploaded
            and not any(name.startswith("METAFLOW_DEBUG") for name in os.environ)
            and not _has_more_files(package._mfcontent)
            and _calls_no_hooks(package._flow, package._environment)
            and all(Path(file).is_file() and os.access(file, os.R_OK) for file in _files(package))
        )
    except (AttributeError, TypeError, OSError, _TooManyError):
        return False


class _TooManyError(Exception):
    """The folder of the flow has more files than are looked at."""


def _has_more_files(content: Any) -> bool:
    """Return whether there are other files than Metaflow's own and those of the flow's folder."""
    module: Any = sys.modules[metaflow_seam.PACKAGING]
    more = content._modules, content._files, content._other_files, content._other_content
    return bool(module.R.use_r() or any(more))


def _calls_no_hooks(flow: Any, environment: Any) -> bool:
    """Return whether neither environment, mutators nor decorators have a part in packaging."""
    steps = list(flow)
    if type(environment).__module__ != metaflow_seam.ENVIRONMENT or flow._flow_mutators:
        return False
    if any(step.config_decorators for step in steps):
        return False
    of_flow = [each for some in flow._flow_decorators.values() for each in some]
    of_steps = [each for step in steps for each in step.decorators]
    return all(_is_base(each.add_to_package) for each in (*of_flow, *of_steps)) and all(
        each.package_init_ctx is None and _is_base(each.package_init) for each in of_steps
    )


def _is_base(method: Any) -> bool:
    """Return whether a decorator has not overridden a method of Metaflow's base class."""
    return bool(method.__func__.__module__ == metaflow_seam.DECORATORS)


def _files(package: Any) -> Iterator[str]:
    """Yield the files to package: Metaflow's, and those of the flow's folder."""
    module: Any = sys.modules[metaflow_seam.PACKAGING]
    for path, _name in package._mfcontent._cached_metaflow_files:
        yield path
    seen = 0

    def chosen(name: str) -> bool:
        nonlocal seen
        seen += 1
        if seen > _MOST_FILES:
            raise _TooManyError
        return bool(package._user_code_filter(name))

    folder = os.path.dirname(os.path.abspath(sys.argv[0])) + "/"
    excluded = package._exclude_tl_dirs
    for path, _name in module.walk(folder, file_filter=chosen, exclude_tl_dirs=excluded):
        yield path
