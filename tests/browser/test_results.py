"""The results of a run in its panel: artifacts, cards, the timeline."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow

CELL = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown

def png():
    import struct, zlib
    def chunk(kind, data):
        number = struct.Struct('>I').pack
        return number(len(data)) + kind + data + number(zlib.crc32(kind + data))
    return (b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 3, 2, 8, 0, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(b'\\0abc' * 2)) + chunk(b'IEND', b''))

class ResultFlow(FlowSpec):

    @card
    @step
    def start(self):
        import pandas
        self.table = pandas.DataFrame({'name': ['<b>a</b>', 'b'], 'value': [1.5, 2]})
        self.picture = png()
        self.text = '<img src=x onerror="document.title = 1">'
        from IPython.display import HTML
        self.drawn = HTML('<b>bold</b><script>parent.document.title = "broken"</script>')
        self.numbers = [1, 2, 3]
        current.card.append(Markdown('# Card of start'))
        self.next(self.work, foreach='numbers')

    @step
    def work(self):
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.squares = {str(i.input): i.square for i in inputs}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def panel(lab):
    lab.execute(0, "%load_ext nbrunner")
    lab.execute(1, CELL)
    panel = lab.panel()
    panel.until_status("successful")
    return panel.locator


def show(lab, panel, name):
    panel.get_by_role("button", name=f"Show {name}", exact=True).click()
    value = panel.locator(".nbr-value")
    lab.until(lambda: value.count(), f"the value of {name}")
    return value


def test_artifacts_are_listed_and_shown_as_what_they_are(lab, panel):
    panel.get_by_text("Artifacts", exact=True).click()
    panel.get_by_role("combobox", name="Artifacts of step").select_option("start")
    table = panel.get_by_role("table", name="Artifacts", exact=True)
    lab.until(lambda: "table" in table.inner_text(), "the artifacts")
    text = table.inner_text()
    assert all(name in text for name in ("DataFrame", "bytes", "list", "numbers", "picture"))
    value = show(lab, panel, "table")
    cells = value.get_by_role("table", name="table").get_by_role("cell").all_inner_texts()
    assert cells == ["0", "<b>a</b>", "1.5", "1", "b", "2"]
    panel.get_by_role("button", name="Show table", exact=True).click()
    image = show(lab, panel, "picture").get_by_role("img")
    lab.until(lambda: image.evaluate("image => image.naturalWidth") == 3, "the picture")
    panel.get_by_role("button", name="Show picture", exact=True).click()
    assert show(lab, panel, "text").inner_text() == '<img src=x onerror="document.title = 1">'
    panel.get_by_role("button", name="Show text", exact=True).click()
    frame = show(lab, panel, "drawn").locator("iframe")
    assert frame.get_attribute("sandbox") == ""
    inside = panel.frame_locator(".nbr-value iframe").get_by_text("bold")
    lab.until(lambda: inside.count(), "the page")
    assert lab.page.title() not in ("1", "broken")


def test_artifacts_of_a_task_of_a_foreach(lab, panel):
    panel.get_by_role("list", name="Steps").get_by_role("button").nth(1).click()
    panel.get_by_text("Artifacts", exact=True).click()
    task = panel.get_by_role("combobox", name="Artifacts of task")
    lab.until(lambda: task.locator("option").count() == 3, "the tasks of the step")
    task.select_option(index=2)
    table = panel.get_by_role("table", name="Artifacts", exact=True)
    lab.until(lambda: "square" in table.inner_text(), "the artifacts")
    assert show(lab, panel, "square").inner_text() == "9"


def test_a_card_is_shown_in_a_frame_that_reaches_nothing(lab, panel):
    panel.get_by_text("Cards", exact=True).click()
    frame = panel.locator("iframe")
    lab.until(lambda: frame.count(), "the card")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    assert frame.get_attribute("title").startswith("start/")
    inside = panel.frame_locator("iframe").get_by_role("heading", name="Card of start")
    lab.until(lambda: inside.count(), "the card's page")


def test_the_timeline_has_every_task_and_tells_of_it(lab, panel):
    panel.get_by_text("Timeline", exact=True).click()
    names = panel.get_by_role("list", name="Tasks by step").get_by_role("listitem")
    lab.until(lambda: names.count() == 4, "the steps")
    said = names.nth(1).get_attribute("title")
    assert re.match(r"work: 3 tasks, longest \d+\.\d+ s", said), said
    canvas = panel.locator("canvas")
    box = canvas.bounding_box()
    tip = panel.get_by_role("tooltip")

    def told():
        for part in range(1, 40):
            lab.page.mouse.move(box["x"] + box["width"] * part / 40, box["y"] + 26)
            if tip.is_visible():
                return tip.inner_text()
        return ""

    assert lab.until(told, "the tooltip of a bar").startswith("start/1: done, ")
