"""Pictures of the panels for the README, taken in JupyterLab in Chromium.

``make pictures`` writes them into ``docs/pictures``: light, dark, and in a narrow window.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.cells import LOAD
from support.lab import NotebookPage, opened

OUT = Path(__file__).parents[1] / "docs" / "pictures"

FLOW = '''\
%%flowrun --bg --no-pylint run --alpha 0.5 --tag nightly
from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown

class TrainFlow(FlowSpec):
    """Fit one model for each depth, and keep the best."""

    alpha = Parameter('alpha', default=0.1, help='strength of the penalty')
    folds = Parameter('folds', default=5, help='how many parts the data is cut into')
    metric = Parameter('metric', default='accuracy', help='what the best is chosen by')

    @step
    def start(self):
        """Load the data and choose the depths."""
        import pandas
        self.table = pandas.DataFrame({'depth': range(1, 9), 'rows': 1797})
        self.depths = list(self.table.depth)
        print('1,797 rows, 64 columns')
        self.next(self.train, foreach='depths')

    @step
    def train(self):
        """Fit and score one model."""
        import time
        self.depth = self.input
        for fold in range(self.folds):
            time.sleep(0.05 + 0.04 * self.depth)
            self.score = 1 - self.alpha / (self.depth + 2) - 0.01 * fold
            print(f'depth {self.depth}  fold {fold + 1}/{self.folds}  '
                  f'accuracy {self.score:.4f}', flush=True)
        self.next(self.choose)

    @card
    @step
    def choose(self, inputs):
        """Keep the best."""
        import pandas
        rows = [(each.depth, each.score) for each in inputs]
        self.scores = pandas.DataFrame(rows, columns=['depth', 'score'])
        self.best = self.scores.loc[self.scores.score.idxmax()].to_dict()
        current.card.append(Markdown(f'# Best: depth {self.best["depth"]:.0f}'))
        print('best', self.best)
        self.next(self.end)

    @step
    def end(self):
        pass
'''

FAILS = """\
%%flowrun --no-pylint run --rate 0.5
from metaflow import FlowSpec, Parameter, step

class RatesFlow(FlowSpec):
    rate = Parameter('rate', default=0.1, help='between 0 and 1')

    @step
    def start(self):
        self.rows = {'north': 120, 'south': 0}
        self.next(self.divide)

    @step
    def divide(self):
        self.share = {name: self.rate / count for name, count in self.rows.items()}
        self.next(self.end)

    @step
    def end(self):
        pass
"""

MILLION = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class MillionFlow(FlowSpec):

    @step
    def start(self):
        for n in range(10**6):
            print(f'record {n:>7,} checked: {n * 2654435761 % 2**32:>10} is its hash')
        self.next(self.end)

    @step
    def end(self):
        print('all checked')
"""

SWEEP = """\
from nbrunner import Runner, sweep
done = sweep(Runner(RatesFlow, pylint=False), {'rate': [0.1, 0.2, 0.4, 0.8]}, parallel=2)
"""


class Camera:
    """Takes pictures of the output of a cell."""

    def __init__(self, notebook: NotebookPage, out: Path) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.out = out

    def theme(self, name: str) -> None:
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            name,
        )
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")

    def panel(self, name: str, number: int = 0) -> None:
        panel = self.page.locator(".nbrunner-panel").nth(number)
        panel.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)  # fonts are loaded and transitions have ended
        panel.screenshot(path=str(self.out / f"{name}.png"))

    def cell(self, name: str, number: int) -> None:
        cell = self.page.locator(".jp-CodeCell").nth(number)
        cell.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)
        cell.screenshot(path=str(self.out / f"{name}.png"))


def run_panel(camera: Camera) -> None:
    """A run: while it runs, when it has ended, with everything unfolded."""
    lab = camera.notebook
    lab.execute(0, LOAD)
    lab.execute(1, FLOW, wait=False)
    panel = lab.panel()
    panel.until_status("running")
    lab.until(lambda: panel.lines > 25, "lines")
    camera.panel("running")
    panel.until_status("successful")
    for name in ("Timeline", "Artifacts", "Cards"):
        panel.locator.get_by_text(name, exact=True).first.click()
    lab.until(lambda: panel.locator.locator("iframe").count(), "the card")
    panel.locator.get_by_label("Artifacts of step").select_option("choose")
    lab.until(lambda: panel.locator.get_by_label("Show scores").count(), "the artifacts")
    panel.locator.get_by_label("Show scores").click()
    lab.until(lambda: panel.locator.get_by_role("table", name="scores").count(), "the table")
    camera.panel("unfolded")
    camera.theme("JupyterLab Dark")
    camera.panel("unfolded-dark")
    camera.theme("JupyterLab Light")


def failure(camera: Camera) -> None:
    """A failed run, light, dark and narrow."""
    lab = camera.notebook
    lab.execute(0, LOAD)
    lab.execute(1, FAILS)
    panel = lab.panel()
    panel.until_status("failed")
    # The output of the run process; the traceback below it has folders of this machine.
    panel.locator.get_by_role("combobox", name="Stream").select_option("stderr")
    lab.until(lambda: panel.locator.get_by_text("Step failure:").count(), "the lines of stderr")
    camera.panel("failed")
    camera.theme("JupyterLab Dark")
    camera.panel("failed-dark")
    camera.theme("JupyterLab Light")
    camera.page.set_viewport_size({"width": 480, "height": 1000})
    camera.panel("failed-narrow")
    camera.page.set_viewport_size({"width": 1100, "height": 2000})


def million(camera: Camera) -> None:
    """A log of a million lines, searched."""
    lab = camera.notebook
    lab.execute(0, LOAD)
    lab.execute(1, MILLION)
    panel = lab.panel()
    panel.until_status("successful", 120)
    lab.until(lambda: panel.lines > 1_000_000, "all lines")
    panel.locator.get_by_role("searchbox").fill("77,777")
    lab.until(
        lambda: "9 match" in panel.locator.inner_text() or "10 match" in panel.locator.inner_text(),
        "matches",
    )
    panel.locator.get_by_role("button", name="Next match").click()
    lab.until(lambda: panel.locator.locator("mark").count(), "the first match")
    camera.panel("million")


def panels(camera: Camera) -> None:
    """Form, sweep and history."""
    lab = camera.notebook
    lab.execute(0, LOAD)
    lab.execute(
        1,
        FAILS.replace("run --rate 0.5", "run --rate 0.5 --tag nightly").replace(
            "count for", "max(count, 1) for"
        ),
    )
    lab.panel().until_status("successful")
    lab.execute(2, "%flowform RatesFlow")
    form = lab.page.get_by_role("region", name="Launch RatesFlow")
    lab.until(lambda: form.count(), "the form")
    form.get_by_label("rate").fill("high")
    lab.until(lambda: "expected" in form.inner_text(), "what is wrong")
    camera.panel("form", 1)
    lab.execute(3, SWEEP)
    board = lab.page.get_by_role("region", name="Runs", exact=True)
    lab.until(lambda: "4 successful" in board.inner_text(), "the end of the sweep")
    camera.panel("board", 2)
    lab.execute(4, "%flowruns RatesFlow")
    history = lab.page.get_by_role("region", name="Runs of RatesFlow")
    lab.until(lambda: history.get_by_role("row").count() > 5, "the runs")
    camera.panel("history", 3)


SCENES: dict[str, Callable[[Camera], None]] = {
    each.__name__: each for each in (run_panel, failure, million, panels)
}


def main(names: list[str]) -> None:
    """Take the pictures of the named scenes, or of all."""
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or list(SCENES):
        with opened(cells=5, width=1100, height=2000) as notebook:
            SCENES[name](Camera(notebook, OUT))


if __name__ == "__main__":
    main(sys.argv[1:])
