"""All text of the panels can be read, in JupyterLab's light and dark theme."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

LOAD = "%load_ext nbrunner"

FAILS = """\
%%flowrun --no-pylint run --rate 0.5
from metaflow import FlowSpec, Parameter, step

class RatesFlow(FlowSpec):
    rate = Parameter('rate', default=0.1)

    @step
    def start(self):
        import sys
        for colour in range(30, 38):
            print(f'\\x1b[{colour}mcolour {colour}\\x1b[0m', file=sys.stderr)
        self.share = self.rate / 0
        self.next(self.end)

    @step
    def end(self):
        pass
"""

BADGES = """\
from IPython.display import display
from nbrunner.jupyter import wire
from nbrunner.jupyter.widgets import StatusBadge
for state in wire.STATES:
    display(StatusBadge(status=state, detail='asked to stop'))
"""

# Texts with less contrast than WCAG asks for, on what stands behind them; not those that are off.
TOO_WEAK = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1) }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([...rgb]) => {
    const [r, g, b] = rgb.slice(0, 3).map(value => value / 255)
      .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const weak = new Set();
  for (const element of document.querySelectorAll('.nbr, .nbr *, .nbr-badge, .nbr-badge *')) {
    const says = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!says || !element.checkVisibility() || element.closest('[aria-disabled=true], [aria-hidden]'))
      continue;
    const grounds = ['white'];
    for (let each = element; each; each = each.parentElement)
      grounds.splice(1, 0, getComputedStyle(each).backgroundColor);
    const [text, ground] = [over([...grounds, getComputedStyle(element).color]), over(grounds)];
    const [dark, bright] = [light(text), light(ground)].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) weak.add(`${element.className} ${element.textContent.slice(0, 20)} ${ratio}`);
  }
  return [...weak];
}"""


def test_all_texts_have_contrast_in_light_and_dark(lab):
    lab.execute(0, LOAD)
    lab.execute(1, FAILS)
    panel = lab.panel()
    panel.until_status("failed")
    panel.locator.get_by_role("searchbox", name="Search log").fill("rate")
    lab.until(lambda: panel.locator.locator("mark").count(), "a match")
    lab.execute(2, BADGES + "display(get_ipython().run_line_magic('flowruns', 'RatesFlow'))")
    history = lab.page.get_by_role("region", name="Runs of RatesFlow")
    lab.until(lambda: history.get_by_role("row").count() == 2, "the run")
    change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.page.evaluate(change, theme)
        lab.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        lab.until(lambda: not lab.page.evaluate(TOO_WEAK), f"contrast in {theme}", 10)
