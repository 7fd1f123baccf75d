"""The run panel in JupyterLab in Chromium, used like a person would."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from nbconvert import HTMLExporter
from support.cells import ANSWERED_SECONDS, LOAD, TICKING
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook

pytestmark = pytest.mark.slow

BRANCHES = """\
%%flowrun --no-pylint run --n 3 --tag nightly
from metaflow import FlowSpec, Parameter, step

class WideFlow(FlowSpec):
    n = Parameter('n', default=1)

    @step
    def start(self):
        self.items = list(range(self.n))
        self.next(self.work, foreach='items')

    @step
    def work(self):
        print('<script>document.title = "broken"</script>', '\\u202eturned', self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        raise ValueError('<img src=x onerror="document.title = 1">')
"""


def begin(lab, cell=TICKING):
    lab.execute(0, LOAD)
    lab.execute(1, cell, wait=False)
    panel = lab.panel()
    panel.until_status("running")
    return panel


@pytest.mark.alone
def test_a_run_is_live_while_its_cell_waits_and_stop_answers(lab):
    panel = begin(lab)
    assert panel.name.startswith("Run TickFlow/")
    before = panel.lines
    lab.until(lambda: panel.lines > before + 5, "more lines")
    panel.button("Stop").click()
    assert panel.until_status("stopped") < ANSWERED_SECONDS
    lab.until(lambda: "*" not in lab.prompt(1), "the end of the cell")
    assert panel.button("Resume").is_visible()


@pytest.mark.alone
def test_continue_in_background_ends_the_cell_and_the_run_lives_on_beside_other_cells(lab):
    panel = begin(lab)
    panel.button("Continue in background").click()
    lab.until(lambda: "*" not in lab.prompt(1), "the end of the cell", ANSWERED_SECONDS)
    assert panel.status == "running"
    lab.execute(2, "import time; time.sleep(60)", wait=False)
    lab.until(lambda: "*" in lab.prompt(2), "the busy kernel")
    before = panel.lines
    lab.until(lambda: panel.lines > before + 5, "more lines while the kernel sleeps")
    panel.locator.get_by_role("searchbox", name="Search log").fill("tick 1")
    lab.until(lambda: panel.locator.get_by_text("matches").count(), "an answer to a search")
    panel.button("Stop").click()
    assert panel.until_status("stopped") < ANSWERED_SECONDS
    assert "*" in lab.prompt(2), "the kernel was busy all the time"


GATED = (
    TICKING.replace("range(600)", "range(3)")
    + """
if __name__ == '__main__':
    import os, sys
    if 'run' in sys.argv:
        open('gate').close()
    TickFlow()
"""
)


def test_a_run_is_there_from_the_moment_it_starts_and_gives_its_code(lab, tmp_path):
    os.mkfifo(tmp_path / "gate")
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.execute(0, LOAD)
    lab.execute(1, GATED, wait=False)
    panel = lab.panel()
    panel.until_status("starting")
    assert panel.name == "Run TickFlow"
    assert panel.button("Stop").is_enabled()
    os.close(os.open(tmp_path / "gate", os.O_WRONLY))
    panel.until_status("successful")
    assert panel.name.startswith("Run TickFlow/")
    panel.button("Copy code").click()
    copied = panel.button("Copied")
    lab.until(copied.count, "the copy")
    code = "%%flowrun --no-pylint\n\nrunning = Runner(TickFlow, pylint=False).run()"
    assert lab.page.evaluate("() => navigator.clipboard.readText()") == code


def test_a_run_that_is_starting_can_be_stopped(lab, tmp_path):
    os.mkfifo(tmp_path / "gate")
    lab.execute(0, LOAD)
    lab.execute(1, GATED, wait=False)
    panel = lab.panel()
    panel.until_status("starting")
    panel.button("Stop").click()
    said = lab.page.locator(".jp-OutputArea-output").filter(
        has_text="was stopped before Metaflow started the run"
    )
    lab.until(said.count, "what became of it")
    lab.until(lambda: not panel.locator.count(), "the end of the panel")


def test_a_failed_run_tells_why_in_text_alone(lab):
    lab.execute(0, LOAD)
    lab.execute(1, BRANCHES)
    panel = lab.panel()
    panel.until_status("failed")
    steps = panel.locator.get_by_role("list", name="Steps").get_by_role("button")
    assert [steps.nth(n).get_attribute("aria-label") for n in range(4)] == [
        "start: 1 of 1 done, 0 running, 0 failed",
        "work: 3 of 3 done, 0 running, 0 failed",
        "join: 1 of 1 done, 0 running, 0 failed",
        "end: 0 of 1 done, 0 running, 1 failed",
    ]
    alert = panel.locator.get_by_role("alert").inner_text()
    assert 'ValueError: <img src=x onerror="document.title = 1">' in alert
    line = BRANCHES[: BRANCHES.index("raise")].count("\n") + 1
    assert f"Cell In[2], line {line}, in end" in alert
    error = lab.page.locator(".jp-OutputArea-output").get_by_text("FlowFailedError")
    what, where, then = error.inner_text().strip().splitlines()  # the rest is in the panel
    assert " failed: step end, task 6: ValueError: <img src=x" in what
    assert where.strip().startswith(f"Cell In[2], line {line}, in end: raise ValueError(")
    assert then.endswith("resume from the failed step with %%flowrun resume")
    steps.nth(1).click()  # a click on a step filters the log by it
    log = panel.locator.get_by_role("log", name="Log")
    tasks = [f"work/{task}" for task in (2, 3, 4)]
    labels = "labels => [...new Set(labels.map(label => label.title))].sort()"
    shown = log.locator(".nbr-log-label")
    lab.until(lambda: shown.evaluate_all(labels) == tasks, "the lines of that step alone")
    said = '<script>document.title = "broken"</script> <U+202E>turned'
    lab.until(lambda: said in log.inner_text(), "what a task has said")
    assert "broken" not in lab.page.title()
    assert panel.locator.locator("script, img").count() == 0
    assert "tags: nightly" in panel.locator.inner_text()


def test_controls_have_the_names_and_roles_that_people_find_them_by(lab):
    lab.execute(0, LOAD)
    lab.execute(1, BRANCHES)
    panel = lab.panel().locator
    for role, name in (
        ("combobox", "Step"),
        ("combobox", "Stream"),
        ("searchbox", "Search log"),
        ("switch", "Follow"),
        ("switch", "Wrap lines"),
        ("button", "Download log"),
        ("button", "Copy log"),
        ("button", "Copy code"),
        ("button", "Resume"),
        ("log", "Log"),
    ):
        assert panel.get_by_role(role, name=name, exact=True).count() == 1, (role, name)


def test_following_does_not_steal_the_scroll(lab):
    panel = begin(lab)
    lab.until(lambda: panel.lines > 40, "enough lines to scroll")
    log = panel.locator.get_by_role("log")
    follow = panel.locator.get_by_role("switch", name="Follow")
    assert follow.get_attribute("aria-checked") == "true"
    log.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: follow.get_attribute("aria-checked") == "false", "following to end")
    first = log.locator(".nbr-log-row").first.get_attribute("data-line")
    before = panel.lines
    lab.until(lambda: panel.lines > before + 5, "more lines")
    assert log.locator(".nbr-log-row").first.get_attribute("data-line") == first == "0"
    lab.page.keyboard.press("End")
    lab.until(lambda: follow.get_attribute("aria-checked") == "true", "following again")
    panel.button("Stop").click()
    panel.until_status("stopped")


def test_resume_from_the_panel_runs_what_had_failed(lab):
    lab.execute(0, LOAD)
    lab.execute(1, BRANCHES.replace("raise ValueError", "import os\n        if not "
        "os.path.exists('there'): open('there', 'w'); raise ValueError"))  # fmt: skip
    panel = lab.panel()
    panel.until_status("failed")
    panel.button("Resume").click()
    resumed = lab.panel(1)
    lab.until(lambda: resumed.locator.count() and resumed.status == "successful", "the new run")
    steps = resumed.locator.get_by_role("list", name="Steps").get_by_role("button")
    assert "3 cloned" in steps.nth(1).get_attribute("aria-label")

    # The panel of a line without a run id shows which run Metaflow has chosen: the latest that
    # was not a resume.
    lab.execute(2, "%flowrun WideFlow --no-pylint resume")
    again = lab.panel(2)
    again.until_status("successful")
    first = panel.name.rpartition("/")[2]
    given = again.locator.locator(".nbr-parameter")
    assert given.all_inner_texts() == ["n=3", f"origin_run_id={first}"]


def test_what_stays_in_the_file_tells_how_it_ended(lab, tmp_path):
    lab.execute(0, LOAD)
    lab.execute(1, BRANCHES)
    lab.panel().until_status("failed")
    lab.save()

    def saved():
        notebook = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
        outputs = [o for cell in notebook.cells for o in cell["outputs"] if "data" in o]
        return outputs[0]["data"] if outputs else None

    data = lab.until(saved, "the saved notebook")
    assert "failed" in data["text/plain"]
    assert "WideFlow/" in data["text/plain"]
    page = data["text/html"]
    assert 'title="end: 0 of 1 done, 0 running, 1 failed"' in page, "the steps"
    assert "&lt;img src=x onerror=" in page
    assert "<script" not in page and "<img" not in page
    exported, _ = HTMLExporter().from_filename(str(tmp_path / "notebook.ipynb"))
    assert "WideFlow/" in exported and "ValueError: &lt;img src=x onerror=" in exported
    assert '<img src=x onerror="document.title' not in exported


@pytest.mark.parametrize("kernel", ["none", "new", "a stranger's"])
def test_a_notebook_reopened_shows_the_picture(kernel, tmp_path, private_state, browser):
    write_notebook(tmp_path / "notebook.ipynb", LOAD, BRANCHES, "")
    with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:

        def page_of(name):
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.set_default_timeout(60_000)
            return NotebookPage(page, address, f"doc/tree/{name}")

        lab = page_of("notebook.ipynb").open()
        lab.execute(0)
        lab.execute(1)
        lab.panel().until_status("failed")
        kept = lab.page.locator("[class^=nbrunner-kept]")
        lab.until(lambda: kept.count(), "the picture for later")
        assert not kept.is_visible(), "the panel itself is there"
        lab.save()
        lab.until(lambda: "nbrunner-kept" in (tmp_path / "notebook.ipynb").read_text(), "the file")
        lab.page.close()
        notebook = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
        if kernel == "none":
            notebook.metadata.clear()  # of the language, too: JupyterLab would find another kernel
            notebook.metadata.kernelspec = {"name": "elsewhere", "display_name": "Elsewhere"}
        notebook.metadata.title = "another one"  # than the one that was saved, and signed
        nbformat.write(notebook, tmp_path / "reopened.ipynb")
        if kernel != "a stranger's":  # of whose files JupyterLab strips much
            trust = [sys.executable, "-m", "jupyter", "trust", str(tmp_path / "reopened.ipynb")]
            subprocess.run(trust, env=browser_environment(private_state), check=True)

        lab = page_of("reopened.ipynb")
        if kernel == "none":
            lab.page.goto(f"{address}/doc/tree/reopened.ipynb")
            lab.page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
        else:
            lab.open()
        kept = lab.page.locator(
            "[class^=nbrunner-live]" if kernel == "a stranger's" else "[class^=nbrunner-kept]"
        )
        kept.wait_for()
        assert "✗ failed" in kept.inner_text()
        places = [step.bounding_box() for step in kept.get_by_title(" of ").all()]
        assert len({place["x"] for place in places}) == len(places) > 2, "the steps side by side"
        assert len({place["y"] for place in places}) == 1
        log = kept.locator("pre").last.locator("..")
        assert log.evaluate("log => log.scrollHeight > log.clientHeight && log.scrollTop === 0")
        assert "Flushing logs" in kept.inner_text(), "the end of the log, which it opens at"
        assert "ValueError: <img src=x onerror=" in kept.inner_text()
        for text in ("Error displaying widget", "Loading widget"):
            for said in lab.page.get_by_text(text).all():
                assert not said.is_visible(), text
        lab.page.close()
