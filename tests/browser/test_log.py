"""The log in JupyterLab: long lines, searching, selecting, while a run prints."""

from __future__ import annotations

import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

LONG = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class LongFlow(FlowSpec):

    @step
    def start(self):
        for number in range(30):
            print(f'LINE{number:02} ' + 'word ' * 590 + f'last{number:02}')
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# The text of the visible part of the log.
SEEN = """log => {
  const view = log.getBoundingClientRect();
  const inView = element => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > view.top + 1 && top < view.bottom - 1;
  };
  const found = new Set();
  const walker = document.createTreeWalker(log, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const { 0: word, index } of node.data.matchAll(/(?:LINE|last)\\d\\d/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (inView(range)) found.add(word);
    }
  }
  return [...found];
}"""
# Whether the match in the line with a word is visible.
MATCH = """(log, word) => {
  const row = log.querySelector('.nbr-log-current');
  if (!row?.textContent.includes(word)) return false;
  const view = log.getBoundingClientRect();
  const box = row.querySelector('mark').getBoundingClientRect();
  return box.left >= view.left && box.right <= view.right
    && box.top >= view.top && box.bottom <= view.bottom;
}"""

ENDS = {f"{end}{number:02}" for number in range(30) for end in ("LINE", "last")}


@pytest.fixture
def log(lab):
    """Open the log of a run with long lines, wrapped, scrolled to its start."""
    lab.execute(0, LOAD)
    lab.execute(1, LONG)
    panel = lab.panel()
    panel.until_status("successful")
    log = panel.locator.get_by_role("log")
    panel.locator.get_by_role("switch", name="Wrap lines").click()
    log.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: "LINE00" in log.evaluate(SEEN), "the first line")
    return log


def frame(lab):
    lab.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def reached(lab, log, move, at_most):
    """Scroll until the last line is visible; return the texts seen on the way."""
    seen = set(log.evaluate(SEEN))
    for _ in range(at_most):
        move()
        frame(lab)
        seen |= set(now := log.evaluate(SEEN))
        if "last29" in now:
            return seen
    raise AssertionError(f"the last line is not reached: {sorted(ENDS - seen)}")


@pytest.mark.parametrize("way", ["PageDown", "wheel"])
def test_every_part_of_long_lines_that_wrap_is_reached(lab, log, way):
    moves = {
        "PageDown": lambda: lab.page.keyboard.press("PageDown"),
        "wheel": lambda: lab.page.mouse.wheel(0, 200),
    }
    log.hover()
    seen = reached(lab, log, moves[way], at_most=200)
    assert seen >= ENDS
    lab.page.keyboard.press("Home")
    lab.until(lambda: "LINE00" in log.evaluate(SEEN), "the first line again")
    lab.page.keyboard.press("End")
    lab.until(lambda: "last29" in log.evaluate(SEEN), "the last line again")
    lab.page.keyboard.press("PageUp")
    lab.until(lambda: "last29" not in log.evaluate(SEEN), "the page before")


def test_a_match_far_down_a_long_line_is_in_sight(lab, log):
    panel = lab.panel().locator
    panel.get_by_role("searchbox", name="Search log").fill("last2")
    lab.until(lambda: panel.get_by_text("10 matches").count(), "the matches")
    for wrapped in (True, False):
        for number in range(20, 30):
            panel.get_by_role("button", name="Next match").click()
            lab.until(lambda n=number: log.evaluate(MATCH, f"last{n}"), f"match {number}")
        if wrapped:
            panel.get_by_role("switch", name="Wrap lines").click()


TICKING = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class TickFlow(FlowSpec):

    @step
    def start(self):
        import time
        for number in range(6000):
            print('tick', number, flush=True)
            time.sleep(0.05)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# Selects the last two visible lines, except the very last one, which may still change.
SELECT = """log => {
  const rows = [...log.querySelectorAll('.nbr-log-row')].slice(-3, -1);
  getSelection().setBaseAndExtent(rows[0], 0, rows[1], rows[1].childNodes.length);
  return rows.map(row => row.querySelector('.nbr-log-text').textContent);
}"""
COPIED = """() => {
  let text = null;
  document.addEventListener('copy', () => { text = getSelection().toString() }, { once: true });
  document.execCommand('copy');
  return text;
}"""


def test_selected_text_stays_while_a_run_prints_and_is_copied_as_whole_lines(lab):
    lab.execute(0, LOAD)
    lab.execute(1, TICKING)
    panel = lab.panel()
    lab.until(lambda: panel.lines > 40, "enough lines to scroll")
    log = panel.locator.get_by_role("log")
    lines = log.evaluate(SELECT)
    before = panel.lines
    lab.until(lambda: panel.lines > before + 40, "many more lines")
    assert lab.page.evaluate(COPIED) == "\n".join(lines)
    lab.page.evaluate("() => getSelection().removeAllRanges()")
    lab.until(
        lambda: int(log.locator(".nbr-log-row").last.get_attribute("data-line")) > before + 30,
        "the newest lines",
    )
    # Nor does it vanish if the user has scrolled up.
    log.focus()
    lab.page.keyboard.press("Home")
    first = log.locator(".nbr-log-row", has_text="tick 3").first
    first.locator(".nbr-log-text").dblclick()
    assert lab.page.evaluate("() => getSelection().toString()").strip() in ("tick", "3")
    before = panel.lines
    lab.until(lambda: panel.lines > before + 20, "more lines")
    assert lab.page.evaluate("() => getSelection().toString()").strip() in ("tick", "3")
    panel.button("Stop").click()
    panel.until_status("stopped")
