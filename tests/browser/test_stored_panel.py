"""The panel of a run that nbrunner did not start."""

from __future__ import annotations

import pytest
from support.branches import BRANCHES
from support.cells import LOAD

pytestmark = pytest.mark.slow

# Started by Metaflow's command line, and shown by its handle as the last expression.
ELSEWHERE = """\
import pathlib, subprocess, sys, time, nbrunner
told = pathlib.Path('told')
command = [sys.executable, 'branchflow.py', '--no-pylint', 'run', '--run-id-file', 'told']
quiet = subprocess.DEVNULL
process = subprocess.Popen([*command, '--go', 'go'], stdin=quiet, stdout=quiet, stderr=quiet)
while not told.exists() or not told.read_text(): time.sleep(0.02)
nbrunner.attach(f'BranchFlow/{told.read_text()}')
"""


def test_a_run_of_the_command_line_is_live_in_its_panel(lab, tmp_path):
    """E4: its graph, states, log and times are those of the run, while it continues."""
    (tmp_path / "branchflow.py").write_text(BRANCHES)
    lab.execute(0, LOAD)
    lab.execute(1, ELSEWHERE)
    panel = lab.panel()
    steps = panel.locator.get_by_role("list", name="Steps").get_by_role("listitem")
    lab.until(lambda: steps.count() == 7, "the whole graph")
    names = lambda: [each.get_attribute("aria-label") or "" for each in steps.all()]  # noqa: E731
    lab.until(lambda: any(each.startswith("train: 2 of 2 done") for each in names()), "the foreach")
    assert panel.status == "running"
    (tmp_path / "go").touch()
    panel.until_status("successful")
    log = panel.locator.get_by_role("log", name="Log")
    lab.until(lambda: "the end" in log.inner_text(), "the log")
    assert log.inner_text().index("begun") < log.inner_text().index("trains gbt")
    panel.locator.get_by_text("Timeline", exact=True).click()
    lab.until(lambda: panel.locator.get_by_text("train").count() > 1, "its bars")
    lab.execute(2, "process.wait()")
