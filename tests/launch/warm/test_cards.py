"""Cards of forked tasks are rendered by forks too, with the same result."""

from __future__ import annotations

import json
import os
import re
import socket
from base64 import b64decode

import pytest
from support.both_ways import both_ways, warmly

from nbrunner.launch.warm.fork_server import TaskServer
from nbrunner.launch.warm.forked_process import read_number

pytestmark = [pytest.mark.slow, pytest.mark.once]

# Records for each rendering whether it is a fork of the warm interpreter.
FLOW = """\
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown
import os, sys, time

RENDERING = 'card' in sys.argv
if RENDERING:
    with open('rendered', 'a') as file:
        print('nbrunner.launch.warm.zygote' in sys.modules, file=file)
{top}

class CardFlow(FlowSpec):

    {decorators}
    @step
    def start(self):
        self.number = 3
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    CardFlow()
"""


@pytest.fixture(autouse=True)
def card_root(tmp_path):
    """Create the folder for cards, which Metaflow searches for in the parents of the cwd."""
    root = tmp_path / ".metaflow"
    root.mkdir()
    return root


def card_flow(write_flow, decorators="@card", top="", body="pass"):
    text = FLOW.format(decorators=decorators, top=top, body=body)
    return write_flow("cardflow.py", text)


def rendered(outcome):
    """Return, for each rendering, whether it was a fork."""
    return (outcome.cwd / "rendered").read_text().split()


# Text that differs between any two cards; Metaflow joins a task's tags in the order of a set.
_VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+( [AP]M)?"), "WHEN"),
    (re.compile(r'_[0-9a-f]{6}"'), '_ID"'),
    (re.compile(r'"\d:\d\d:\d\d(\.\d+)?"'), "DURATION"),
    (re.compile(r"(\w+:[\w.]+, )+\w+:[\w.]+"), lambda tags: ", ".join(sorted(tags[0].split(", ")))),
)
_DATA = re.compile(r'(?<=__MF_DATA__\["UUID"\] = ")[^"]*')


def cards(outcome, root, step="start"):
    """Return HTML and data of the cards of a step, without parts that identify this run."""
    number = outcome.running.run.id
    files = [each for each in root.rglob("*.html") if {number, step} <= set(each.parts)]
    return sorted(_whole(outcome, file.read_text()) for file in files)


def _whole(outcome, text):
    text = _masked(outcome, text)
    return _DATA.sub(lambda data: _masked(outcome, b64decode(data[0]).decode()), text)


def _masked(outcome, text):
    text = outcome.masked(text)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


CARDS = {
    "a card": {},
    "two cards": {"decorators": "@card(type='blank', id='a')\n    @card(id='b')"},
    "components": {
        "decorators": "@card(type='blank')",
        "body": "current.card.append(Markdown('# Zaehler'))",
    },
    "a card that is refreshed": {
        "decorators": "@card(type='blank')",
        "body": "\n        ".join(
            (
                "current.card.append(Markdown('one'))",
                "current.card.refresh(force=True)",
                "time.sleep(0.3)",
            )
        ),
    },
}


@pytest.mark.parametrize("case", CARDS)
def test_cards_are_the_same_and_are_forked(case, write_flow, monkeypatch, card_root):
    """A10: the process that renders a card is a fork if its task is one."""
    cold, warm = both_ways(card_flow(write_flow, **CARDS[case]), monkeypatch)
    assert (warm.status, warm.stdout) == (cold.status, cold.stdout)
    htmls = cards(warm, card_root)
    assert htmls and htmls == cards(cold, card_root)
    assert set(rendered(cold)) == {"False"}
    assert set(rendered(warm)) == {"True"}


FAILING = {
    "an unknown type": {"decorators": "@card(type='no_such_type')"},
    "an exit code": {"top": "if RENDERING: print('on purpose'); sys.exit(3)"},
    "an error": {"top": "if RENDERING: raise ValueError('on purpose')"},
    "an error after output": {
        "top": "if RENDERING: print('a'); print('b', file=sys.stderr); os.kill(os.getpid(), 9)"
    },
}


@pytest.mark.parametrize("case", FAILING)
def test_a_card_that_fails_is_told_in_the_same_words(case, write_flow, monkeypatch):
    cold, warm = both_ways(card_flow(write_flow, **FAILING[case]), monkeypatch)
    assert (warm.status, warm.stdout, warm.stderr) == (cold.status, cold.stdout, cold.stderr)


CHANGES = {
    "a variable": "os.environ['METAFLOW_DEBUG_TRACING'] = '1'",
    "the umask": "os.umask(0o027)",
    "the directory": "os.makedirs('elsewhere'); os.chdir('elsewhere')",
    "the flow file": "open(sys.argv[0], 'a').write('#')",
    "buffering": "del os.environ['PYTHONUNBUFFERED']",
    "stdin": "import socket; ends = socket.socketpair(); os.dup2(ends[0].fileno(), 0)",
    "a limit": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_step_that_changes_its_process(change, write_flow, monkeypatch, tmp_path):
    """A10: its card is then rendered by a fresh interpreter, which inherits the change."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    flow = card_flow(write_flow, body=CHANGES[change])
    flow.write_text(flow.read_text().replace("'rendered'", f"{str(tmp_path / 'rendered')!r}"))
    warm = warmly(flow, monkeypatch)
    assert warm.status == "successful", warm.stdout
    assert set((tmp_path / "rendered").read_text().split()) == {"False"}


@pytest.mark.parametrize("stdin", ["socket", "closed"])
def test_a_request_that_cannot_be_served_is_refused_at_once(stdin):
    """A10: a task whose stdin cannot be opened again does not wait ten seconds for each card."""
    ours, theirs = socket.socketpair()
    server = TaskServer(theirs, None)
    request, (told, telling) = os.memfd_create("request"), os.pipe()
    number = ours.fileno() if stdin == "socket" else 10**6
    with open(request, "wb") as file:
        content = {"token": "abc", "descriptors": [number, telling, telling, telling]}
        file.write(json.dumps(content).encode())
        file.flush()
        os.write(server._cards_end, f"{os.getpid()} {request} abc\n".encode())
        assert server._serve_cards() is None
    os.close(telling)
    assert read_number(told) == 0
    assert read_number(told) is None, "no descriptor of ours is kept"
    for each in (told, *server._descriptors()):
        os.close(each)
    ours.close()


def test_cards_of_a_foreach_at_the_same_time(write_flow, monkeypatch, card_root):
    text = FLOW.format(decorators="", top="", body="self.items = list(range(12))")
    text = text.replace("self.next(self.end)", "self.next(self.work, foreach='items')", 1)
    work = (
        "    @card\n    @step\n    def work(self):\n        self.next(self.join)\n\n"
        "    @step\n    def join(self, inputs):\n        self.next(self.end)\n\n"
    )
    text = text.replace("    @step\n    def end", f"{work}    @step\n    def end")
    warm = warmly(write_flow("cardflow.py", text), monkeypatch)
    assert warm.status == "successful", warm.stdout
    assert len(cards(warm, card_root, "work")) == 12
    assert set(rendered(warm)) == {"True"}
    assert len(rendered(warm)) >= 12
