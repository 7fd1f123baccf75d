"""Draws of imports, and their effect on a warm interpreter: decisions, without a process."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from dataclasses import replace

import pytest

from nbrunner.launch.warm.eligibility import Imported, found_here, read_differently, stamp
from nbrunner.launch.warm.probe.draws import HARMLESS, KNOWN, RENEWED, Draw, kind_of_path, refusal
from nbrunner.launch.warm.probe.process_facts import ProcessFacts, changes, look
from nbrunner.launch.warm.probe.variables import VariablesRead

CLOCK = Draw("calls time.time()", "stats", "<module>")
PID = Draw("calls os.getpid()", "stats", "Session.__init__")


@pytest.mark.parametrize(
    ("draws", "reason"),
    [
        ([], None),
        (KNOWN, None),
        ([CLOCK], "while it is imported, stats calls time.time()"),
        ([CLOCK, *KNOWN], "while it is imported, stats calls time.time()"),
        ([PID, CLOCK], "while it is imported, stats calls os.getpid(), stats calls time.time()"),
        # Known for one function only.
        (
            [Draw("calls time.time()", "logging", "basicConfig")],
            "while it is imported, logging calls time.time()",
        ),
        (
            [Draw(f"calls {name}()", "m", "f") for name in "edcba"],
            "while it is imported, m calls a(), m calls b(), m calls c(), and 2 more",
        ),
    ],
)
def test_draws_that_nothing_renews_refuse_a_module(draws, reason):
    """A1: a module is preloaded only if all draws of its import are harmless or renewed."""
    assert refusal(draws) == reason


def test_each_known_draw_is_told_once():
    assert not RENEWED & HARMLESS


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "nothing"),
        ("<string>", "nothing"),
        (os.__file__, "nothing"),
        (f"{sys.prefix}/lib/python3/site-packages/faker/data.json", "nothing"),
        ("/dev/null", "nothing"),
        ("/proc/cpuinfo", "nothing"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "nothing"),
        ("/home/me/.config/library.toml", "file"),
        ("/etc/mime.types", "file"),
        ("matplotlibrc", "relative"),
        ("./conf/settings.ini", "relative"),
        ("/proc/stat", "draw"),
        ("/proc/self/status", "draw"),
        ("/dev/urandom", "draw"),
    ],
)
def test_what_it_means_to_read_a_path(path, kind):
    assert kind_of_path(path) == kind


BEFORE = ProcessFacts(
    cwd="/",
    collecting=True,
    path=("/lib", "/site"),
    environment=frozenset({"HOME"}),
    streams=(1, 2, 3),
    handlers={signal.SIGTERM: signal.SIG_DFL},
    descriptors=Counter({"/dev/null": 1}),
    threads=1,
    cpus=2,
    libraries=frozenset({"/lib/libc.so"}),
    settings={"the locale": "C"},
)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, []),
        ({"cwd": "/tmp"}, ["changes the current directory"]),
        ({"collecting": False}, ["turns the garbage collector off"]),
        ({"path": ("/lib", "/site", "/more")}, []),
        ({"path": ("/more", "/lib", "/site")}, ["changes sys.path other than at its end"]),
        ({"path": ("/lib",)}, ["changes sys.path other than at its end"]),
        ({"environment": frozenset()}, ["unsets $HOME"]),
        ({"environment": frozenset({"HOME", "NEW"})}, []),  # forks are given it
        ({"streams": (1, 9, 3)}, ["replaces sys.stdin, sys.stdout or sys.stderr"]),
        ({"handlers": {signal.SIGTERM: print}}, ["changes a signal handler"]),
        ({"descriptors": Counter({"/dev/null": 2})}, ["keeps open: /dev/null"]),
        ({"descriptors": Counter()}, []),
        ({"settings": {"the locale": "de"}}, ["changes the locale"]),
        ({"threads": 2}, ["starts a thread"]),
        ({"threads": 2, "libraries": frozenset({"/site/libopenblas64_.so"})}, []),
        ({"threads": 2, "libraries": frozenset({"/site/libmine.so"})}, ["starts a thread"]),
        ({"threads": 3, "libraries": frozenset({"/site/libopenblas.so"})}, ["starts a thread"]),
        ({"threads": 4, "cpus": 4, "libraries": frozenset({"/site/libopenblas.so"})}, []),
    ],
)
def test_what_an_import_leaves_changed(after, told):
    assert list(changes(BEFORE, replace(BEFORE, **after))) == told


def test_a_process_that_does_nothing_does_not_change():
    assert list(changes(look(), look())) == []


# -- the environment -----------------------------------------------------------------------

KNOWN_READER = ("fsspec.config", "set_conf_env")


@pytest.mark.parametrize(
    ("reader", "then", "now", "reason"),
    [
        (KNOWN_READER, {"TOKEN": "1"}, {"TOKEN": "2"}, None),
        (KNOWN_READER, {}, {"TOKEN": "2"}, None),
        (
            KNOWN_READER,
            {"FSSPEC_S3": "1"},
            {"FSSPEC_S3": "2"},
            "imports read another value of $FSSPEC_S3",
        ),
        (KNOWN_READER, {}, {"FSSPEC_S3_KEY": "2"}, "imports read another value of $FSSPEC_S3_KEY"),
        (KNOWN_READER, {"FSSPEC_S3_KEY": "2"}, {}, "imports read another value of $FSSPEC_S3_KEY"),
        (("own", "<module>"), {"TOKEN": "1"}, {"TOKEN": "1"}, None),
        (
            ("own", "<module>"),
            {"TOKEN": "1"},
            {"TOKEN": "2"},
            "imports read another value of $TOKEN",
        ),
        (("own", "<module>"), {}, {"NEW": "2"}, "imports read another value of $NEW"),
        (("own", "<module>"), {}, {"NBRUNNER_RUN_DIRECTORY": "/r"}, None),
    ],
)
def test_who_looks_through_the_whole_environment(reader, then, now, reason):
    """A9: a library that searches for variables with its prefix depends only on these."""
    read = VariablesRead()
    read.note_all(reader)
    for name in then:  # as it looks through their values too
        read.note(name, reader)
    assert read_differently(read, then, now) == reason


LOOKING = {
    "dict(os.environ)": "",
    "os.environ.copy()": "",
    "[name for name in os.environ]": "",
    "list(os.environ.items())": "",
    "sorted(os.environ.keys())": "",
    "{**os.environ}": "",
    "os.environ.get('ONE')": "ONE",
    "os.getenv('ONE')": "ONE",
    "'ONE' in os.environ": "ONE",
    "os.environ.setdefault('PATH', '')": "PATH",
}


@pytest.mark.parametrize("code", LOOKING)
def test_how_the_environment_is_read(code):
    read = VariablesRead()
    with read.noting():
        eval(code, {"os": os, "__name__": "own"})
    if LOOKING[code]:
        assert (read.names, read.prefixes) == ({LOOKING[code]}, set())
    else:
        assert "ANY_THAT_COMES_LATER" in read
    names = set(read.names)
    os.environ.get("READ_LATER")
    assert read.names == names


# -- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["content", "gone", "new", "name in a listed folder"])
def test_a_file_that_an_import_has_read_makes_it_outdated(change, tmp_path):
    """A1: a changed file makes an interpreter that has read it outdated."""
    path = tmp_path / "settings.ini"
    if change != "new":
        path.write_text("a = 1\n")
    watched = f"{tmp_path}/" if "folder" in change else str(path)
    imported = Imported(files={watched: stamp(watched)})
    assert imported.outdated() is None
    if change == "gone":
        path.unlink()
    elif "folder" in change:
        (tmp_path / "more.ini").touch()
        os.utime(tmp_path, ns=(1, 1))  # a coarse file system clock may not have advanced
    else:
        path.write_text("a = 10\n")
    assert watched in imported.outdated()


def test_a_folder_that_was_only_looked_for_may_fill(tmp_path):
    imported = Imported(files={str(tmp_path): stamp(str(tmp_path))})
    (tmp_path / "new").touch()
    os.utime(tmp_path, ns=(1, 1))
    assert imported.outdated() is None


def test_a_name_that_an_import_has_looked_for_in_its_directory(tmp_path):
    imported = Imported(files={"matplotlibrc": stamp("/nowhere/matplotlibrc")})
    assert imported.outdated() is None
    assert found_here(imported.files, str(tmp_path)) is None
    (tmp_path / "matplotlibrc").touch()
    assert str(tmp_path / "matplotlibrc") in found_here(imported.files, str(tmp_path))
