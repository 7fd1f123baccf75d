"""More runs than fit on a page or board, in JupyterLab in Chromium."""

from __future__ import annotations

import re

import nbformat
import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

FLOW = """\
%%flowrun --no-execute run
from metaflow import FlowSpec, Parameter, step

class NumberFlow(FlowSpec):

    number = Parameter('number', default=0)

    @step
    def start(self):
        import os, time
        if self.number < 0 and not os.path.exists('there'):
            os.mkdir('there')
            raise ValueError('the first time')
        time.sleep(max(0, self.number))
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def defined(lab):
    lab.execute(0, LOAD)
    lab.execute(1, FLOW)
    return lab


@pytest.fixture
def many_runs(defined, private_state):
    """A failed run, and 44 older ones in Metaflow, half of them another user's."""
    defined.execute(1, "%flowrun -q --no-raise-error NumberFlow --no-pylint run --number -1")
    flow = private_state / "metaflow" / ".metaflow" / "NumberFlow"
    (original,) = [each.name for each in flow.iterdir() if each.name.isdigit()]
    stored = (flow / original / "_meta" / "_self.json").read_text()
    for number in range(1, 45):
        run_id = str(int(original) - number)
        (flow / run_id / "_meta").mkdir(parents=True)
        mine = stored.replace(original, run_id)
        text = mine if number % 2 else mine.replace("tester", "another")
        (flow / run_id / "_meta" / "_self.json").write_text(text)
    return original


def saved(lab, folder):
    """Save the notebook; return the last cell's output in its file."""
    lab.save()

    def output():
        cell = nbformat.read(folder / "notebook.ipynb", as_version=4).cells[2]
        return cell["outputs"] and cell["outputs"][0]["data"]

    return lab.until(output, "the saved notebook")


def test_many_past_runs_are_turned_over_filtered_copied_opened_and_resumed(
    defined, many_runs, tmp_path
):
    lab = defined
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.execute(2, "%flowruns NumberFlow")
    history = lab.page.get_by_role("region", name="Runs of NumberFlow", exact=True)
    older = history.get_by_role("button", name="Older runs")
    newer = history.get_by_role("button", name="Newer runs")
    picture = lab.page.locator("[class^=nbrunner-kept]")

    def runs(text):
        ids = re.findall(r"(?<!\d)(\d{16})(?=\D|20\d\d-|$)", text)  # a date may follow at once
        return [int(many_runs) - int(each) for each in ids]

    def shown():
        return runs("".join(history.get_by_role("row").all_inner_texts()))

    def shows(numbers, where=""):
        # New HTML makes the front end draw the panel again, which must end before a click.
        lab.until(lambda: runs(picture.text_content()) == list(numbers), f"{numbers} in the file")
        lab.until(lambda: shown() == list(numbers), f"{numbers}")
        assert not where or history.get_by_text(where, exact=True).count() == 1

    lab.until(lambda: shown() == list(range(20)), "the newest runs")
    assert history.get_by_text("page 1 of 3", exact=True).count() == 1
    assert newer.is_disabled()
    older.click()
    shows(range(20, 40), "page 2 of 3")
    older.click()
    shows(range(40, 45), "page 3 of 3")
    assert older.is_disabled()
    newer.click()
    shows(range(20, 40), "page 2 of 3")

    # Filters begin with the first page.
    namespace = history.get_by_role("combobox", name="Namespace")
    assert namespace.locator("option").all_inner_texts() == ["all namespaces", "user:tester"]
    namespace.select_option("user:tester")
    shows([0, *range(1, 39, 2)], "page 1")
    older.click()
    shows([39, 41, 43], "page 2 of 2")
    assert older.is_disabled()
    namespace.select_option("")
    shows(range(20), "page 1 of 3")
    state = history.get_by_role("combobox", name="State")
    state.select_option("unfinished")
    shows(range(1, 21), "page 1")
    history.get_by_role("searchbox", name="Search runs").fill(str(int(many_runs) - 30))
    shows([30])
    history.get_by_role("button", name=f"Open NumberFlow/{int(many_runs) - 30}").click()
    opened = history.get_by_role("region")
    lab.until(lambda: opened.count() and "not started by nbrunner" in opened.inner_text(), "it")
    history.get_by_role("button", name=f"Close NumberFlow/{int(many_runs) - 30}").click()
    lab.until(lambda: not opened.count(), "the panel to close")
    history.get_by_role("searchbox", name="Search runs").fill("")
    state.select_option("failed")
    shows([0])

    history.get_by_role("button", name="Copy code").click()
    copied = "() => navigator.clipboard.readText()"
    lab.until(lambda: "metaflow.Run" in lab.page.evaluate(copied), "the copy")
    lines = lab.page.evaluate(copied).splitlines()
    assert lines[0] == "%flowrun NumberFlow --no-pylint run --number=-1"
    assert lines[-1] == f"run = metaflow.Run('NumberFlow/{many_runs}')"

    history.get_by_role("button", name="Open").click()
    panel = history.get_by_role("region", name=f"Run NumberFlow/{many_runs}")
    lab.until(lambda: panel.get_by_role("alert").count(), "why it failed")
    panel.get_by_role("button", name="Resume", exact=True).click()
    resumed = panel.get_by_role("region")
    lab.until(lambda: resumed.count() and "Done!" in resumed.inner_text(), "the resumed run")
    status = resumed.get_by_role("status")
    lab.until(lambda: status.inner_text() == "successful", "its end")

    data = saved(lab, tmp_path)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/plain"].startswith("Runs of NumberFlow\n")
    assert f"NumberFlow/{many_runs}" in data["text/plain"]
    assert f">NumberFlow/{many_runs}</td>" in data["text/html"]
    assert "<script" not in data["text/html"]


def test_a_board_of_many_runs_draws_twenty_and_is_taken_up_after_a_restart(defined, tmp_path):
    lab = defined
    code = (
        "from nbrunner import Runner, async_sweep\n"
        "sets = {'number': [0, *range(600, 622), 0, 599]}\n"
        "began = await async_sweep(Runner(NumberFlow, pylint=False), sets, parallel=3)\n"
        "began"
    )
    lab.execute(2, code)
    board = lab.page.get_by_role("region", name="Runs", exact=True)
    rows = board.get_by_role("row")

    def numbers():
        cells = [rows.nth(n).get_by_role("cell").nth(2) for n in range(1, rows.count())]
        return [int(cell.inner_text()) for cell in cells]

    told = "3 running, 1 successful, 21 waiting — 5 more: 5 waiting"
    lab.until(lambda: told in board.inner_text(), "three to run and one to have ended")
    assert "NumberFlow: 25 runs, 3 at once" in board.inner_text()
    # Those that need attention first: active runs, ended runs, future runs.
    assert numbers() == [600, 601, 602, 0, *range(603, 619)]
    by_number = board.get_by_role("columnheader", name="number")
    by_number.get_by_role("button").click()
    lab.until(lambda: numbers() == [0, 0, 599, *range(600, 617)], "the rows by number")
    lab.until(lambda: "5 more: 5 waiting" in board.inner_text(), "what is not among them")
    assert by_number.get_attribute("aria-sort") == "ascending"
    by_number.get_by_role("button").click()
    lab.until(lambda: numbers() == list(range(621, 601, -1)), "the other way round")
    lab.until(
        lambda: "5 more: 2 running, 1 successful, 2 waiting" in board.inner_text(),
        "what is not among them then",
    )

    lab.restart()
    lab.execute(0, LOAD)
    lab.execute(2, "from nbrunner import attach_sweep\nattach_sweep()")
    lab.until(lambda: told in board.inner_text(), "the same board")
    assert numbers() == [600, 601, 602, 0, *range(603, 619)]
    board.get_by_role("button", name="Stop all").click()
    told = "3 stopped, 1 successful, 21 not started — 5 more: 5 not started"
    lab.until(lambda: told in board.inner_text(), "all to stop")
    lab.until(lambda: not board.get_by_role("button", name="Stop all").count(), "the button to go")

    kept = lab.page.locator("[class^=nbrunner-kept]")
    lab.until(lambda: "3 stopped" in kept.text_content(), "the picture of it")
    data = saved(lab, tmp_path)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/plain"].startswith("NumberFlow: 25 runs, 3 at once\n")
    assert data["text/plain"].endswith("3 stopped, 1 successful, 21 not started")
    assert data["text/plain"].count("\n") == 27
    assert data["text/html"].count("<tr>") == 26
    assert "<script" not in data["text/html"]
