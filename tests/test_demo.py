"""The demo, run like `make demo`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[1] / "notebooks" / "demo.py"


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("demo")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder),
    }
    (folder / "home").mkdir()
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    left = [each.name for each in folder.iterdir() if each.name != "home"]
    assert left == [], "the demo left files behind"
    return done.stdout.splitlines()


def test_the_first_run_is_followed_and_its_results_are_shown(lines):
    text = "\n".join(lines[: lines.index("A run that fails")])
    assert re.search(r"start/1 +1\d{3} films of the 2000s, \d+ genres", text)
    assert re.search(r"measure/\d+ +Drama: \d+ films", text)
    assert "MovieFlow/" in text and "successful; tasks: 7 done" in text
    assert re.search(r"\n  Comedy +\d{3} +\d+\.\d +\d+\.\d", text)


def test_the_failure_is_explained_by_the_users_own_line(lines):
    start = lines.index("A run that fails")
    text = "\n".join(lines[start : lines.index("The flow is fixed, the run resumed")])
    assert "failed; tasks: " in text
    assert re.search(r"movies\.py:\d+ +self\.spread = statistics\.stdev\(gross\)", text)
    assert "StatisticsError: " in text
    assert "Traceback" not in text


def test_the_resumed_run_clones_what_was_done_and_succeeds(lines):
    text = "\n".join(lines[lines.index("The flow is fixed, the run resumed") :])
    assert re.search(r"successful; tasks: \d+ done, [5-9] cloned", text)
    assert text.count(".0\n") >= 1 or text.endswith(".0"), "the spread of a single film is 0"


def test_without_a_terminal_nothing_is_coloured(lines):
    assert not any("\x1b" in line for line in lines)
