"""The thread that packages code is started late; the package is the same in the end."""

from __future__ import annotations

import re
import threading
import types

import pytest
from support.both_ways import both_ways

from nbrunner.launch.warm import packaging

FLOW = """\
import atexit, hashlib, sys, time
from metaflow import FlowSpec, step
{top}
class PackedFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        {end}

if __name__ == '__main__':
    PackedFlow()
"""

ASKED_AT_THE_END = """
def ask():
    from metaflow.system_context import system_context
    print('package', hashlib.sha256(system_context.package.blob).hexdigest())

if 'run' in sys.argv:
    atexit.register(ask)
"""

# name: (top of the flow file, what the last step does)
CASES = {
    "asked for at the end of a short run": (ASKED_AT_THE_END, "pass"),
    "asked for at the end of a longer run": (ASKED_AT_THE_END, "time.sleep(2.5)"),
}


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_package(case, write_flow, monkeypatch):
    top, end = CASES[case]
    flow = write_flow("packedflow", FLOW.format(top=top, end=end))
    flow.with_name("beside.py").write_text("x = 1\n")
    cold, warm = both_ways(flow, monkeypatch)
    found = [re.findall(r"package (\w{64})", each.stdout) for each in (cold, warm)]
    assert found[0] == found[1]
    assert len(found[0]) == 1


@pytest.mark.slow
@pytest.mark.once
def test_a_file_that_cannot_be_packaged_is_in_the_log(write_flow, monkeypatch):
    flow = write_flow("packedflow", FLOW.format(top="", end="time.sleep(1)"))
    flow.with_name("broken.py").symlink_to("nowhere")
    for outcome in both_ways(flow, monkeypatch):
        assert "Package creation/upload failed for PackedFlow" in outcome.stdout + outcome.stderr


class _Base:
    """Stands for Metaflow's base class of decorators."""

    package_init_ctx = None

    def package_init(self, flow, step_name, environment): ...

    def add_to_package(self):
        return []


for _method in (_Base.package_init, _Base.add_to_package):
    _method.__module__ = "metaflow.decorators"


class _Adding(_Base):
    def add_to_package(self):
        return []


class _Initial(_Base):
    def package_init(self, flow, step_name, environment): ...


class _Flow:
    def __init__(self):
        self.step = types.SimpleNamespace(decorators=[_Base()], config_decorators=[])
        self._flow_decorators = {"schedule": [_Base()]}
        self._flow_mutators = []

    def __iter__(self):
        return iter([self.step])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a flow's folder with nothing special."""
    import metaflow.package
    from metaflow.metaflow_environment import MetaflowEnvironment

    assert metaflow.package.threading is threading
    monkeypatch.setattr("sys.argv", [str(tmp_path / "flow.py")])
    monkeypatch.setattr(packaging, "_MOST_FILES", 5)
    for name in [each for each in packaging.os.environ if each.startswith("METAFLOW_DEBUG")]:
        monkeypatch.delenv(name)
    (tmp_path / "flow.py").touch()
    content = types.SimpleNamespace(
        _modules={}, _files={}, _other_files={}, _other_content={}, _cached_metaflow_files=[]
    )
    return types.SimpleNamespace(
        _flow=_Flow(),
        _environment=MetaflowEnvironment(None),
        _flow_datastore=None,
        _mfcontent=content,
        _user_code_filter=lambda name: name.endswith(".py"),
        _exclude_tl_dirs=[],
    )


def _many_files(package, folder):
    for number in range(6):
        (folder / f"{number}.txt").touch()


def _a_pipe(package, folder):
    packaging.os.mkfifo(folder / "pipe.py")


def _a_broken_link(package, folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "broken.py").symlink_to("nowhere")


def _set(name, value):
    def change(package, _folder):
        *path, last = name.split(".")
        found = package
        for each in path:
            found = getattr(found, each)
        setattr(found, last, value)

    return change


MORE = {
    "it is uploaded": _set("_flow_datastore", object()),
    "another environment": _set("_environment", types.SimpleNamespace()),
    "a mutator": _set("_flow._flow_mutators", [object()]),
    "a mutator of a step": _set("_flow.step.config_decorators", [object()]),
    "a decorator that adds files": _set("_flow.step.decorators", [_Base(), _Adding()]),
    "a flow decorator that adds files": _set("_flow._flow_decorators", {"a": [_Adding()]}),
    "a decorator with a hook": _set("_flow.step.decorators", [_Initial()]),
    "modules of the user's": _set("_mfcontent._modules", {"mine": object()}),
    "a file of metaflow that is gone": _set("_mfcontent._cached_metaflow_files", [("/gone", "x")]),
    "many files": _many_files,
    "a pipe": _a_pipe,
    "a broken link": _a_broken_link,
    "a version without that": lambda package, _folder: delattr(package, "_mfcontent"),
}


def test_a_package_of_files_alone_may_wait(package, tmp_path):
    (tmp_path / "other.py").touch()
    (tmp_path / "broken.txt").symlink_to("nowhere")  # not packaged
    assert packaging.reads_files_only(package)


@pytest.mark.parametrize("more", MORE)
def test_what_does_more_than_read_files_is_done_at_once(package, tmp_path, more):
    MORE[more](package, tmp_path)
    assert not packaging.reads_files_only(package)


def test_debugging_messages_come_at_once(package, monkeypatch):
    monkeypatch.setenv("METAFLOW_DEBUG_PACKAGE", "1")
    assert not packaging.reads_files_only(package)


@pytest.fixture
def late(package, monkeypatch):
    """Return a thread that waits, and the list of what it does."""
    done = []
    package.make = types.MethodType(lambda _self: done.append(threading.get_ident()), package)
    thread = packaging.LateThread(package.make, daemon=True)
    thread.start()
    assert (done, thread.is_alive()) == ([], False)
    yield thread, done
    assert packaging._late == []


def test_it_is_started_when_somebody_waits_for_it(late):
    thread, done = late
    thread.join()
    thread.join(0.1)
    assert len(done) == 1
    assert done != [threading.get_ident()]


def test_it_is_started_when_it_is_due(late, monkeypatch):
    thread, done = late
    packaging.start_if_due()
    assert done == []
    monkeypatch.setattr(thread, "due", 0.0)
    packaging.start_if_due()
    thread.join()
    assert len(done) == 1


def test_it_does_it_here_where_no_thread_can_be_started(late, monkeypatch):
    thread, done = late

    def refuse(_self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    thread.join()
    assert done == [threading.get_ident()]


def test_another_metaflow_is_left_alone(monkeypatch):
    import metaflow.package

    other = types.SimpleNamespace(Thread=object)
    monkeypatch.setattr(metaflow.package, "threading", other)
    packaging.package_late()
    assert metaflow.package.threading is other
