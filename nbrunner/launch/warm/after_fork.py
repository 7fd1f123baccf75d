"""Renews, in a fork, the facts of the process that modules stored when they were imported."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.eligibility import IMPORTED
from nbrunner.launch.warm.probe import generators


def start_afresh() -> None:
    """Renew the state that imported modules took from the process they were imported in."""
    cwd = os.getcwd()
    _set_native_id()
    _resettle_multiprocessing(cwd)
    metaflow_seam.set_directory(cwd)
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # to be determined again by the variables of this process
    # Python itself reseeds the generator of random.random() in each fork.
    for generator in IMPORTED.generators:
        generators.renew(generator)
    for name, renew in _RENEWALS.items():
        module = sys.modules.get(name)
        if module is not None:
            renew(module)


def _restart_logging(logging: Any) -> None:
    """Restart ``%(relativeCreated)d``. The start is in seconds, since Python 3.13 in ns."""
    start = logging._startTime
    logging._startTime = time.time_ns() if isinstance(start, int) else time.time()


def _restart_psutil(psutil: Any) -> None:
    """Renew the times that the first call of ``cpu_percent()`` measures from."""
    for name, now in (
        ("_last_cpu_times", psutil.cpu_times()),
        ("_last_per_cpu_times", psutil.cpu_times(percpu=True)),
    ):
        # Older releases keep one value, newer ones one for each thread.
        by_thread = isinstance(getattr(psutil, name), dict)
        setattr(psutil, name, {threading.main_thread().ident: now} if by_thread else now)
        setattr(psutil, f"{name}_2", getattr(psutil, name).copy() if by_thread else now)


def _reset_century(parser: Any) -> None:
    """Renew the current year, by which dateutil completes years of two digits."""
    info = parser.DEFAULTPARSER.info
    info._year = time.localtime().tm_year
    info._century = info._year // 100 * 100


# Run for the modules that have been imported; see RENEWED in nbrunner.launch.warm.probe.draws.
_RENEWALS: dict[str, Callable[[Any], None]] = {
    "logging": _restart_logging,
    "psutil": _restart_psutil,
    "dateutil.parser._parser": _reset_century,
}


def _set_native_id() -> None:
    """Set the native id of the main thread: before Python 3.13 it keeps that of its parent."""
    main: Any = threading.main_thread()
    main._set_native_id()


def _resettle_multiprocessing(cwd: str) -> None:
    """Renew the directory that spawned processes start in, and the secret key they share."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.ORIGINAL_DIR = cwd
        process.current_process().authkey = os.urandom(32)
