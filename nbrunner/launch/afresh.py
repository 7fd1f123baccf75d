"""What modules noted of their process while they were imported, noted anew in a fork."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from nbrunner.launch import metaflow_seam


def start_afresh() -> None:
    """Bring up to date what the imports of another process, elsewhere, have left."""
    cwd = os.getcwd()
    _set_native_id()
    _resettle_multiprocessing(cwd)
    metaflow_seam.set_directory(cwd)
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
