"""What a process finds when it starts, as far as it matters for a warm start. Pure to compare.

A warm run is forked from an interpreter that was started earlier. It is exact only if
nothing differs, between then and now, of what Python and ``import metaflow`` read or
inherit when they start. All else (other variables, the directory) is set in the fork.
"""

from __future__ import annotations

import os
import resource
import site
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

# Read by the interpreter, the C library or metaflow while they start.
_MATTERING_PREFIXES = ("PYTHON", "LD_", "METAFLOW_", "MALLOC_", "LC_", "GLIBC_", "OPENSSL_", "GIT_")
_MATTERING_NAMES = frozenset(
    {"LANG", "LANGUAGE", "HOME", "TZ", "DISABLE_TRACING", "CONDA_PREFIX", "APPENGINE_RUNTIME"}
)

# Numerical libraries read these while they are imported, so only if one is preloaded.
_MATTERING_WHEN_PRELOADED = ("OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "CUDA_", "NPY_")

# Metaflow's runtime sets these for each task; they are read when used, not while importing.
_SET_FOR_TASKS = ("METAFLOW_RUN_ID", "METAFLOW_CODE_", "METAFLOW_RUNTIME_", "PYTHONUNBUFFERED")

PRELOAD_VARIABLE = "NBRUNNER_PRELOAD"

Surroundings = dict[str, str]


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """Return the surroundings of a process that would start now with this environment.

    Returns
    -------
    dict of str to str
        What matters, by a name to tell people; compare with `difference`.
    """
    found = {f"${name}": value for name, value in mattering_variables(environment).items()}
    found["interpreter"] = sys.executable
    found["preload"] = environment.get(PRELOAD_VARIABLE, "")
    found["installed packages"] = _stamps(map(Path, _site_folders(environment)))
    found["metaflow config"] = _stamps([_metaflow_config(environment)])
    found["umask"] = _umask()
    found["resource limits"] = str([resource.getrlimit(each) for each in _LIMITS])
    found["cpu affinity"] = str(sorted(os.sched_getaffinity(0)))
    found["priority"] = str(os.getpriority(os.PRIO_PROCESS, 0))
    found["user"] = str((os.getuid(), os.getgid(), sorted(os.getgroups())))
    return found


_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})


def mattering_variables(
    environment: Mapping[str, str], preloaded: bool | None = None
) -> dict[str, str]:
    """Return the variables that are read while Python and metaflow start."""
    prefixes: tuple[str, ...] = _MATTERING_PREFIXES
    if environment.get(PRELOAD_VARIABLE) if preloaded is None else preloaded:
        prefixes += _MATTERING_WHEN_PRELOADED
    return {
        name: value
        for name, value in environment.items()
        if name in _MATTERING_NAMES or name.startswith(prefixes)
    }


def difference(then: Surroundings, now: Surroundings) -> str | None:
    """Tell what differs, as a reason for a cold start; None if nothing does."""
    differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if not differing:
        return None
    return f"{', '.join(differing)} differ{'s' if len(differing) == 1 else ''}"


def never_warm(environment: Mapping[str, str]) -> str | None:
    """Tell why no warm interpreter can be exact in this environment; None if one can."""
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    if environment.get("PYTHONPATH") and not all(map(os.path.isabs, folders)):
        return "PYTHONPATH holds a relative path, which depends on the directory"
    if environment.get("PYTHONINSPECT"):
        return "PYTHONINSPECT asks for a prompt at the end"
    return None


def task_difference(run: Mapping[str, str], task: Mapping[str, str]) -> str | None:
    """Tell what a task's environment differs in from its run's, as far as it matters."""
    before, after = (
        {
            name: value
            for name, value in mattering_variables(each, preloaded=True).items()
            if not name.startswith(_SET_FOR_TASKS)
        }
        for each in (run, task)
    )
    return difference(before, after)


def _site_folders(environment: Mapping[str, str]) -> list[str]:
    """Return where packages are installed: installing one changes the folder."""
    folders = [*site.getsitepackages(), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [folder for folder in folders if folder]


def _metaflow_config(environment: Mapping[str, str]) -> Path:
    """Return the file that ``metaflow/metaflow_config_funcs.py`` would read."""
    home = environment.get("METAFLOW_HOME") or os.path.join(
        environment.get("HOME", "~"), ".metaflowconfig"
    )
    profile = environment.get("METAFLOW_PROFILE")
    return Path(home) / (f"config_{profile}.json" if profile else "config.json")


def _stamps(paths: Iterable[Path]) -> str:
    stamps = []
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            stamps.append(f"{path}: none")
        else:
            stamps.append(f"{path}: {facts.st_mtime_ns} {facts.st_size}")
    return "; ".join(stamps)


def _umask() -> str:
    # os.umask() can only be read by setting it, which other threads would notice.
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((line.split()[1] for line in file if line.startswith("Umask:")), "")
