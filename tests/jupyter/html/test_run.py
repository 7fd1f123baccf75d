"""A run as text and as HTML in a saved notebook: complete, and without active content."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser

import pytest

from nbrunner import Runner
from nbrunner.jupyter.html.run import picture, table_picture

pytestmark = [pytest.mark.slow, pytest.mark.once]

# Markup, a colour, a title for the terminal, a bell, a change of direction; and the
# visible text.
NASTY = "<b>&amp;\"'\x1b[31m\x1b]0;owned\x07</b>\x07\u202e"
SHOWN = "<b>&amp;\"'</b>\u2407<U+202E>"

FLOW = """\
from metaflow import FlowSpec, Parameter, step

class PictureFlow(FlowSpec):

    word = Parameter('word', default='plain')
    width = Parameter('width', default=3)
    failing = Parameter('failing', default=False)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach='items')

    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, include=['word'])
        if self.failing:
            raise ValueError(self.word)
        self.next(self.end)

    @step
    def end(self):
        print('<script>the word is</script>', self.word)

if __name__ == '__main__':
    PictureFlow()
"""


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    """The fallback output of a run does not depend on how the run was started."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.fixture
def run(write_flow):
    def start(**arguments):
        file = write_flow("pictureflow.py", FLOW)
        return Runner(file, pylint=False, show_output=False).run(**arguments)

    return start


class Page(HTMLParser):
    """The HTML as a browser parses it: its text, its elements, and their actions."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "elements left open"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def acts(self) -> list[str]:
        """Return the elements and attributes that load something, link somewhere or run."""
        harmless = {"div", "span", "b", "pre", "table", "thead", "tbody", "tr", "th", "td"}
        found = [tag for tag in self.tags if tag not in harmless]
        found += [name for name, _ in self.attributes if name.startswith("on")]
        found += [name for name, _ in self.attributes if name in ("href", "src", "id", "class")]
        return found + [value for _, value in self.attributes if "url(" in value or ":/" in value]


def as_shown(line: str) -> str:
    """Return a line of the log with only time and task of Metaflow's prefix."""
    prefix = r"^\S+ (?P<time>\S{8})\.\d{3} (?:\[\d+/(?P<task>\w+/\d+) \(pid \d+\)\] )?"
    match = re.match(prefix, line)
    if match is None:
        return line
    return "  ".join(filter(None, (match["time"], match["task"], line[match.end() :])))


def misleading(text: str) -> list[str]:
    """Return the characters that move the cursor, change the direction or are invisible."""
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)


def test_a_successful_run(run):
    running = run(word="a word", tags=["one", "two words"])
    told = picture(running, log_lines=2)
    page = Page(told["text/html"])
    first, said, steps, above, *log, load = told["text/plain"].splitlines()
    assert re.fullmatch(rf"{running.pathspec}  successful  \d+\.\d\d s", first)
    assert said == "word=a word  tags: one, two words"
    assert steps == "start 1/1  work 3/3  join 1/1  end 1/1"
    lines = [as_shown(line) for line in (running.stderr + running.stdout).splitlines()]
    assert above == f"+ {len(lines) - 2} lines above"
    assert log == lines[-2:]
    assert re.fullmatch(r"\d\d:\d\d:\d\d  end/6  Task finished successfully\.", log[0])
    assert load == f"load it with metaflow.Run('{running.pathspec}')"
    assert page.text.startswith("✓ successful")
    for text in (running.pathspec, said, "\n".join(log), load.removeprefix("load it with ")):
        assert text in page.text
    assert f"the last 2 lines; {len(lines) - 2} more above" in page.text
    titles = [value for name, value in page.attributes if name == "title"]
    assert len(titles) == 4
    assert "work: 3 of 3 done, 0 running, 0 failed" in titles
    assert len(re.findall(r"\d\.\d\d s", page.text)) == 5, "of the run and of each step"
    assert page.acts() == []

    told = picture(running, log_lines=len(lines))  # all of them, so no text about more lines
    shown = told["text/plain"].splitlines()[3:-1]
    assert [line.split() for line in shown] == [line.split() for line in lines]
    assert "\n".join(shown) in Page(told["text/html"]).text
    assert "above" not in told["text/plain"] + told["text/html"]


def test_a_failed_run(run):
    running = run(failing=True, word="a 'reason'")
    told = picture(running, log_lines=0)
    page = Page(told["text/html"])
    text = told["text/plain"].splitlines()
    assert "  failed  " in text[0]
    assert text[1:3] == ["failing=True  word=a 'reason'", "start 1/1  work 3/3  join 0/1"]
    assert re.fullmatch(r"step join, task \d+: ValueError: a 'reason'", text[3])
    assert text[4:] == [
        f"  {running.record['flow']['file']}:22, in join",
        "    raise ValueError(self.word)",
        f"load it with metaflow.Run('{running.pathspec}')",
    ]
    assert page.text.startswith("✗ failed")
    assert "\n".join(text[3:6]) in page.text
    assert ("title", "join: 0 of 1 done, 0 running, 1 failed") in page.attributes
    assert page.acts() == []


def test_a_log_is_as_high_as_some_lines_and_cuts_through_none(run):
    html = picture(run(), log_lines=100)["text/html"]
    (height,) = re.findall(r"max-height:(\d+)px", html)
    (line,) = re.findall(r'<pre style="[^"]*line-height:(\d+)px;margin:0;padding:0', html)
    assert int(height) % int(line) == 0
    # A scrollbar below long lines would take height from the box.
    assert "overflow-wrap:anywhere" in html and "overflow-x:hidden" in html


def test_words_have_the_colour_of_the_text_around_whatever_the_theme(run):
    html = picture(run(failing=True), log_lines=5)["text/html"]
    assert re.search(r'<span style="color:#\w{6}">✗</span> failed', html)
    coloured = re.findall(r"[;\"]color:#\w+\">([^<]*)<", html)
    assert coloured == ["✗", "✓", "✓", "✗", "○"]


def test_a_long_message_leaves_room_for_the_rest(run):
    told = picture(run(failing=True, word="\n".join("abcdefghijklm")), log_lines=0)
    for text in (told["text/plain"], Page(told["text/html"]).text):
        failure = text[text.index("step join") :]
        assert "ValueError: a\nb\nc\nd\ne\nf\ng\nh\n… 5 more lines\n" in failure
        assert "    raise ValueError(self.word)" in failure


def test_what_a_stopped_run_had_not_done_has_not_failed(run, write_flow):
    file = write_flow("pictureflow.py", FLOW.replace("def work(self):", SLEEPING))
    runner = Runner(file, pylint=False, show_output=False)

    async def stopped():
        running = await runner.async_run(width=1)
        async for event in running.events():
            if (event.step, event.state) == ("work", "running"):
                break
        await running.async_stop()
        return running

    page = Page(picture(asyncio.run(stopped()), log_lines=0)["text/html"])
    assert "■ work 0/1" in page.text and "✗" not in page.text
    assert ("title", "work: 0 of 1 done, 0 running, 1 stopped") in page.attributes


SLEEPING = """def work(self):
        import time
        time.sleep(60)"""


def test_a_parameter_a_tag_and_a_line_of_the_log_are_text(run):
    running = run(word=NASTY, tags=[NASTY])
    told = picture(running, log_lines=100)
    page = Page(told["text/html"])
    for text in (told["text/plain"], page.text):
        assert f"word={SHOWN}  tags: {SHOWN}" in text
        assert f"<script>the word is</script> {SHOWN}" in text
        assert misleading(text) == []
    assert page.acts() == []


def test_an_exception_is_text(run):
    running = run(failing=True, word=NASTY)
    told = picture(running, log_lines=100)
    assert f": ValueError: {SHOWN}\n" in told["text/plain"]
    assert misleading(told["text/plain"]) == []
    page = Page(told["text/html"])
    assert f": ValueError: {SHOWN}\n" in page.text, "the failure"
    assert f"  join/5   ValueError: {SHOWN}\n" in page.text, "the log"
    assert misleading(page.text) == []
    assert page.acts() == []


def test_a_return_in_a_value_hides_no_other_value(run):
    told = picture(run(word="a\rb", tags=["n\rly"]), log_lines=0)
    for text in (told["text/plain"], Page(told["text/html"]).text):
        assert "word=b" in text and "tags: ly" in text


def test_a_line_end_in_a_value_breaks_no_line(run):
    told = picture(run(word="a\nb", tags=["c\nd"]), log_lines=0)["text/plain"]
    assert told.splitlines()[1] == "word=a b  tags: c d"
    table = table_picture("Runs", ["a\nb", "c"], [["1\n2", "3"]])["text/plain"]
    assert table.splitlines() == ["Runs", "a b  c", "1 2  3"]


def test_a_resumed_run_tells_its_origin_whoever_has_named_it(write_flow):
    runner = Runner(write_flow("failflow"), pylint=False, show_output=False)
    first = runner.run(fail=True)
    for resumed in (runner.resume(), runner.resume(origin_run_id=first.run.id)):
        said = picture(resumed, log_lines=0)["text/plain"].splitlines()[1]
        assert said == f"fail=True  origin_run_id={first.run.id}"


def test_a_table_is_text():
    told = table_picture("Runs", ["a", NASTY], [["1", NASTY], ["22", "<i>"]], "two of them")
    page = Page(told["text/html"])
    for text in (told["text/plain"], page.text):
        assert text.startswith("Runs")
        assert text.count(SHOWN) == 2
        assert text.endswith("two of them")
        assert misleading(text) == []
    assert told["text/plain"].splitlines()[-2] == "22  <i>"
    assert page.attributes.count(("style", "text-align:left")) == 2 + 2 * 2
    assert page.acts() == []
