"""Front ends without widgets: plain lines, and a line about the end of the run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pexpect
import pytest
from support.flows import SLOWFLOW
from support.kernels import execute_notebook

pytestmark = [pytest.mark.slow, pytest.mark.once]

WIDGET = "application/vnd.jupyter.widget-view+json"
RUN = "%flowrun slowflow.py --no-pylint run --seconds 0"


@pytest.fixture
def flow(write_flow) -> Path:
    return write_flow("slowflow.py", SLOWFLOW)


def test_a_front_end_that_names_no_cell_gets_lines_and_the_end(kernel, flow, write_flow):
    """E3: a console shows a run line by line, and how it ended."""
    shown = kernel.execute(RUN, console=True).checked()
    assert WIDGET not in shown.mime_types
    assert "] Task is starting.\n" in shown.stdout
    assert "Done!\n" in shown.stdout
    assert "  successful  " in shown.stdout.rpartition("Done!")[2]
    write_flow("failflow")
    failed = kernel.execute("%flowrun failflow.py --no-pylint", console=True)
    assert failed.error == "FlowFailedError"
    assert "  failed  " in failed.stdout


def test_past_runs_are_read_before_they_are_shown_in_a_console(kernel, flow):
    """E3: the table of past runs is complete in a console, and in the text of a panel."""
    assert "no runs" in kernel.execute("%flowruns SlowFlow", console=True).checked().stdout
    kernel.execute(RUN, console=True).checked()
    name = kernel.execute("running.pathspec").checked().result.strip("'")
    shown = kernel.execute("%flowruns SlowFlow", console=True).checked()
    assert name in shown.stdout
    assert WIDGET not in shown.mime_types
    panel = kernel.execute("%flowruns SlowFlow").checked()
    assert WIDGET in panel.mime_types
    assert "no runs" not in panel.result


def test_a_handle_a_form_and_a_sweep_in_a_console(kernel, flow):
    """E3: other panels are text in a console too."""
    kernel.execute(RUN, console=True).checked()
    for code in (
        "running",
        "%flowrun",
        "%flowform slowflow.py",
        "import nbrunner; nbrunner.sweep(running.runner, {'seconds': [0]})",
    ):
        shown = kernel.execute(code, console=True).checked()
        assert WIDGET not in shown.mime_types, code
        assert (shown.stdout + shown.result).strip(), code
    doctor = kernel.execute("%flowrun --doctor", console=True).checked()
    assert "a front end without widgets: plain lines" in doctor.stdout


def test_a_front_end_that_has_sent_something_to_a_widget_has_widgets(kernel, flow):
    """E3: a front end without cell ids gets panels after it has sent a message to a widget."""
    code = (
        f"{RUN}\nfrom nbrunner.jupyter.panels.run_panel import RunPanel\npanel = RunPanel(running)"
    )
    assert WIDGET not in kernel.execute(code, console=True).checked().mime_types
    model = kernel.execute("panel.log_view.model_id", console=True).checked().result.strip("'")
    session, channel = kernel.client.session, kernel.client.shell_channel
    content = {"comm_id": model, "data": {"method": "request_state"}}
    channel.send(session.msg("comm_msg", content))
    assert WIDGET in kernel.execute(RUN, console=True).checked().mime_types
    kernel.execute("panel.close()").checked()


def existing(kernel) -> list[str]:
    """Return the options by which another front end connects to a running kernel."""
    return ["--existing", kernel.manager.connection_file]


CELL = f"%load_ext nbrunner\n{RUN}\n%flowruns SlowFlow\n"


# It allows a cell ten seconds, which is short on a busy machine.
JUPYTER_RUN = """\
from jupyter_client import runapp
runapp.OUTPUT_TIMEOUT = 120
runapp.main()
"""


def test_jupyter_run(kernel, flow, tmp_path):
    """E3: ``jupyter run`` prints the lines of the run, its end, and the table of past runs."""
    (tmp_path / "script.ipy").write_text(CELL)
    done = subprocess.run(
        [sys.executable, "-c", JUPYTER_RUN, "script.ipy", *existing(kernel)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    check(done.stdout)


def check(shown):
    assert "] Task is starting." in shown
    assert "Done!" in shown
    assert "  successful  " in shown
    assert "running  " not in shown.rpartition("Done!")[2]
    assert "Runs of SlowFlow" in shown
    assert "no runs" not in shown


def test_jupyter_console(kernel, flow, tmp_path):
    """E3: jupyter console prints the lines of the run, its end, and the table of past runs."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--simple-prompt", *existing(kernel)],
        cwd=str(tmp_path),
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "IPYTHONDIR": str(tmp_path)},
        encoding="utf-8",
        timeout=90,
        dimensions=(50, 200),
        echo=False,
    )
    shown = ""
    try:
        child.expect(r"In \[\d+\]: ")
        for line in CELL.splitlines():
            child.sendline(line)
            child.expect(r"In \[\d+\]: ")
            shown += child.before
    finally:
        child.sendline("exit")
        child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=30)
        child.close(force=True)
    check(shown.replace("\r\n", "\n"))


def test_nbclient(flow, tmp_path):
    """E3: an executed notebook has the lines, the end and the table of past runs."""
    cells = [nbformat.v4.new_code_cell(line) for line in CELL.splitlines()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with contextlib.chdir(tmp_path):
        execute_notebook(notebook)
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert not any(WIDGET in output.get("data", {}) for output in outputs)
    check("".join(each.get("text", "") or each["data"]["text/plain"] for each in outputs))
