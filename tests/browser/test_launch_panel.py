"""The form of a flow with a parameter of each kind, filled in like a person would."""

from __future__ import annotations

import nbformat
import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

FORM = '''\
%%flowrun --no-execute run --a-ratio 1
from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, step
from metaflow._vendor import click

class FormFlow(FlowSpec):
    """Has one of each."""

    sizes = Config('sizes', default_value={'width': 1}, help='of the picture')

    number = Parameter('number', default=3, help='how many')
    ratio = Parameter('a-ratio', type=float, required=True)
    flag = Parameter('flag', default=True)
    mode = Parameter('mode', type=click.Choice(['fast', 'exact']), default='fast')
    text = Parameter('text', default='two words')
    table = Parameter('table', type=JSONType, default='{"a": [1]}')
    parts = Parameter('parts', default='a,b', separator=',')
    data = IncludeFile('data', required=False, help='what is read')
    computed = Parameter('computed', type=int, default=lambda context: 17)
    lines = Parameter('lines', default='one\\n two')

    @step
    def start(self):
        print('got', self.number, self.ratio, self.flag, self.mode, self.text, self.table,
              self.parts, self.data, self.computed, self.sizes.width, repr(self.lines), sep='|')
        self.next(self.end)

    @step
    def end(self):
        pass
'''


def test_a_form_has_a_control_for_each_kind_and_runs_what_its_line_says(lab, tmp_path):
    (tmp_path / "data.txt").write_text("content")
    lab.execute(0, LOAD)
    lab.execute(1, FORM)
    lab.execute(2, "%flowform FormFlow")
    form = lab.page.get_by_role("region", name="Launch FormFlow", exact=True)
    lab.until(form.count, "the form")
    line = form.locator(".nbr-form-code")
    run = form.get_by_role("button", name="Run", exact=True)

    def control(name, role="textbox"):
        found = form.get_by_role(role, name=name, exact=True)
        assert found.count() == 1, name
        return found

    def told(name, role="textbox"):
        """Return the accessible description of a control: its help and its error."""
        ids = control(name, role).get_attribute("aria-describedby").split()
        return " ".join(form.locator(f"#{each}").inner_text() for each in ids).strip()

    texts = ("number", "a-ratio", "text", "table", "parts", "data", "computed", "lines", "sizes")
    assert [control(name).input_value() for name in texts] == [
        *("3", "", "two words", '{"a": [1]}', "a,b", "", "", "one\n two", '{"width": 1}'),
    ]
    assert control("flag", "checkbox").is_checked()
    modes = control("mode", "combobox")
    assert modes.locator("option").all_inner_texts() == ["fast", "exact"]
    assert modes.input_value() == "fast"
    assert control("computed").get_attribute("placeholder") == "computed when the run starts"
    assert [told(name) for name in ("number", "data", "sizes")] == [
        *("how many", "what is read", "of the picture"),
    ]

    # The required one is marked, visibly and for screen readers, and nothing runs without it.
    assert control("a-ratio").get_attribute("aria-required") == "true"
    assert form.locator("label", has_text="a-ratio").inner_text() == "a-ratio *"
    assert "*" not in form.locator("label", has_text="number").inner_text()
    assert told("a-ratio") == "required"
    assert run.is_disabled()
    control("a-ratio").fill("0.5")
    lab.until(run.is_enabled, "the form to be complete")
    lab.until(lambda: line.inner_text() == "%flowrun FormFlow run --a-ratio 0.5", "its line")

    # An invalid value is reported next to its control; one of a config, read by Metaflow, below.
    control("sizes").fill("{")
    lab.until(lambda: "not valid JSON" in form.get_by_role("alert").inner_text(), "what is wrong")
    assert run.is_disabled()
    control("sizes").fill('{"width": 9}')
    lab.until(run.is_enabled, "the config to be right")
    for name, wrong, right, what in (
        ("number", "many", "7", "expected an int"),
        ("table", "{'k'}", '{"k": null}', "JSON"),
        ("computed", "1.5", "18", "expected an int"),
        ("data", "no.txt", "data.txt", "does not exist"),
    ):
        control(name).fill(wrong)
        lab.until(lambda name=name, what=what: what in told(name), f"what is wrong with {name}")
        assert control(name).get_attribute("aria-invalid") == "true"
        assert run.is_disabled()
        control(name).fill(right)
        lab.until(run.is_enabled, f"{name} to be right")
        assert control(name).get_attribute("aria-invalid") == "false"

    control("flag", "checkbox").uncheck()
    modes.select_option("exact")
    control("text").fill("it's $5 {x}")
    control("parts").fill("x,y")
    assert form.get_by_label("max-workers").is_hidden()
    form.get_by_text("Options", exact=True).click()
    form.get_by_label("max-workers").fill("2")
    form.get_by_label("tag").fill("one\ntwo words")
    wanted = (
        """%flowrun FormFlow --config-value sizes '{"width": 9}' run --number 7 --a-ratio 0.5 """
        """--flag False --mode exact --text 'it'"'"'s $5 {x}' --table '{"k": null}' """
        """--parts x,y --data data.txt --computed 18 --max-workers 2 --tag one --tag 'two words'"""
    )
    lab.until(lambda: line.inner_text() == wanted, "the line of all of it")
    run.click()
    panel = form.get_by_role("region")
    lab.until(lambda: panel.count() and "Done!" in panel.inner_text(), "the run below")
    got = "got|7|0.5|False|exact|it's $5 {x}|{'k': None}|['x', 'y']|content|18|9|'one\\n two'"
    assert got in panel.inner_text()
    assert "tags: one, two words" in panel.inner_text()
    status = panel.get_by_role("status")
    lab.until(lambda: status.inner_text() == "successful", "its end")

    # The line does the same; and the notebook's file lists the parameters.
    lab.execute(0, wanted)
    panel = lab.page.locator(".jp-CodeCell").nth(0).get_by_role("region")
    lab.until(lambda: panel.count() and "Done!" in panel.inner_text(), "the run of the line")
    assert got in panel.inner_text()
    lab.save()

    def saved():
        notebook = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
        return [each["data"] for each in notebook.cells[2]["outputs"]]

    data = lab.until(saved, "the saved notebook")[0]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    rows = [row.split() for row in data["text/plain"].splitlines()]
    assert rows[:4] == [
        ["FormFlow"],
        ["parameter", "type", "default", "help"],
        ["number", "int", "3", "how", "many"],
        ["a-ratio", "float", "required"],
    ]
    cells = (f">{each}</td>" for each in ("number", "int", "3", "how many"))
    assert all(cell in data["text/html"] for cell in cells)
    assert "<script" not in data["text/html"]


DIVIDES = """\
from metaflow import FlowSpec, Parameter, step

class DivideFlow(FlowSpec):

    by = Parameter('by', default=2)

    @step
    def start(self):
        print('got', 1 / (self.by - 2))
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_form_runs_the_flow_of_a_cell_as_it_was_last_mended(lab):
    lab.execute(0, LOAD)
    lab.execute(1, DIVIDES)
    lab.execute(2, "%flowform DivideFlow")
    form = lab.page.get_by_role("region", name="Launch DivideFlow", exact=True)
    run = form.get_by_role("button", name="Run", exact=True)
    lab.until(lambda: run.count() and run.is_enabled(), "the form")
    run.click()
    statuses = form.get_by_role("region").get_by_role("status")
    lab.until(lambda: statuses.all_inner_texts() == ["failed"], "the run")
    lab.execute(1, DIVIDES.replace("by - 2", "by"))
    lab.until(run.is_enabled, "the button")
    run.click()
    lab.until(lambda: statuses.all_inner_texts() == ["successful", "failed"], "the mended one")
    assert "got 0.5" in form.get_by_role("region").first.inner_text()
