"""What modules noted of their process while they were imported, noted anew in a fork."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

# The values of metaflow's configuration that default to the directory of the process.
_DIRECTORIES = ("ARTIFACT_LOCALROOT",)


def start_afresh() -> None:
    """Bring up to date what the imports of another process, elsewhere, have left."""
    cwd = os.getcwd()
    _set_native_id()
    _resettle_multiprocessing(cwd)
    _resettle_metaflow(cwd)
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # looked for again, by the variables of this process
    # Python's own random numbers see to themselves.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _set_native_id() -> None:
    """Have the main thread know its own id: before Python 3.13 it keeps its parent's."""
    main: Any = threading.main_thread()
    main._set_native_id()


def _resettle_multiprocessing(cwd: str) -> None:
    """Spawned processes go where this one started, and know its key, which is a secret."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.ORIGINAL_DIR = cwd
        process.current_process().authkey = os.urandom(32)


def _resettle_metaflow(cwd: str) -> None:
    values = vars(sys.modules["metaflow.metaflow_config_funcs"])["_all_configs"]
    for name in _DIRECTORIES:
        known = values.get(f"METAFLOW_{name}")
        if known is None or not known.is_default:
            continue
        values[f"METAFLOW_{name}"] = known._replace(value=cwd)
        for module in _METAFLOW_MODULES:
            if name in vars(module):
                setattr(module, name, cwd)


# Those that have imported the name of a directory; looked up once, before any fork.
_METAFLOW_MODULES: list[Any] = []


def remember_directories() -> None:
    """Note, in the interpreter that forks are made of, who knows its directory."""
    _METAFLOW_MODULES[:] = [
        module
        for name, module in sys.modules.items()
        if name.startswith("metaflow.") and not vars(module).keys().isdisjoint(_DIRECTORIES)
    ]
