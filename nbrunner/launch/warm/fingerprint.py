"""The surroundings of a process that matter for a warm start, and their comparison.

A warm run is forked from an interpreter that was started earlier. It is exact only if everything
that Python and ``import metaflow`` read or inherit when they start is the same then and now. The
rest (other variables, the current directory) is set in the fork.
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
    {
        "LANG",
        "LANGUAGE",
        "HOME",
        "TZ",
        "TZDIR",
        "DISABLE_TRACING",
        "CONDA_PREFIX",
        "APPENGINE_RUNTIME",
    }
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

# A relative path in these would depend on the directory that the interpreter starts in.
_PATHS = (
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONPYCACHEPREFIX",
    "METAFLOW_HOME",
    "METAFLOW_EXTENSIONS_SEARCH_DIRS",
)

# These take effect when an interpreter starts or ends.
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

# Read before a flow can change it.
EXECUTABLE = sys.executable

PRELOAD_VARIABLE = "NBRUNNER_PRELOAD"

# Only for the warm interpreter: the modules that its flows import at their top.
LEARNED_VARIABLE = "NBRUNNER_LEARNED"

Surroundings = dict[str, str]


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """Return the surroundings of a process that would start now with this environment.

    Returns
    -------
    dict of str to str
        Name for messages -> value; compare with `difference`.
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
    """Return the surroundings that a child inherits, except variables and current directory."""
    return {
        "process": _inherited(),
        "resource limits": str([resource.getrlimit(each) for each in _LIMITS]),
        "cpu affinity": str(sorted(os.sched_getaffinity(0))),
        "priority": str(os.getpriority(os.PRIO_PROCESS, 0)),
        "user": str((os.getuid(), os.getgid(), sorted(os.getgroups()))),
    }


def installed(environment: Mapping[str, str]) -> Surroundings:
    """Return the part of the surroundings that is on disk."""
    folders = [*map(Path, _site_folders(environment))]
    return {
        "installed packages": _stamps([*folders, *_path_files(folders)]),
        "metaflow config": _stamps([_metaflow_config(environment)]),
        # A link to the file of a zone; the C library reads it once in a process.
        "time zone": _stamps([Path(os.path.realpath(_LOCAL_TIME))]),
    }


def distributions() -> list[str]:
    """Return the installed distributions with their versions, sorted.

    They are compared besides the times of folders, which may be the same in a rebuilt image.
    """
    found: list[str] = []
    for folder in _site_folders({}):
        with contextlib.suppress(OSError):
            found += [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    return sorted(found)


_LOCAL_TIME = "/etc/localtime"

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
    """Return which surroundings differ, as a reason for a cold start; None if they are equal."""
    differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if not differing:
        return None
    return f"{', '.join(differing)} differ{'s' if len(differing) == 1 else ''}"


def never_warm(environment: Mapping[str, str]) -> str | None:
    """Return why no warm interpreter can be exact in this environment; None if one can."""
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
    """Return why a command of Metaflow's runtime must not be a fork; None if it may be one.

    Parameters
    ----------
    command : sequence of str
        The arguments of the process, its program first.
    script : str
        The flow file of the run, ``sys.argv[0]``.
    before, after : mapping of str to str
        The environments of the run and of the command.
    read : collection of str
        Variables that imports have read, in addition to those that are always read.
    """
    if command[0] != EXECUTABLE:  # @conda, @pypi
        return f"the interpreter is {command[0]}"
    if command[1:2] != [script]:
        return "it does not run the flow file"
    if not _is_local_step(command):
        return "it is not a local step"
    return task_difference(before, after, read)


def _is_local_step(command: Sequence[str]) -> bool:
    """Return whether "step" or "spin-step" directly follows the top-level options.

    Remote decorators insert a word of their own ("kubernetes step ...").
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
    """Return which variables that matter differ between a run and its task; None if equal."""
    return difference(_mattering_for_task(before, read), _mattering_for_task(after, read))


def _mattering_for_task(environment: Mapping[str, str], read: Collection[str]) -> Surroundings:
    mattering = mattering_variables(environment, preloaded=True)
    return {
        f"${name}": value
        for name, value in environment.items()
        if (name in mattering or name in read) and not name.startswith(_SET_FOR_TASKS)
    }


def _site_folders(environment: Mapping[str, str]) -> list[str]:
    """Return the folders of installed packages; installing one changes the folder's time."""
    folders = [
        *site.getsitepackages(),
        site.getusersitepackages(),
        *environment.get("PYTHONPATH", "").split(os.pathsep),
        *environment.get("METAFLOW_EXTENSIONS_SEARCH_DIRS", "").split(os.pathsep),
    ]
    return [folder for folder in folders if folder]


def _path_files(folders: Iterable[Path]) -> list[Path]:
    """Return the .pth files in folders: editing one changes what is imported, not the folder."""
    found: list[Path] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            names = [name for name in os.listdir(folder) if name.endswith(".pth")]
            found += [folder / name for name in sorted(names)]
    return found


def _metaflow_config(environment: Mapping[str, str]) -> Path:
    """Return the configuration file that ``metaflow/metaflow_config_funcs.py`` would read."""
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


# The names, in /proc/<pid>/status, of what a process inherits from its parent.
_INHERITED = ("Umask", "SigBlk", "SigIgn", "Cap", "NoNewPrivs", "Seccomp", "Mems_allowed")


def _inherited() -> str:
    # os.umask() can only be read by setting it, which would affect other threads.
    with open("/proc/thread-self/status", encoding="ascii", errors="replace") as file:
        facts = [line.rstrip() for line in file if line.startswith(_INHERITED)]
    for name in ("cgroup", "oom_score_adj"):
        with open(f"/proc/self/{name}", encoding="utf-8", errors="replace") as file:
            facts.append(file.read())
    return "; ".join(facts)
