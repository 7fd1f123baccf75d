"""The conditions of a warm start, one by one, without a run."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import ModuleType

import pytest
from support.scripts import run_script

from nbrunner.launch.warm import fingerprint
from nbrunner.launch.warm.eligibility import (
    Imported,
    local_config,
    own_customization,
    read_differently,
)
from nbrunner.launch.warm.fingerprint import (
    difference,
    mattering_variables,
    never_warm,
    surroundings,
    task_cold_reason,
)
from nbrunner.launch.warm.shadowing import shadowed

pytestmark = pytest.mark.once

BASE = {"PATH": "/bin", "HOME": "/home/me", "LANG": "C.UTF-8", "METAFLOW_PROFILE": "dev"}

# -- checks of the owner of a warm interpreter ---------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONWARNINGS",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "METAFLOW_DATASTORE_SYSROOT_S3",
        "METAFLOW_DEFAULT_METADATA",
        "METAFLOW_HOME",
        "METAFLOW_PROFILE",
        "MALLOC_ARENA_MAX",
        "LC_ALL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "HOME",
        "OPENSSL_CONF",
        "GLIBC_TUNABLES",
        "CONDA_PREFIX",
        "GIT_DIR",
    ],
)
@pytest.mark.parametrize("change", ["set", "unset"])
def test_a_variable_that_matters_makes_another_interpreter(name, change):
    given = BASE | {name: "/other"}
    without = {key: value for key, value in BASE.items() if key != name}
    then, now = (without, given) if change == "set" else (given, without)
    assert f"${name}" in difference(surroundings(then), surroundings(now))


@pytest.mark.parametrize(
    "name", ["PATH", "USER", "MY_OWN", "AWS_PROFILE", "OMP_NUM_THREADS", "JPY_PARENT_PID"]
)
def test_a_variable_that_is_read_later_does_not(name):
    assert difference(surroundings(BASE), surroundings(BASE | {name: "other"})) is None


def test_a_variable_of_a_library_matters_if_it_is_preloaded():
    preloading = BASE | {"NBRUNNER_PRELOAD": "numpy"}
    assert "OMP_NUM_THREADS" in mattering_variables(preloading | {"OMP_NUM_THREADS": "1"})
    assert (
        difference(surroundings(preloading), surroundings(preloading | {"OMP_NUM_THREADS": "1"}))
        == "$OMP_NUM_THREADS differs"
    )
    assert difference(surroundings(BASE), surroundings(preloading)) == "preload differs"


def test_several_differences_are_all_named():
    now = surroundings(BASE | {"LC_ALL": "C", "TZ": "UTC"})
    assert difference(surroundings(BASE), now) == "$LC_ALL, $TZ differ"


def test_a_machine_in_another_time_zone_makes_another_interpreter(tmp_path, monkeypatch):
    """A8: a process reads the machine's zone once, as it starts."""
    link = tmp_path / "localtime"
    monkeypatch.setattr(fingerprint, "_LOCAL_TIME", str(link))
    then = surroundings(BASE)
    for zone in ("Berlin", "Tokyo"):
        (tmp_path / zone).write_text("alike")
        os.utime(tmp_path / zone, ns=(1, 1))
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / zone)
        assert difference(then, surroundings(BASE)) == "time zone differs"
        then = surroundings(BASE)
        assert difference(then, surroundings(BASE)) is None
    assert difference(then, surroundings(BASE | {"TZDIR": "/zones"})) == "$TZDIR differs"


def test_a_path_file_that_is_edited_makes_another_interpreter(tmp_path):
    """A9: a line more in a .pth file changes sys.path, and not the folder of the file."""
    environment = BASE | {"PYTHONPATH": str(tmp_path)}
    file = tmp_path / "projects.pth"
    file.write_text("/one\n")
    then = surroundings(environment)
    assert difference(then, surroundings(environment)) is None
    file.write_text("/one\n/two\n")
    assert difference(then, surroundings(environment)) == "installed packages differs"


@pytest.mark.parametrize("name", ["PYTHONPATH", "METAFLOW_EXTENSIONS_SEARCH_DIRS"])
def test_a_package_installed_meanwhile_makes_another_interpreter(name, tmp_path):
    environment = BASE | {name: str(tmp_path)}
    then = surroundings(environment)
    (tmp_path / "new_package.py").touch()
    os.utime(tmp_path, ns=(1, 1))  # a coarse file system clock may not have advanced
    assert difference(then, surroundings(environment)) == "installed packages differs"


@pytest.mark.parametrize(
    ("variables", "file"),
    [
        ({"METAFLOW_HOME": "{home}", "METAFLOW_PROFILE": ""}, "config.json"),
        ({"METAFLOW_HOME": "{home}", "METAFLOW_PROFILE": "prod"}, "config_prod.json"),
        ({"METAFLOW_HOME": "~", "HOME": "{home}", "METAFLOW_PROFILE": ""}, "config.json"),
        ({"HOME": "{home}", "METAFLOW_PROFILE": ""}, ".metaflowconfig/config.json"),
    ],
)
def test_another_metaflow_configuration_makes_another_interpreter(variables, file, tmp_path):
    environment = BASE | {key: value.format(home=tmp_path) for key, value in variables.items()}
    (tmp_path / ".metaflowconfig").mkdir()
    then = surroundings(environment)
    (tmp_path / "config_other.json").write_text("{}")
    assert difference(then, surroundings(environment)) is None
    (tmp_path / file).write_text("{}")
    assert difference(then, surroundings(environment)) == "metaflow config differs"


HANDING_DOWN = """\
import os, resource, signal
from nbrunner.launch.warm.fingerprint import difference, surroundings
then = surroundings({{}})
{code}
print(difference(then, surroundings({{}})))
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("os.umask(0o27)", "process differs"),
        ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "process differs"),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])", "process differs"),
        ("open('/proc/self/oom_score_adj', 'w').write('999')", "process differs"),
        ("os.nice(1)", "priority differs"),
        ("resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))", "resource limits differs"),
        ("os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])", "cpu affinity differs"),
        ("os.chdir('/')", "None"),
        ("os.environ['SET_LATER'] = '1'", "None"),
    ],
)
def test_what_a_process_hands_down_makes_another_interpreter(code, found, tmp_path):
    if "affinity" in code and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one CPU cannot be narrowed down further")
    assert run_script(tmp_path, HANDING_DOWN.format(code=code)) == [found]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, None),
        ({"PYTHONPATH": "/a:/b"}, None),
        ({"PYTHONPATH": ""}, None),
        ({"PYTHONPATH": "a:/b"}, "PYTHONPATH holds a relative path"),
        ({"PYTHONPATH": "/a:"}, "PYTHONPATH holds a relative path"),
        ({"PYTHONPYCACHEPREFIX": "cache"}, "PYTHONPYCACHEPREFIX holds a relative path"),
        ({"METAFLOW_HOME": "config"}, "METAFLOW_HOME holds a relative path"),
        ({"METAFLOW_HOME": "~/config"}, None),
        ({"PYTHONINSPECT": "1"}, "PYTHONINSPECT asks for a prompt"),
        ({"PYTHONVERBOSE": "1"}, "PYTHONVERBOSE asks for a line with each import"),
        ({"COVERAGE_PROCESS_START": "/c"}, "COVERAGE_PROCESS_START asks each process"),
    ],
)
def test_what_no_warm_interpreter_can_do(variables, reason):
    found = never_warm(BASE | variables)
    assert found is None if reason is None else found.startswith(reason)


# -- checks of the warm interpreter --------------------------------------------------------


@pytest.mark.parametrize(
    ("beside", "counts"),
    [
        ("click.py", True),
        ("json.pyc", True),
        ("numpy.so", True),
        ("requests/__init__.py", True),
        ("metaflow_extensions/anything.py", True),
        ("click/data.csv", False),  # does not shadow a module of its name
        ("json.old.py", False),
        ("json.txt", False),
        ("flow.py", False),
        ("queue.py", True),  # even if it is the flow itself
        ("helper.py", False),
    ],
)
def test_what_stands_beside_the_flow(beside, counts, tmp_path):
    (tmp_path / "flow.py").touch()
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).touch()
    loaded = {"click", "json", "numpy", "queue", "requests"}
    found = shadowed(str(tmp_path), loaded)
    assert (found is not None and str(tmp_path / beside.split("/")[0]) in found) == counts


def test_a_link_beside_the_flow_that_leads_nowhere_does_not_count(tmp_path):
    (tmp_path / "json").symlink_to("json")  # a circular link
    (tmp_path / "click").symlink_to("gone")
    assert shadowed(str(tmp_path), {"click", "json"}) is None


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([], None),
        ([".metaflow/"], None),
        ([".metaflow/config.json"], ".metaflow/config.json applies to some directories only"),
        (["deep/.metaflow/", ".metaflow/config.json"], None),  # the nearest counts
        (["deep/.metaflow/config.json"], "deep/.metaflow/config.json applies to some"),
    ],
)
def test_a_metaflow_configuration_of_a_directory(made, reason, tmp_path):
    for name in made:
        path = tmp_path / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text("{}")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    found = local_config(str(tmp_path / "deep" / "er"), "/")
    assert found is None if reason is None else reason in found
    assert local_config("/", str(tmp_path / "deep" / "er")) == found


@pytest.mark.parametrize(
    ("names", "then", "now", "reason"),
    [
        ([], {"A": "1"}, {}, None),
        (["A"], {"A": "1"}, {"A": "1"}, None),
        (["A"], {"A": "1"}, {"A": "2"}, "imports read another value of $A"),
        (["A", "B"], {}, {"A": "", "B": ""}, "imports read another value of $A, $B"),
        (["NBRUNNER_RUN_DIRECTORY"], {}, {"NBRUNNER_RUN_DIRECTORY": "/r"}, None),
    ],
)
def test_variables_that_an_import_has_read(names, then, now, reason):
    assert read_differently(names, then, now) == reason


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (None, None),
        ("{library}/sitecustomize.py", None),  # a distribution's
        ("{packages}/sitecustomize.py", "may behave differently in each process"),
    ],
)
def test_start_up_files(file, reason):
    paths = sysconfig.get_paths()
    module = ModuleType("sitecustomize")
    if file:
        module.__file__ = file.format(library=paths["stdlib"], packages=paths["purelib"])
    found = own_customization({"sitecustomize": module} if file else {})
    assert found is None if reason is None else found.endswith(reason)


def test_own_files_that_have_changed(tmp_path):
    file = tmp_path / "preloaded.py"
    file.write_text("x = 1\n")
    imported = Imported(sources={str(file): file.stat().st_mtime_ns})
    assert imported.outdated() is None
    file.write_text("x = 2\n")
    os.utime(file, ns=(1, 1))  # a coarse file system clock may not have advanced
    assert str(file) in imported.outdated()
    file.unlink()
    assert str(file) in imported.outdated()


READING = """\
import importlib
from nbrunner.launch.warm.eligibility import IMPORTED
from nbrunner.launch.warm.fingerprint import mattering_variables
from nbrunner.launch.metaflow_seam import PRELOADED
with IMPORTED.noting_imports():
    for name in PRELOADED:
        importlib.import_module(name)
assert not IMPORTED.read.prefixes, "metaflow looks through the whole environment"
read = dict.fromkeys(IMPORTED.read, "")
assert "METAFLOW_PROFILE" in read
print(*sorted(read.keys() - mattering_variables(read).keys()))
"""


@pytest.mark.slow
def test_what_metaflow_reads_while_it_is_imported_is_compared(tmp_path):
    (rest,) = run_script(tmp_path, READING)
    # These are compared too, if only by the warm interpreter itself.
    assert set(rest.split()) <= {"TEST_S3_RETRY", "_PYTHON_PROJECT_BASE"}


# -- tasks ---------------------------------------------------------------------------------

FLOW = "/f/flow.py"
STEP = [sys.executable, FLOW, "--quiet", "--metadata", "local", "step", "start", "--run-id", "1"]
CONFIGURED = [sys.executable, FLOW, "--config-value", "c", "kv.c", "step", "start"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (STEP, None),
        (CONFIGURED, None),
        ([sys.executable, FLOW, "--quiet", "step", "start"], None),
        ([sys.executable, FLOW, "step", "start"], None),
        (["/conda/envs/x/bin/python", *STEP[1:]], "the interpreter is /conda/envs/x/bin/python"),
        ([sys.executable, "-m", "mpi", *STEP[1:]], "it does not run the flow file"),
        (["bash", "-c", "step"], "the interpreter is bash"),
        ([*STEP[:5], "kubernetes", *STEP[5:]], "it is not a local step"),
        ([*STEP[:5], "batch", *STEP[5:]], "it is not a local step"),
        ([*STEP[:5], "an_extension", *STEP[5:]], "it is not a local step"),
        ([*STEP[:3], "kubernetes", *STEP[5:]], "it is not a local step"),
        ([*CONFIGURED[:5], "slurm", *CONFIGURED[5:]], "it is not a local step"),
        ([*STEP[:5], "card", "create"], "it is not a local step"),
    ],
)
def test_which_commands_are_forked(command, reason):
    assert task_cold_reason(command, FLOW, BASE, BASE) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        # Metaflow's runtime sets these for every task.
        ({"METAFLOW_RUN_ID": "1", "PYTHONUNBUFFERED": "x"}, None),
        ({"METAFLOW_RUNTIME_ENVIRONMENT": "local"}, None),
        ({"METAFLOW_CODE_SHA": "1", "METAFLOW_CODE_URL": "s3://"}, None),
        ({"MY_OWN": "1", "AWS_PROFILE": "x"}, None),
        # @environment(vars=...) may set anything.
        ({"PYTHONPATH": "/env"}, "$PYTHONPATH differs"),
        ({"LD_LIBRARY_PATH": "/env/lib"}, "$LD_LIBRARY_PATH differs"),
        ({"METAFLOW_DEFAULT_DATASTORE": "s3"}, "$METAFLOW_DEFAULT_DATASTORE differs"),
        ({"OMP_NUM_THREADS": "1"}, "$OMP_NUM_THREADS differs"),
        ({"TZ": "UTC"}, "$TZ differs"),
        ({"READ": "1"}, "$READ differs"),
    ],
)
def test_with_which_environment_tasks_are_forked(changes, reason):
    assert task_cold_reason(STEP, FLOW, BASE, BASE | changes, read={"READ"}) == reason
