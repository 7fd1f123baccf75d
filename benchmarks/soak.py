"""``python -m benchmarks.soak``: an hour's use of one notebook, as fast as possible.

In JupyterLab in Chromium the same cells are executed repeatedly: a run that succeeds, one that is
stopped, one that fails and is resumed, a sweep, the tables and forms, and sometimes a
restart of the kernel during an active run. Only what is kept on purpose may grow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from support.lab import NotebookPage, opened
from support.log_figures import heap_bytes

# The limit of records and logs: about two hundred runs, so that old ones are deleted.
BEGIN = """\
%load_ext nbrunner
%config FlowRun.keep_gigabytes = 0.005
ended = []
"""

WORKS = """\
%%flowrun --no-pylint run --lines 200
from metaflow import FlowSpec, Parameter, step

class WorksFlow(FlowSpec):

    lines = Parameter('lines', default=10)

    @step
    def start(self):
        for number in range(self.lines):
            print('line', number)
        self.items = [1, 2, 3]
        self.next(self.each, foreach='items')

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

LASTS = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class LastsFlow(FlowSpec):

    @step
    def start(self):
        import time
        print('begun', flush=True)
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

FAILS = """\
%%flowrun --no-raise-error --no-pylint
from metaflow import FlowSpec, step

class FailsFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        raise ValueError('as it should')
"""

# The actions of a user, a text for each cell.
ROUND = (
    WORKS,
    "ended.append(running.status); running",
    LASTS,
    "%flowstop\nended.append(running.status)",
    FAILS,
    "ended.append(running.status)\n%flowrun --no-raise-error FailsFlow --no-pylint resume",
    "ended.append(running.status)\n"
    "from nbrunner import Runner, sweep\n"
    "done = sweep(Runner(WorksFlow, pylint=False), {'lines': [1, 2, 3]}, parallel=2)\n"
    "ended.extend(done.statuses)",
    "%flowruns WorksFlow\n%flowform WorksFlow\n%flowruns --clean",
)
RUNS_A_ROUND = {"successful": 4, "stopped": 1, "failed": 2}

AGAIN = """\
from nbrunner import attach
running = attach(LASTING)
running.stop()
ended.append(running.status)
"""

COUNT = """\
import gc, json, psutil, threading
from collections import Counter
from ipywidgets.widgets.widget import _instances
from nbrunner.record import registry
from nbrunner.record.retention import disk_usage
gc.collect()
me = psutil.Process()
used, kept = disk_usage(registry.runs_directory())
print('COUNTED', json.dumps({
    'kernel: memory, MB': me.memory_info().rss / 1e6,
    'kernel: descriptors': me.num_fds(),
    'kernel: threads': threading.active_count(),
    'kernel: children': len(me.children()),
    'kernel: widgets': len(_instances),
    'kernel: comms': len(get_ipython().kernel.comm_manager.comms),
    'records kept': kept,
    'records on disk, MB': used / 1e6,
    'ended': Counter(ended),
}))
"""


@dataclass
class Soak:
    """One notebook that is used repeatedly.

    Attributes
    ----------
    lab : NotebookPage
    state : Path
        The state directory of its runs.
    """

    lab: NotebookPage
    state: str

    def round(self) -> None:
        """Execute every cell once."""
        for number, text in enumerate(ROUND, start=1):
            self.lab.execute(number, text)

    def restart(self) -> None:
        """Restart the kernel during a run, attach to the run, and stop it."""
        self.lab.execute(3, LASTS)
        self.lab.execute(0, "print('LASTING', running.pathspec)")
        lasting = self._printed(0, "LASTING")
        self.lab.restart()
        self.lab.execute(0, BEGIN + AGAIN.replace("LASTING", repr(lasting)))

    def count(self) -> tuple[dict[str, float], Counter[str]]:
        """Return the count of every resource, and the number of ended runs by status."""
        self.lab.execute(0, COUNT)
        found = json.loads(self._printed(0, "COUNTED"))
        ended = Counter(found.pop("ended"))
        found["processes of runs and kernel"] = len(_processes(self.state))
        found["page: JavaScript heap, MB"] = heap_bytes(self.lab.page) / 1e6
        found["page: elements"] = self.lab.page.evaluate(
            "() => document.getElementsByTagName('*').length"
        )
        return found, ended

    def _printed(self, cell: int, mark: str) -> str:
        output = self.lab.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")
        self.lab.until(lambda: mark in "".join(output.all_inner_texts()), mark)
        return "".join(output.all_inner_texts()).partition(mark)[2].strip()


def _processes(state: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NBRUNNER_STATE_DIR") == state:
                found.append(process)
        except psutil.Error:  # ended, or another user's
            continue
    return found


def main() -> None:
    """Use a notebook for a while; print the counts of every resource, early and late."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--restarts", type=int, default=2)
    arguments = parser.parse_args()
    stretch = arguments.rounds // (arguments.restarts + 1)
    began, runs = time.monotonic(), Counter[str]()
    with opened(cells=len(ROUND) + 1) as lab:
        soak = Soak(lab, lab.state)
        lab.execute(0, BEGIN)
        for part in range(arguments.restarts + 1):
            if part:
                soak.restart()
            for number in range(stretch):
                soak.round()
                if number == 2:
                    early, _ = soak.count()  # counts of this kernel, which has imported everything
                print(f"round {part * stretch + number + 1}", file=sys.stderr)
            late, ended = soak.count()
            check(ended, stretch, restarted=part > 0)
            runs += ended
    print_table(early, late, runs, stretch, time.monotonic() - began)


def check(ended: Counter[str], rounds: int, restarted: bool) -> None:
    """Raise unless every run of a round has ended as expected."""
    expected = Counter({status: count * rounds for status, count in RUNS_A_ROUND.items()})
    expected["stopped"] += restarted  # the run that outlived its kernel
    if ended != expected:
        raise RuntimeError(f"expected {dict(expected)}, got {dict(ended)}")


def print_table(
    early: dict[str, float], late: dict[str, float], runs: Counter[str], rounds: int, seconds: float
) -> None:
    """Print early and late figures of the last kernel side by side."""
    told = ", ".join(f"{count} {status}" for status, count in runs.items())
    print(f"{sum(runs.values())} runs in {seconds / 60:.0f} minutes: {told}\n")
    print(f"| what | after 3 rounds of a kernel | after {rounds} |\n|---|---|---|")
    for name, value in late.items():
        print(f"| {name} | {early[name]:,.4g} | {value:,.4g} |")


if __name__ == "__main__":
    main()
