"""Draws: what an import takes from its process or the current time. Pure decisions.

A preloaded module is imported once and shared by all forks. That is exact only if the import
gives the same result in every process; anything that may differ is a `Draw`. A draw does not
matter if the module keeps nothing of it, or if `nbrunner.launch.warm.after_fork` renews it in the
fork. The tables below list these cases. A module with any other draw is not preloaded.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from nbrunner.launch import metaflow_seam
from nbrunner.text.user_code import is_users


class Draw(NamedTuple):
    """One draw.

    Attributes
    ----------
    what : str
        The action, in the third person: ``"calls time.time()"``.
    module, function : str
        The code that did it; the function is ``"<module>"`` for module-level code.
    """

    what: str
    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module} {self.what}"


_TOP = "<module>"  # outside functions

# Renewed in the fork by nbrunner.launch.warm.after_fork.
RENEWED = {
    Draw("calls time.time()", "logging", _TOP),  # _startTime
    Draw("calls time.time_ns()", "logging", _TOP),  # the same since Python 3.13
    Draw("calls os.getcwd()", "multiprocessing.process", _TOP),  # ORIGINAL_DIR
    Draw("calls os.urandom()", "multiprocessing.process", "_MainProcess.__init__"),  # authkey
    *(Draw(*each) for each in metaflow_seam.RENEWED_DRAWS),
    Draw("calls time.localtime()", "dateutil.parser._parser", "parserinfo.__init__"),
    Draw("opens /proc/stat", "psutil._common", "open_binary"),  # _last_cpu_times
}

# The module keeps nothing that could differ between a fork and a fresh process.
HARMLESS = {
    *(Draw(*each) for each in metaflow_seam.HARMLESS_DRAWS),
    # Only tests whether semaphores work, under a random name that it removes.
    Draw("calls os.getpid()", "joblib._multiprocessing_helpers", _TOP),
    # Only checks which files the kernel has for a process, and their fields.
    Draw("calls os.getpid()", "psutil._pslinux", _TOP),
    Draw("calls os.getpid()", "psutil._pslinux", "Process"),
    # Compared with the current pid at each use.
    Draw("calls os.getpid()", "fsspec.spec", "_Cached.__init__"),
    # The handlers reset locks and caches to their state in a new process.
    Draw("calls os.register_at_fork()", "logging", _TOP),
    Draw("calls os.register_at_fork()", "concurrent.futures.thread", _TOP),
    Draw("calls os.register_at_fork()", "fsspec.spec", _TOP),
    Draw("calls os.register_at_fork()", "matplotlib.font_manager", _TOP),
    Draw("calls os.register_at_fork()", "joblib.externals.loky.backend.resource_tracker", _TOP),
    # Numbers in the examples of docstrings.
    Draw(
        "calls os.urandom()",
        "scipy.stats._distribution_infrastructure",
        "UnivariateDistribution.sample",
    ),
    # The date at the top of generated C files, which f2py writes in a separate process.
    Draw("calls time.time()", "numpy.f2py.rules", _TOP),
    Draw("calls time.gmtime()", "numpy.f2py.rules", _TOP),
}

KNOWN = frozenset(RENEWED | HARMLESS)

_TOLD = 3


def refusal(draws: Collection[Draw], known: Collection[Draw] = KNOWN) -> str | None:
    """Return why a module with these draws is not preloaded; None if it can be."""
    unknown = sorted(str(each) for each in set(draws) - set(known))
    if not unknown:
        return None
    more = f", and {len(unknown) - _TOLD} more" if len(unknown) > _TOLD else ""
    return f"while it is imported, {', '.join(unknown[:_TOLD])}{more}"


# Files in /proc and /sys that describe the machine, not the process or its load.
_OF_MACHINE = ("/proc/cpuinfo", "/proc/version", "/proc/filesystems", "/proc/sys/", "/sys/")
_RANDOM = ("/dev/random", "/dev/urandom", "/dev/hwrng")


def kind_of_path(path: str) -> str:
    """Return how to treat a path that an import reads.

    Returns
    -------
    str
        ``"nothing"``: the same for all processes, such as an installed file. ``"file"``:
        compared before each fork. ``"relative"``: depends on the current directory.
        ``"draw"``: differs between processes.
    """
    if path.startswith("<") or not path:  # not the name of a file, for example "<string>"
        return "nothing"
    if not os.path.isabs(path):
        return "relative"
    if path in _RANDOM:
        return "draw"
    if path.startswith(("/proc/", "/sys/")):
        return "nothing" if path.startswith(_OF_MACHINE) else "draw"
    return "file" if is_users(path) and not path.startswith("/dev/") else "nothing"
