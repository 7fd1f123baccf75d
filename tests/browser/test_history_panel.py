"""Forms, past runs and boards in JupyterLab in Chromium, used like a person would."""

from __future__ import annotations

import contextlib

import pytest
from support.cells import LOAD
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook

pytestmark = pytest.mark.slow

FORM = """\
%%flowrun --no-execute run --ratio 1
from metaflow import FlowSpec, JSONType, Parameter, step

class FormFlow(FlowSpec):
    \"\"\"What a form shows above its fields: <b>text</b>.\"\"\"

    number = Parameter('number', default=3, help='how many')
    ratio = Parameter('ratio', type=float, required=True)
    flag = Parameter('flag', default=True)
    table = Parameter('table', type=JSONType, default='{}')

    @step
    def start(self):
        print('got', self.number, self.ratio, self.flag, self.table)
        self.share = {'total': self.number / self.ratio}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def defined(lab):
    lab.execute(0, LOAD)
    lab.execute(1, FORM)
    return lab


def test_a_form_is_checked_while_one_types_and_runs(defined):
    lab = defined
    lab.execute(2, "%flowform FormFlow")
    form = lab.page.get_by_role("region", name="Launch FormFlow", exact=True)
    lab.until(lambda: form.count(), "the form")
    run = form.get_by_role("button", name="Run", exact=True)
    assert run.is_disabled()
    assert "required" in form.inner_text()
    assert "above its fields: <b>text</b>." in form.inner_text()
    form.get_by_label("ratio").fill("half")
    lab.until(lambda: "expected a float" in form.inner_text(), "what is wrong")
    assert form.get_by_label("ratio").get_attribute("aria-invalid") == "true"
    form.get_by_label("ratio").fill("0.5")
    form.get_by_label("flag").uncheck()
    form.get_by_label("table").fill('{"$a": [1]}')
    line = """%flowrun FormFlow run --ratio 0.5 --flag False --table '{"$a": [1]}'"""
    lab.until(lambda: line in form.inner_text(), "the equal line")
    assert run.is_enabled()
    run.click()
    panel = form.get_by_role("region")
    lab.until(lambda: panel.count() and "Done!" in panel.inner_text(), "the run")
    assert "got 3 0.5 False {'$a': [1]}" in panel.inner_text()
    lab.panel(1).until_status("successful")
    lab.execute(1, "print(running.pathspec, running.status)")
    assert "successful" in lab.page.locator(".jp-CodeCell").nth(1).inner_text()
    # The values of that run, in this form, which has kept its own, and in a new one.
    options = form.get_by_label("Values of an earlier run").locator("option")
    lab.until(lambda: options.count() == 2, "the run among those whose values can be taken")
    assert form.get_by_label("ratio").input_value() == "0.5"
    lab.execute(2, "%flowform FormFlow")
    lab.until(lambda: "required" in form.inner_text(), "the new form")
    form.get_by_label("Values of an earlier run").select_option(index=1)
    lab.until(lambda: form.get_by_label("ratio").input_value() == "0.5", "the earlier values")
    assert not form.get_by_label("flag").is_checked()


def test_a_press_that_changes_nothing_is_answered_all_the_same(defined):
    lab = defined
    lab.execute(1, FORM.replace("--no-execute run", "-q run"))
    lab.execute(2, "%flowruns FormFlow")
    history = lab.page.get_by_role("region", name="Runs of FormFlow", exact=True)
    lab.until(lambda: history.get_by_role("row").count() == 2, "the run")
    refresh = history.get_by_role("button", name="Refresh", exact=True)
    resume = history.get_by_role("button", name="Resume FormFlow")
    bar = history.get_by_label("From step")
    for _ in range(2):
        refresh.press("Enter")
        assert refresh.is_disabled()
        lab.until(refresh.is_enabled, "the answer")
        assert refresh.evaluate("button => button === document.activeElement")
        resume.press("Enter")
        lab.until(bar.is_visible, "the choice of the step")
        lab.until(resume.is_enabled, "the answer")
        resume.press("Enter")
        lab.until(lambda: not bar.count(), "it to go")
        lab.until(resume.is_enabled, "the answer")
    lab.execute(2, "%flowform FormFlow")
    form = lab.page.get_by_role("region", name="Launch FormFlow", exact=True)
    run = form.get_by_role("button", name="Run", exact=True)
    lab.until(run.is_disabled, "the form")
    form.get_by_label("ratio").fill("0.5")
    lab.until(run.is_enabled, "the form to be ready")
    # Entered before the form knows that it is wrong.
    form.get_by_label("ratio").fill("half")
    form.get_by_label("ratio").press("Enter")
    lab.until(lambda: "expected a float" in form.inner_text(), "what is wrong")
    assert run.is_disabled()
    form.get_by_label("ratio").fill("2")
    lab.until(run.is_enabled, "the form to be ready again")
    form.get_by_label("ratio").press("Enter")
    panel = form.get_by_role("region")
    lab.until(lambda: panel.count() and "Done!" in panel.inner_text(), "the run")
    lab.until(run.is_enabled, "the form for another run")


def test_past_runs_are_searched_opened_and_resumed(defined):
    lab = defined
    lab.execute(
        1,
        FORM.replace("--no-execute run", "-q --no-raise-error run --tag bad").replace(
            "--ratio 1", "--ratio 0"
        ),
    )
    lab.execute(
        2,
        "from nbrunner import Runner\n"
        "for n in (1, 2): Runner(FormFlow, show_output=False).run(ratio=n, tags=['<i>good</i>'])",
    )
    lab.execute(2, "%flowruns FormFlow")
    history = lab.page.get_by_role("region", name="Runs of FormFlow", exact=True)
    rows = history.get_by_role("row")
    lab.until(lambda: rows.count() == 4, "the runs")
    assert ["successful" in rows.nth(n).inner_text() for n in (1, 2, 3)] == [True, True, False]
    assert "<i>good</i>" in rows.nth(1).inner_text()
    search = history.get_by_role("searchbox", name="Search runs")
    search.fill("good")
    lab.until(lambda: rows.count() == 3, "the runs that were searched")
    lab.page.keyboard.type(" ratio=2")  # the answers have not taken the focus
    lab.until(lambda: rows.count() == 2, "the run that was searched")
    assert search.evaluate("field => field === document.activeElement")
    assert search.input_value() == "good ratio=2"
    search.fill("")
    history.get_by_role("combobox", name="State").select_option("failed")
    lab.until(lambda: rows.count() == 2 and "failed" in rows.nth(1).inner_text(), "failed runs")
    rows.nth(1).get_by_role("button", name="Open").click()
    panel = history.get_by_role("region")
    lab.until(lambda: panel.count() and panel.get_by_role("alert").count(), "the run's panel")
    assert "ZeroDivisionError" in panel.get_by_role("alert").inner_text()
    rows.nth(1).get_by_role("button", name="Close").click()
    lab.until(lambda: not panel.count(), "the panel to close")
    # Fix the flow, and resume the run with its current version.
    lab.execute(1, FORM.replace("/ self.ratio", "/ max(self.ratio, 1)"))
    lab.execute(2, "%flowruns FormFlow")
    history.get_by_role("combobox", name="State").select_option("failed")
    lab.until(lambda: rows.count() == 2 and "failed" in rows.nth(1).inner_text(), "failed runs")
    rows.nth(1).get_by_role("button", name="Resume").click()
    step = history.get_by_label("From step")
    lab.until(step.count, "what a resume begins with")
    first = step.locator("option").first.inner_text().replace("\xa0", " ")
    assert first == "where it failed (start)"
    refresh = history.get_by_role("button", name="Refresh")
    start = history.get_by_role("button", name="Start", exact=True)
    for part in ("height", "fontFamily", "backgroundColor"):
        look = f"each => getComputedStyle(each).{part}"
        assert refresh.evaluate(look) == start.evaluate(look), part
    step.select_option("start")
    history.get_by_label("With").select_option("FormFlow")
    history.get_by_role("button", name="Start", exact=True).click()
    lab.until(lambda: panel.count() and "Done!" in panel.inner_text(), "the resumed run")


# Each text of the table that is cut off at its cell's end or covered by the buttons.
CUT = """table => [...table.querySelectorAll('tr')].flatMap(row => {
    const edge = row.lastElementChild.getBoundingClientRect().left;
    return [...row.children].slice(0, -1).filter(cell => {
        const isShortened = cell.dataset.column === 'parameters';
        const isCut = cell.scrollWidth > cell.clientWidth && !isShortened;
        return isCut || cell.getBoundingClientRect().right > edge + 1;
    }).map(cell => cell.textContent);
})"""


# The number of lines that a cell's text takes.
LINES = """cell => { const range = document.createRange(); range.selectNodeContents(cell);
    const tops = [...range.getClientRects()].filter(({width}) => width).map(({top}) => top);
    return new Set(tops.map(Math.round)).size }"""


def test_past_runs_fit_into_narrow_pages_without_a_cut_date(defined):
    lab = defined
    lab.execute(0, "%env METAFLOW_USER=superuser")
    run = FORM.replace("--no-execute", "-q --no-pylint")
    lab.execute(1, run)
    lab.execute(2, "%flowruns FormFlow")
    history = lab.page.get_by_role("region", name="Runs of FormFlow", exact=True)
    table = history.get_by_role("table")
    titles = table.get_by_role("columnheader")
    lab.until(lambda: table.get_by_role("row").count() == 2, "the run")
    assert titles.all_inner_texts() == ["State", "Run", "Started", "Time", "Parameters", ""]
    assert "by superuser" in history.inner_text(), "who is no column, and told all the same"

    def nothing_is_cut(widths):
        for width in widths:
            lab.page.set_viewport_size({"width": width, "height": 1000})
            lab.until(lambda: not table.evaluate(CUT), f"a table that fits into {width} px")

    nothing_is_cut((1300, 1000, 700))
    lab.execute(0, "%env METAFLOW_USER=another")
    lab.execute(1, run.replace("--ratio 1", "--ratio 0.123456789 --tag nightly"))
    history.get_by_role("button", name="Refresh").click()
    lab.until(lambda: table.get_by_role("row").count() == 3, "both runs")
    assert titles.all_inner_texts()[4:] == ["Tags", "Parameters", "User", ""]
    assert "by another" not in history.inner_text()
    nothing_is_cut((1300, 1000))
    # E12: an id is not broken, however narrow the page is.
    lab.page.set_viewport_size({"width": 640, "height": 1000})
    run_id = table.locator("td[data-column=run]").first
    lab.until(lambda: run_id.evaluate(LINES) == 1, "the id on one line")


def test_a_resume_bars_lists_have_an_arrow_of_the_colour_of_the_text(defined):
    lab = defined
    lab.execute(1, FORM.replace("--no-execute", "-q --no-pylint"))
    lab.execute(2, "%flowruns FormFlow")
    history = lab.page.get_by_role("region", name="Runs of FormFlow", exact=True)
    history.get_by_role("button", name="Resume").click()
    for name in ("From step", "With"):
        look = "each => { const {appearance, backgroundImage} = getComputedStyle(each);"
        look += " return [appearance, backgroundImage] }"
        assert history.get_by_label(name).evaluate(look) == ["auto", "none"]


def test_a_run_of_an_earlier_kernel_is_found_and_stopped(lab):
    lab.execute(0, LOAD)
    lab.execute(
        1,
        FORM.replace("--no-execute", "--bg -q").replace(
            "        self.share", "        import time; time.sleep(600)\n        self.share"
        ),
    )
    lab.restart()
    lab.execute(0, LOAD)
    lab.execute(2, "%flowruns")
    history = lab.page.get_by_role("region", name="Runs of all flows", exact=True)
    rows = history.get_by_role("row")
    lab.until(lambda: rows.count() == 2 and "running" in rows.nth(1).inner_text(), "the run")
    rows.nth(1).get_by_role("button", name="Open").click()
    panel = history.get_by_role("region")
    lab.until(lambda: panel.count() and "got 3 1.0" in panel.inner_text(), "its log from the start")
    rows.nth(1).get_by_role("button", name="Stop").click()
    lab.until(lambda: "stopped" in rows.nth(1).inner_text(), "the run to stop")


def test_a_run_outlives_browser_and_jupyterlab(tmp_path, private_state, browser):
    write_notebook(tmp_path / "notebook.ipynb", "", "", "")

    @contextlib.contextmanager
    def opened():
        with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.set_default_timeout(60_000)
            yield NotebookPage(page, address, "doc/tree/notebook.ipynb").open()
            page.close()

    with opened() as lab:
        lab.execute(0, LOAD)
        lab.execute(
            1,
            FORM.replace("--no-execute", "--bg -q").replace(
                "        self.share",
                "        import os, time\n"
                "        while not os.path.exists('go'): time.sleep(0.02)\n"
                "        self.share",
            ),
        )
    with opened() as lab:  # its kernels ended with the server
        lab.execute(0, LOAD)
        lab.execute(1, "%flowruns")
        history = lab.page.get_by_role("region", name="Runs of all flows", exact=True)
        rows = history.get_by_role("row")
        lab.until(lambda: rows.count() == 2 and "running" in rows.nth(1).inner_text(), "the run")
        rows.nth(1).get_by_role("button", name="Open").click()
        panel = history.get_by_role("region")
        lab.until(lambda: panel.count() and "got 3 1.0" in panel.inner_text(), "its log")
        (tmp_path / "go").touch()
        lab.until(lambda: "Done!" in panel.inner_text(), "its end")
        lab.until(lambda: "successful" in rows.nth(1).inner_text(), "its state")


def test_a_board_of_a_sweep_is_live_sorted_and_stopped(defined):
    lab = defined
    lab.execute(
        1,
        FORM.replace(
            "        self.share", "        import time; time.sleep(self.number)\n        self.share"
        ),
    )
    code = (
        "from nbrunner import Runner, async_sweep\n"
        "sets = {'number': [0, 600, 1, 601]}\n"
        "began = await async_sweep(Runner(FormFlow), sets, parallel=3, ratio=1)\n"
        "began"
    )
    lab.execute(2, code)
    board = lab.page.get_by_role("region", name="Runs", exact=True)
    lab.until(lambda: "2 running, 2 successful" in board.inner_text(), "the short runs to end")
    rows = board.get_by_role("row")

    def numbers():
        return [rows.nth(n).get_by_role("cell").nth(2).inner_text() for n in range(1, 5)]

    assert numbers() == ["0", "600", "1", "601"]
    board.get_by_role("button", name="number").click()
    lab.until(lambda: numbers() == ["0", "1", "600", "601"], "the rows by number")
    board.get_by_role("button", name="number").click()
    lab.until(lambda: numbers() == ["601", "600", "1", "0"], "the rows the other way round")
    # Pressed for longer than a row stays the same.
    rows.nth(1).get_by_role("button", name="Open").hover()
    lab.page.mouse.down()
    before = rows.nth(1).inner_text()
    lab.until(lambda: rows.nth(1).inner_text() != before, "the row to change")
    lab.page.mouse.up()
    panel = board.get_by_role("region")
    lab.until(lambda: panel.count() and "got 601" in panel.inner_text(), "one run's panel")
    board.get_by_role("button", name="Stop all").click()
    lab.until(lambda: "2 stopped, 2 successful" in board.inner_text(), "all to stop")
