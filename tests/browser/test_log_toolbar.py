"""Filtering, searching, wrapping, following and copying a log, by mouse and keyboard."""

from __future__ import annotations

import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

WORDY = """\
%%flowrun --no-pylint
import sys
from metaflow import FlowSpec, step

if 'run' in sys.argv:  # Metaflow takes the colours out of what its tasks print
    print('\\x1b[31mred\\x1b[0m and \\x1b[1;32mbold\\x1b[0m', file=sys.stderr)

class WordyFlow(FlowSpec):

    @step
    def start(self):
        for number in range(300):
            print('line', number)
        self.next(self.end)

    @step
    def end(self):
        print('begin ' + 'x' * 1_000_000 + ' finish')
"""


@pytest.fixture
def panel(lab):
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.execute(0, LOAD)
    lab.execute(1, WORDY)
    panel = lab.panel()
    panel.until_status("successful")
    lab.until(lambda: "Done!" in panel.locator.get_by_role("log").inner_text(), "the last line")
    return panel


# The texts of the rows of which at least half is visible.
IN_SIGHT = """log => {
    const pane = log.getBoundingClientRect();
    const isIn = ({top, bottom}) => top + bottom > 2 * pane.top && top + bottom < 2 * pane.bottom;
    return [...log.querySelectorAll('.nbr-log-row')]
        .filter(row => isIn(row.getBoundingClientRect()))
        .map(row => row.querySelector('.nbr-log-text')?.textContent.slice(0, 30) ?? '');
}"""


def test_a_log_is_filtered_searched_taken_along_and_wrapped(lab, panel, private_state):
    log = panel.locator.get_by_role("log", name="Log")
    count = panel.locator.locator(".nbr-log-count")
    follow = panel.locator.get_by_role("switch", name="Follow")
    (stdout,) = private_state.glob("runs/*/stdout.log")
    logs = [stdout.read_text(), stdout.with_name("stderr.log").read_text()]
    total = sum(text.count("\n") for text in logs)
    assert panel.lines == total

    # Metaflow's own messages and the output of the flow file are on stderr, in colours.
    panel.locator.get_by_role("combobox", name="Stream").select_option("stderr")
    lab.until(lambda: count.inner_text() == f"4 lines of {total}", "the lines of stderr")
    lab.until(lambda: log.get_by_text("The graph looks good!").count(), "what they say")
    assert "line 299" not in log.inner_text()
    plain = log.get_by_text("and", exact=True)
    looks = [
        each.evaluate("text => [getComputedStyle(text).color, getComputedStyle(text).fontWeight]")
        for each in (log.get_by_text("red", exact=True), plain, log.get_by_text("bold"))
    ]
    assert len({colour for colour, _ in looks}) == 3
    assert [weight for _, weight in looks] == ["400", "400", "700"]
    panel.button("Copy log").click()
    copied = "() => navigator.clipboard.readText()"
    lab.until(lambda: "graph looks good" in lab.page.evaluate(copied), "the copy")
    said = logs[1].replace("\x1b[31m", "").replace("\x1b[1;32m", "").replace("\x1b[0m", "")
    assert lab.page.evaluate(copied) == said.rstrip("\n")
    panel.locator.get_by_role("combobox", name="Stream").select_option("stdout")
    lab.until(lambda: count.inner_text() == f"{total - 4} lines of {total}", "those of stdout")
    panel.locator.get_by_role("combobox", name="Stream").select_option("")

    # From match to match and back to the first, visible each time.
    matches = panel.locator.locator(".nbr-log-matches")
    assert panel.button("Next match").is_hidden()
    panel.locator.get_by_role("searchbox", name="Search log").fill("LINE 29")
    lab.until(lambda: matches.inner_text() == "11 matches", "the matches")
    assert follow.get_attribute("aria-checked") == "true"
    current = log.locator(".nbr-log-current .nbr-log-text")
    for button, place, text in (
        ("Next match", "1 of 11 matches", "line 29"),
        ("Next match", "2 of 11 matches", "line 290"),
        ("Previous match", "1 of 11 matches", "line 29"),
        ("Previous match", "11 of 11 matches", "line 299"),
        ("Next match", "1 of 11 matches", "line 29"),
    ):
        panel.button(button).click()
        lab.until(lambda place=place: matches.inner_text() == place, place)
        lab.until(lambda text=text: text in log.evaluate(IN_SIGHT), f"{text} in sight")
        lab.until(lambda text=text: current.all_inner_texts() == [text], "the match to be marked")
    assert log.locator("mark").first.inner_text() == "line 29"
    assert follow.get_attribute("aria-checked") == "false"

    with lab.page.expect_download() as download:
        panel.button("Download log").click()
    assert download.value.suggested_filename.startswith("WordyFlow-")
    text = download.value.path().read_text()
    assert sorted(text.splitlines()) == sorted((logs[0] + logs[1]).splitlines())
    for each in logs:
        assert [line for line in text.splitlines() if line in set(each.splitlines())] == (
            each.splitlines()
        )

    # Only a part of a line of a megabyte is shown, until the user requests all of it.
    log.focus()
    lab.page.keyboard.press("End")
    lab.until(lambda: log.evaluate(IN_SIGHT)[-1] == "Done!", "the last line")
    long = log.locator(".nbr-log-row", has_text="begin x")
    assert len(long.locator(".nbr-log-text").inner_text()) < 10_000
    assert long.bounding_box()["height"] == 18
    assert log.evaluate("log => log.scrollWidth > 10 * log.clientWidth")
    # A search also finds text that is not shown.
    panel.locator.get_by_role("searchbox", name="Search log").fill("x finish")
    lab.until(lambda: panel.locator.get_by_text("1 match", exact=True).count(), "the match")
    wrap = panel.locator.get_by_role("switch", name="Wrap lines")
    wrap.click()
    lab.until(lambda: long.bounding_box()["height"] > 40 * 18, "the line to wrap")
    assert wrap.get_attribute("aria-checked") == "true"
    assert log.evaluate("log => log.scrollWidth == log.clientWidth")
    assert log.evaluate(IN_SIGHT)[-1] == "Done!"
    long.get_by_role("button", name="more characters").click()
    whole = "begin " + "x" * 1_000_000 + " finish"
    lab.until(lambda: long.locator(".nbr-log-text").text_content() == whole, "all of it")
    assert log.evaluate(IN_SIGHT)[-1] == "Done!"
    wrap.click()
    lab.until(lambda: long.bounding_box()["height"] == 18, "the line to be one row again")


def test_everything_in_the_log_is_reached_by_keyboard(lab, panel):
    log = panel.locator.get_by_role("log", name="Log")
    follow = panel.locator.get_by_role("switch", name="Follow")
    wrap = panel.locator.get_by_role("switch", name="Wrap lines")
    press = lab.page.keyboard.press
    focused = "() => document.activeElement.getAttribute('aria-label')"

    def top():
        return log.evaluate(IN_SIGHT)[0]

    panel.locator.get_by_role("combobox", name="Step").focus()
    for name in ("Stream", "Search log", "Follow", "Wrap lines", "Download log", "Copy log", "Log"):
        press("Tab")
        assert lab.page.evaluate(focused) == name
    assert follow.get_attribute("aria-checked") == "true"
    # Following stops when the user scrolls up, and starts again at the end.
    press("Home")
    lab.until(lambda: top() == "red and bold", "the first line")
    assert follow.get_attribute("aria-checked") == "false"
    press("ArrowDown")
    lab.until(lambda: top().startswith("Metaflow "), "one line further")
    press("ArrowUp")
    lab.until(lambda: top() == "red and bold", "one line back")
    last = log.evaluate(IN_SIGHT)[-1]
    press("PageDown")
    lab.until(lambda: last in log.evaluate(IN_SIGHT)[:2], "one page further")
    press("PageUp")
    lab.until(lambda: top() == "red and bold", "one page back")
    press("End")
    lab.until(lambda: log.evaluate(IN_SIGHT)[-1] == "Done!", "the last line")
    lab.until(lambda: follow.get_attribute("aria-checked") == "true", "following again")
    lab.page.mouse.move(*(log.bounding_box()[side] + 50 for side in ("x", "y")))
    lab.page.mouse.wheel(0, -360)
    lab.until(lambda: follow.get_attribute("aria-checked") == "false", "a wheel to end it")
    lab.page.mouse.wheel(0, 720)
    lab.until(lambda: follow.get_attribute("aria-checked") == "true", "following again")

    press("/")
    assert lab.page.evaluate(focused) == "Search log"
    lab.page.keyboard.type("line 29/")
    matches = panel.locator.locator(".nbr-log-matches")
    lab.until(lambda: matches.inner_text() == "no match", "no line with a slash")
    press("Backspace")
    lab.until(lambda: matches.inner_text() == "11 matches", "the matches")
    press("Enter")
    lab.until(lambda: matches.inner_text() == "1 of 11 matches", "the first")
    press("Shift+Enter")
    lab.until(lambda: matches.inner_text() == "11 of 11 matches", "the last")
    for name in ("Previous match", "Next match"):
        press("Tab")
        assert lab.page.evaluate(focused) == name
    press("Enter")
    lab.until(lambda: matches.inner_text() == "1 of 11 matches", "the first again")
    press("Shift+Tab")
    press("Shift+Tab")
    press("Escape")
    lab.until(lambda: matches.inner_text() == "", "no search")
    lab.page.keyboard.type("line 3")
    press("Enter")  # goes to no match of the earlier text
    lab.until(lambda: matches.inner_text().endswith(" matches"), "those of another search")
    assert "of" not in matches.inner_text()
    press("Escape")
    lab.until(lambda: matches.inner_text() == "", "no search")
    for name in ("Follow", "Wrap lines"):
        press("Tab")
        assert lab.page.evaluate(focused) == name
    press("Space")
    lab.until(lambda: wrap.get_attribute("aria-checked") == "true", "lines to wrap")
    assert lab.prompt(1) == "[2]:", "no key was taken for a shortcut of the notebook"
    assert lab.page.locator(".jp-CodeCell").count() == 3
