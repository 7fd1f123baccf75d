"""The cost of a board of a hundred runs for kernel and wire, for a test and a benchmark."""

from __future__ import annotations

import json
import time

from support.lab import NotebookPage

RUNS = 100

FLOW = """\
%%flowrun --no-execute
from metaflow import FlowSpec, Parameter, step

class ShortFlow(FlowSpec):

    number = Parameter('number', default=0)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# All at once; the CPU time is that of all threads of the kernel's process.
SWEEP = """\
import json, time
from nbrunner import Runner, sweep
runner = Runner(ShortFlow, pylint=False)
runner.run(number=0)  # the warm interpreter is there
wall, cpu = time.monotonic(), time.process_time()
done = sweep(runner, {'number': list(range(RUNS))}, parallel=RUNS)
wall, cpu = time.monotonic() - wall, time.process_time() - cpu
print(json.dumps({'runs': done.counts, 'seconds': wall, 'cpu': cpu / wall}))
""".replace("RUNS", str(RUNS))


def board_figures(lab: NotebookPage) -> dict[str, float]:
    """Run a hundred flows at once with one board; return messages per second and CPU share.

    Returns ``successful`` (runs), ``seconds``, ``cpu`` and ``messages a second``.
    """
    received = lab.open_heard()
    lab.execute(0, "%load_ext nbrunner")
    lab.execute(1, FLOW)
    began = time.monotonic()
    lab.execute(2, SWEEP, wait=False)
    board = lab.page.get_by_role("region", name="Runs", exact=True)
    lab.until(board.count, "the board")
    shown = time.monotonic()
    output = lab.page.locator(".jp-OutputArea-output").filter(has_text='"cpu"')
    lab.until(output.count, "the end of the sweep", seconds=300)
    ended = time.monotonic()
    found = json.loads(output.inner_text())
    assert began < shown < ended
    messages = sum(shown <= when <= ended for when, _ in received)
    return {
        "successful": found["runs"].get("successful", 0),
        "seconds": found["seconds"],
        "cpu": found["cpu"],
        "messages a second": messages / (ended - shown),
    }
