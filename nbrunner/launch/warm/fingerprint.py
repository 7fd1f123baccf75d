"""What a process finds when it starts, as far as it matters for a warm start. Pure to compare.

A warm run is forked from an interpreter that was started earlier. It is exact only if
nothing differs, between then and now, of what Python and ``import metaflow`` read or
inherit when they start. All else (other variables, the directory) is set in the fork.
"""

from __future__ import annotations

import contextlib
import os
import resource
import site
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

# Read by the interpreter, the C library or metaflow while they start.
_MATTERING_PREFIXES = ("PYTHON", "LD_", "METAFLOW_", "MALLOC_", "LC_", "GLIBC_", "OPENSSL_", "GIT_")
_MATTERING_NAMES = frozenset(
    {"LANG", "LANGUAGE", "HOME", "TZ", "DISABLE_TRACING", "CONDA_PREFIX", "APPENGINE_RUNTIME"}
)

# Native code of numerical libraries reads these while it is imported, so they matter only if
# a module is preloaded. The probe does not see such reads.
NATIVE_PREFIXES = (
    *(
        "OMP_",
        "GOMP_",
        "KMP_",
        "OPENBLAS_",
        "GOTO_",
        "MKL_",
        "BLIS_",
        "VECLIB_",
        "NUMEXPR_",
        "NPY_",
    ),
    *("CUDA_", "CUBLAS_", "CUDNN_", "NCCL_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "TF_", "XLA_"),
    *("TORCH_", "PYTORCH_", "ARROW_", "MIMALLOC_", "RAYON_", "POLARS_", "HDF5_"),
)

# Metaflow's runtime sets these for each task; they are read when used, not while importing.
_SET_FOR_TASKS = ("METAFLOW_RUN_ID", "METAFLOW_CODE_", "METAFLOW_RUNTIME_", "PYTHONUNBUFFERED")

# The directory would decide what they mean, already while the interpreter starts.
_PATHS = (
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONPYCACHEPREFIX",
    "METAFLOW_HOME",
    "METAFLOW_EXTENSIONS_SEARCH_DIRS",
)

# What they ask for is done when an interpreter starts, or ends.
_FOR_EACH_PROCESS = {
    "PYTHONINSPECT": "asks for a prompt at the end",
    "PYTHONPROFILEIMPORTTIME": "asks for the time of each import",
    "PYTHONDUMPREFS": "asks for a list at the end",
    "PYTHONVERBOSE": "asks for a line with each import",
    "PYTHONMALLOCSTATS": "asks for statistics at the end",
    "PYTHONTRACEMALLOC": "asks for the memory that each process allocates",
    "PYTHONPERFSUPPORT": "asks for a map of each process",
    "PYTHON_PERF_JIT_SUPPORT": "asks for a map of each process",
    "LD_DEBUG": "asks for a line with each library",
    "LD_SHOW_AUXV": "asks for lines with each start",
    "LD_PROFILE": "asks for a profile of each process",
    "COVERAGE_PROCESS_START": "asks each process to measure itself",
    "COVERAGE_PROCESS_CONFIG": "asks each process to measure itself",
}

# The commands by which Metaflow's runtime runs a step, of a run or of a spin.
STEP_COMMANDS = frozenset({"step", "spin-step"})

# The commands by which remote decorators run a step.
_REMOTE = frozenset({"batch", "kubernetes", "slurm", "snowpark", "nvidia", "nvct"})

# Noted before a flow can set it to something else.
EXECUTABLE = sys.executable

PRELOAD_VARIABLE = "NBRUNNER_PRELOAD"

# For the warm interpreter alone: the modules that the flows it serves import at their top.
LEARNED_VARIABLE = "NBRUNNER_LEARNED"

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
    found["imports of the flow"] = environment.get(LEARNED_VARIABLE, "")
    found |= installed(environment)
    return found | inherited()


def modules_to_preload(environment: Mapping[str, str]) -> list[str]:
    """Return the modules that an interpreter in this environment preloads."""
    return environment.get(PRELOAD_VARIABLE, "").replace(",", " ").split()


def all_modules(environment: Mapping[str, str]) -> list[str]:
    """Return the modules to preload, and those that the flow imports at its top."""
    learned = environment.get(LEARNED_VARIABLE, "").split()
    return [*modules_to_preload(environment), *(each.partition(":")[0] for each in learned)]


def inherited() -> Surroundings:
    """Return what a child would inherit from this process, besides variables and directory."""
    return {
        "process": _inherited(),
        "resource limits": str([resource.getrlimit(each) for each in _LIMITS]),
        "cpu affinity": str(sorted(os.sched_getaffinity(0))),
        "priority": str(os.getpriority(os.PRIO_PROCESS, 0)),
        "user": str((os.getuid(), os.getgid(), sorted(os.getgroups()))),
    }


def installed(environment: Mapping[str, str]) -> Surroundings:
    """Return what there is of the surroundings on disk."""
    return {
        "installed packages": _stamps(map(Path, _site_folders(environment))),
        "metaflow config": _stamps([_metaflow_config(environment)]),
    }


def distributions() -> list[str]:
    """Return what is installed where packages are, each with its version.

    An image that is built anew gives its folders the same times as before.
    """
    found: list[str] = []
    for folder in _site_folders({}):
        with contextlib.suppress(OSError):
            found += [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    return sorted(found)


_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})


def mattering_variables(
    environment: Mapping[str, str], preloaded: bool | None = None
) -> dict[str, str]:
    """Return the variables that are read while Python and metaflow start."""
    prefixes: tuple[str, ...] = _MATTERING_PREFIXES
    if preloaded is None:
        preloaded = any(map(environment.get, (PRELOAD_VARIABLE, LEARNED_VARIABLE)))
    if preloaded:
        prefixes += NATIVE_PREFIXES
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
    for name in _PATHS:
        value = environment.get(name)
        if value and not all(map(_is_everywhere_the_same, value.split(os.pathsep))):
            return f"{name} holds a relative path, which depends on the directory"
    for name, what in _FOR_EACH_PROCESS.items():
        if environment.get(name):
            return f"{name} {what}"
    return None


def _is_everywhere_the_same(path: str) -> bool:
    return os.path.isabs(os.path.expanduser(path))


def task_cold_reason(
    command: Sequence[str],
    script: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    read: Collection[str] = (),
) -> str | None:
    """Tell why a command of Metaflow's runtime must not be a fork; None for a step task.

    Parameters
    ----------
    command : sequence of str
    script : str
        The flow file of the run, ``sys.argv[0]``.
    before, after : mapping of str to str
        The environment of the run, and of the command.
    read : collection of str
        Variables that have been read, beside those that always are, by imports.
    """
    if command[0] != EXECUTABLE:  # @conda, @pypi
        return f"the interpreter is {command[0]}"
    if command[1:2] != [script]:
        return "it does not run the flow file"
    if not _is_local_step(command):
        return "it is not a local step"
    return task_difference(before, after, read)


def _is_local_step(command: Sequence[str]) -> bool:
    """Return whether "step" or "spin-step" follows the top-level options at once.

    Remote decorators put a word of their own between ("kubernetes step ...").
    """
    place = next((place for place, word in enumerate(command) if word in STEP_COMMANDS), None)
    if place is None:
        return False
    *_, third, second, last = ("", "", *command[:place])
    if last in _REMOTE:
        return False
    an_option_ends = last.startswith("--") or second.startswith("--") or third == "--config-value"
    return an_option_ends or place == 2  # or there are none


def task_difference(
    before: Mapping[str, str], after: Mapping[str, str], read: Collection[str] = ()
) -> str | None:
    """Tell what a task's environment differs in from its run's, as far as it matters."""
    return difference(_mattering_for_task(before, read), _mattering_for_task(after, read))


def _mattering_for_task(environment: Mapping[str, str], read: Collection[str]) -> Surroundings:
    mattering = mattering_variables(environment, preloaded=True)
    return {
        f"${name}": value
        for name, value in environment.items()
        if (name in mattering or name in read) and not name.startswith(_SET_FOR_TASKS)
    }


def _site_folders(environment: Mapping[str, str]) -> list[str]:
    """Return where packages are installed: installing one changes the folder."""
    folders = [
        *site.getsitepackages(),
        site.getusersitepackages(),
        *environment.get("PYTHONPATH", "").split(os.pathsep),
        *environment.get("METAFLOW_EXTENSIONS_SEARCH_DIRS", "").split(os.pathsep),
    ]
    return [folder for folder in folders if folder]


def _metaflow_config(environment: Mapping[str, str]) -> Path:
    """Return the file that ``metaflow/metaflow_config_funcs.py`` would read."""
    own = environment.get("HOME") or os.path.expanduser("~")
    home = environment.get("METAFLOW_HOME", "~/.metaflowconfig")
    if home == "~" or home.startswith("~/"):
        home = own + home[1:]
    profile = environment.get("METAFLOW_PROFILE")
    return Path(os.path.expanduser(home)) / (f"config_{profile}.json" if profile else "config.json")


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


# As /proc/<pid>/status names what a process has of the one that started it.
_INHERITED = ("Umask", "SigBlk", "SigIgn", "Cap", "NoNewPrivs", "Seccomp", "Mems_allowed")


def _inherited() -> str:
    # os.umask() can only be read by setting it, which other threads would notice.
    with open("/proc/thread-self/status", encoding="ascii", errors="replace") as file:
        facts = [line.rstrip() for line in file if line.startswith(_INHERITED)]
    for name in ("cgroup", "oom_score_adj"):
        with open(f"/proc/self/{name}", encoding="utf-8", errors="replace") as file:
            facts.append(file.read())
    return "; ".join(facts)
