"""The contrast of panels, and their animations with reduced motion."""

from __future__ import annotations

import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

FAILS = """\
%%flowrun --no-pylint run --part 0 --tag nightly
import sys
from metaflow import FlowSpec, Parameter, step

if 'run' in sys.argv:
    for number in range(30, 38):
        print(f'\\x1b[{number}mdivision {number}\\x1b[0m', file=sys.stderr)

class FailFlow(FlowSpec):
    part = Parameter('part', default=1, help='of the whole')

    @step
    def start(self):
        self.share = 1 / self.part
        self.next(self.end)

    @step
    def end(self):
        pass
"""

OTHER_PANELS = """\
%flowruns FailFlow
%flowform FailFlow
import ipywidgets
from nbrunner.jupyter.widgets import StatusBadge
from nbrunner.jupyter.widgets.run_table import RunTable, column
from nbrunner.status import LABELS
STATES = tuple(LABELS.values())
rows = [
    {'key': state, 'status': state, 'cells': [state, '1/2'], 'done': 0.5, 'actions': []}
    for state in (*STATES, 'waiting', 'not started', 'unfinished')
]
columns = [column('run', 'Run'), column('progress', 'Tasks', numeric=True)]
table = RunTable(title='every state', columns=columns, rows=rows, summary='17 more: 17 waiting')
badges = [StatusBadge(status=state, detail='asked to stop') for state in STATES]
ipywidgets.VBox([table, *badges]).add_class('nbrunner-panel')
"""

# The contrast that the Web Content Accessibility Guidelines require for text, at level AA.
LEAST_CONTRAST = 4.5

# Every text in a panel with its contrast to its background; except what is hidden from
# screen readers (signs next to a word) and what is disabled.
CONTRASTS = """panel => {
    const OFF = ':disabled, [aria-disabled="true"], [aria-hidden]';
    const pixel = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = colour => {
        pixel.clearRect(0, 0, 1, 1);
        pixel.fillStyle = colour;
        pixel.fillRect(0, 0, 1, 1);
        return [...pixel.getImageData(0, 0, 1, 1).data].map(value => value / 255);
    };
    const over = (upper, lower) =>
        [0, 1, 2].map(i => upper[i] * upper[3] + lower[i] * (1 - upper[3]));
    const ancestors = element =>
        element ? [element, ...ancestors(element.parentElement)] : [];
    const ground = element => ancestors(element).reduceRight(
        (lower, each) => over(rgba(getComputedStyle(each).backgroundColor), lower), [1, 1, 1]);
    const luminance = colour => {
        const [r, g, b] = colour.map(
            value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = element => {
        const lower = ground(element);
        const [r, g, b, alpha] = rgba(getComputedStyle(element).color);
        const opacity = ancestors(element).reduce(
            (found, each) => found * getComputedStyle(each).opacity, alpha);
        const both = [over([r, g, b, opacity], lower), lower].map(luminance).sort((a, b) => b - a);
        return (both[0] + 0.05) / (both[1] + 0.05);
    };
    const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const text = texts.currentNode.data.trim();
        if (!text || !element.checkVisibility() || element.closest(OFF))
            continue;
        const [part] = element.closest('[class]').classList;
        const state = element.closest('[data-state]')?.dataset.state ?? '';
        const rounded = Math.round(contrast(element) * 100) / 100;
        found.push({part: `${part} ${state}`, text, contrast: rounded});
    }
    return found;
}"""

MOVING = """() => document.getAnimations()
    .filter(each => each.effect.target.closest('.nbrunner-panel'))
    .map(each => each.effect.target.className)"""


@pytest.fixture
def panels(lab):
    lab.page.set_viewport_size({"width": 1200, "height": 2600})
    lab.execute(0, LOAD)
    lab.execute(1, FAILS)
    lab.execute(2, OTHER_PANELS)
    panel = lab.panel()
    panel.until_status("failed")
    panel.locator.get_by_role("searchbox", name="Search log").fill("division")
    lab.until(panel.button("Next match").is_visible, "matches")
    panel.button("Next match").click()
    lab.until(panel.locator.locator(".nbr-log-current mark").count, "the first of them")
    panel.locator.get_by_text("Traceback", exact=True).click()
    panel.locator.get_by_text("Artifacts", exact=True).click()
    table = panel.locator.get_by_role("table", name="Artifacts", exact=True)
    lab.until(lambda: "part" in table.inner_text(), "the artifacts")
    history = lab.page.get_by_role("table", name="Runs of FailFlow")
    lab.until(lambda: history.get_by_role("row").count() == 2, "the run among the past ones")
    return lab.page.locator(".nbrunner-panel")


def test_texts_stand_out_in_both_themes_and_nothing_moves_for_those_who_ask(lab, panels):
    change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.page.evaluate(change, theme)
        lab.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        lab.until(lambda: panels.count() == 4, "all panels")
        texts = [each for panel in panels.all() for each in panel.evaluate(CONTRASTS)]
        said = {each["text"] for each in texts}
        assert {
            "Validating your flow...",
            "33",
            "Resume",
            "Follow",
            "timed out",
            "of the whole",
        } <= said
        weak = [each for each in texts if each["contrast"] < LEAST_CONTRAST]
        assert not weak, f"{theme}: {weak}"

    assert lab.page.evaluate(MOVING) == ["nbr-badge-shape"]
    lab.page.emulate_media(reduced_motion="reduce")
    assert lab.page.evaluate(MOVING) == []
