"""Errors in a notebook: short, with the caller's line and advice."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

# Lines of a cell's output, the frame of the caller included.
MOST_LINES = 12


@pytest.fixture
def prepared(kernel, write_flow):
    write_flow("slowflow")
    kernel.execute(
        "import nbrunner\nfrom nbrunner import Runner, attach, describe, sweep"
    ).checked()
    return kernel


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("Runner('slowflow.py').run(secnds=1)", "BadValueError", "did you mean 'seconds'"),
        ("await Runner('slowflow.py').async_run(seconds='x')", "BadTypeError", "expected an int"),
        ("Runner('none.py')", "FlowNotFoundError", "no flow file at 'none.py'"),
        ("attach('SlowFlow/1')", "RunNotFoundError", "SlowFlow/1"),
        ("describe('none.py')", "FlowNotFoundError", "no flow file"),
        ("sweep(Runner('slowflow.py'), {'secnds': [1]})", "BadValueError", "secnds"),
    ],
)
def test_an_error_is_short_and_names_the_callers_line(prepared, line, error, message):
    """C8: an error of nbrunner takes at most 12 lines in a cell, without nbrunner's frames."""
    cell = prepared.execute(f"1 + 1\n{line}")
    shown = cell.traceback.splitlines()
    assert cell.error == error
    assert len(shown) <= MOST_LINES
    assert shown[0].startswith("Cell In[") and shown[0].endswith("line 2")
    assert line in shown[1]
    assert message in "\n".join(shown[2:])


def test_a_helper_of_the_caller_is_named_too(prepared):
    """C8: the last two of the caller's frames are shown."""
    prepared.execute("def start(**given):\n    return Runner('slowflow.py').run(**given)").checked()
    shown = prepared.execute("start(secnds=1)").traceback.splitlines()
    assert [line.strip() for line in shown[1:4:2]] == [
        "start(secnds=1)",
        "return Runner('slowflow.py').run(**given)",
    ]


def test_the_debugger_still_sees_every_frame(prepared):
    """C8: the hidden frames are not lost."""
    prepared.execute("Runner('slowflow.py').run(secnds=1)")
    cell = prepared.execute(
        "import sys, traceback\n"
        "any('build_argv.py' in each.filename for each in traceback.extract_tb(sys.last_traceback))"
    )
    assert cell.checked().result == "True"


def test_an_error_of_the_callers_own_is_shown_as_ever(prepared):
    """C8: other exceptions keep IPython's traceback."""
    assert "ZeroDivisionError" in prepared.execute("1 / 0").traceback
    assert "-> 1 1 / 0" in prepared.execute("1 / 0").traceback


@pytest.mark.parametrize(
    "waiting", ["await running", "async for _ in running.stream_log('stderr'): pass"]
)
def test_an_interrupted_wait_is_one_line(prepared, waiting):
    """C8: an interrupt shows one line, about the future of the run."""
    prepared.execute(
        "running = await Runner('slowflow.py', pylint=False).async_run(seconds=60)"
    ).checked()
    cell = prepared.execute(
        f"print('go', flush=True)\n{waiting}", interrupt_when=lambda shown: shown.stdout
    )
    pathspec = prepared.execute("running.pathspec").checked().result.strip("'")
    said = f"CancelledError: no longer waiting; {pathspec} continues"
    assert cell.traceback.splitlines() == [said]
    prepared.execute("running.stop()").checked()


def test_an_interrupted_blocking_run_is_one_line(prepared):
    """C8: the same for a run that ends with its cell."""
    cell = prepared.execute(
        "Runner('slowflow.py', pylint=False).run(seconds=300)",
        interrupt_when=lambda shown: "seconds passed" in shown.stdout,
    )
    assert cell.traceback.splitlines() == ["KeyboardInterrupt: the run has been stopped"]
