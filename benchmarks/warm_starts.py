"""``python -m benchmarks.warm_starts``: compares warm starts with the command line.

Each row is measured for ``python flow.py run``, metaflow's Runner and nbrunner, in turn,
in fresh processes: once with cached bytecode, once without any (PYTHONDONTWRITEBYTECODE=1
and an empty PYTHONPYCACHEPREFIX), as in many container images. ``--short`` measures a few rows,
with cached bytecode and without metaflow's Runner, in some five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu import cpu_seconds
from benchmarks.flows import QUIET
from benchmarks.measuring import (
    ENGINE,
    OURS,
    PEER,
    ROOT,
    Figures,
    medians,
    runner_class,
    write_flow,
)
from nbrunner import async_describe

LINEAR = """\
from metaflow import FlowSpec, step

class LinearFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.a)
    @step
    def a(self):
        self.next(self.b)
    @step
    def b(self):
        self.next(self.c)
    @step
    def c(self):
        self.next(self.end)
    @step
    def end(self):
        pass

if __name__ == '__main__':
    LinearFlow()
"""

FOREACH = """\
from metaflow import FlowSpec, step

class WideFlow(FlowSpec):
    @step
    def start(self):
        self.items = list(range(50))
        self.next(self.work, foreach='items')
    @step
    def work(self):
        self.next(self.join)
    @step
    def join(self, inputs):
        self.next(self.end)
    @step
    def end(self):
        pass

if __name__ == '__main__':
    WideFlow()
"""


def with_card(text: str, step: str) -> str:
    """Return a flow with a card."""
    card = text.replace("import FlowSpec, step", "import FlowSpec, card, step", 1)
    before, after = card.split(f"    def {step}(", 1)
    head, _step, space = before.rpartition("    @step\n")
    return f"{head}    @card\n    @step\n{space}    def {step}({after}"


PANDAS = QUIET.replace("from metaflow", "import pandas\nfrom metaflow", 1)
IN_STEPS = re.sub(r"(def \w+\(self\):\n)", r"\1        import pandas\n", QUIET)
SCIENCE = PANDAS.replace("import pandas\n", "import pandas, sklearn.linear_model\n", 1)

RUN, SPIN = ("run",), ("spin", "start")


async def _one(whose: str, flow: str, command: tuple[str, ...] = RUN) -> tuple[float, float]:
    """Run a flow, or spin a step; return the seconds until it had its id, and until its end."""
    began = time.perf_counter()
    if whose == ENGINE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, flow, "--no-pylint", *command),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if await process.wait():
            raise RuntimeError(f"{flow} failed")
        return 0.0, time.perf_counter() - began
    verb, *words = command
    start = getattr(runner_class(whose)(flow, pylint=False), f"async_{verb}")
    running = await start(*words)
    named = time.perf_counter() - began
    await running.wait()
    ended = time.perf_counter() - began
    if running.status != "successful" or (whose == OURS and not running.warm):
        raise RuntimeError(f"{running}: {running.stderr}")
    return named, ended


def one(text: str, first: bool = False) -> Callable[[str], Figures]:
    """Measure one run: the first of its process, or one after another flow's."""

    def measure(whose: str) -> Figures:
        async def main() -> Figures:
            with cpu_seconds() as used:
                if not first and whose != ENGINE:
                    await _one(whose, write_flow(QUIET))
                flow = write_flow(text)
                if not first and whose == OURS:
                    await async_describe(flow)  # like a flow that has run before
                before = used() if used else 0.0
                named, seconds = await _one(whose, flow)
                cpu = used() - before if used else float("nan")
            return {"seconds": seconds, "named": named, "cpu": cpu}

        return asyncio.run(main())

    return measure


def crowd(whose: str) -> Figures:
    """Run twenty flows at once."""
    flow = write_flow(QUIET)

    async def main() -> Figures:
        await _one(whose, flow)
        began = time.perf_counter()
        await asyncio.gather(*(_one(whose, flow) for _ in range(20)))
        return {"seconds": time.perf_counter() - began}

    return asyncio.run(main())


def again(text: str) -> Callable[[str], Figures]:
    """Measure a second run, once the interpreter for the flow's imports, if any, is ready."""

    def measure(whose: str) -> Figures:
        flow = write_flow(text)

        async def main() -> Figures:
            await _one(whose, flow)
            await _interpreter_for_imports(whose)
            _named, seconds = await _one(whose, flow)
            return {"seconds": seconds}

        return asyncio.run(main())

    return measure


async def _interpreter_for_imports(whose: str) -> None:
    if whose == OURS:
        from nbrunner.launch.warm.launcher import LAUNCHER

        while not all(each.is_ready() for each in LAUNCHER._zygotes):
            await asyncio.sleep(0.05)


def spun(whose: str) -> Figures:
    """Spin a step of a flow that has run."""
    flow = write_flow(QUIET)

    async def main() -> Figures:
        await _one(whose, flow)
        _named, seconds = await _one(whose, flow, SPIN)
        return {"seconds": seconds}

    return asyncio.run(main())


def imported(whose: str) -> Figures:
    """Import Runner in a fresh interpreter: the least CPU time of some."""
    package = "nbrunner" if whose == OURS else "metaflow"
    command = [sys.executable, "-c", f"from {package} import Runner"]
    taken = []
    for _ in range(5):
        _pid, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
        if status:
            raise RuntimeError(f"{command} failed")
        taken.append(usage.ru_utime + usage.ru_stime)
    return {"cpu": min(taken)}


def preloaded(whose: str) -> Figures:
    """A flow that imports pandas, with pandas preloaded in the warm interpreter."""
    os.environ["NBRUNNER_PRELOAD"] = "pandas"
    return one(PANDAS)(whose)


def edited(whose: str) -> Figures:
    """A flow that imports pandas, run again after an edit of a step."""
    flow = write_flow(PANDAS)

    async def main() -> Figures:
        await _one(whose, flow)
        await _interpreter_for_imports(whose)
        Path(flow).write_text(PANDAS.replace("        pass\n", "        print('edited')\n"))
        _named, seconds = await _one(whose, flow)
        return {"seconds": seconds}

    return asyncio.run(main())


@dataclass(frozen=True)
class Comparison:
    """One measurement and its line, or lines, of the table: what, figure, goals."""

    measure: Callable[[str], Figures]
    lines: tuple[tuple[str, str, str, str], ...]


COMPARISONS = {
    "import": Comparison(
        imported, (("`from metaflow` / `from nbrunner import Runner`, CPU", "cpu", "0.13", ""),)
    ),
    "two": Comparison(
        one(QUIET),
        (
            ("two steps, no work", "seconds", "0.13 (0.18)", "0.06 (0.10)"),
            ("`async_run` returns", "named", "60 ms", "60 ms"),
        ),
    ),
    "five": Comparison(one(LINEAR), (("5 steps linear", "seconds", "0.12 (0.16)", "0.06 (0.10)"),)),
    "wide": Comparison(
        one(FOREACH),
        (
            ("50-way foreach", "seconds", "0.08 (0.11)", "0.05 (0.07)"),
            ("the same, CPU of all processes", "cpu", "0.10 (0.14)", "0.06 (0.09)"),
        ),
    ),
    "first": Comparison(
        one(QUIET, first=True), (("first run of a fresh process", "seconds", "0.7", "0.6"),)
    ),
    "crowd": Comparison(
        crowd, (("20 concurrent two-step runs", "seconds", "0.13 (0.18)", "0.07 (0.10)"),)
    ),
    "pandas": Comparison(one(PANDAS), (("two steps that import pandas", "seconds", "", ""),)),
    "edited": Comparison(edited, (("the same after an edit of a step", "seconds", "0.15", ""),)),
    "learned": Comparison(
        again(PANDAS),
        (("two steps that import pandas, run again", "seconds", "0.12 (0.16)", ""),),
    ),
    "in-steps": Comparison(
        again(IN_STEPS), (("the same, imported inside the steps", "seconds", "0.12 (0.16)", ""),)
    ),
    "science": Comparison(
        again(SCIENCE),
        (("scikit-learn and pandas, run again", "seconds", "0.12 (0.2)", ""),),
    ),
    "spin": Comparison(spun, (("spin of a step", "seconds", "0.12 (0.16)", ""),)),
    "card": Comparison(
        one(with_card(QUIET, "start")),
        (("two steps, one with `@card`", "seconds", "0.12 (0.16)", ""),),
    ),
    "cards": Comparison(
        one(with_card(FOREACH, "work")),
        (("50-way foreach, each with `@card`", "seconds", "0.10 (0.13)", ""),),
    ),
    "preloaded": Comparison(
        preloaded, (("the same with `NBRUNNER_PRELOAD=pandas`", "seconds", "", ""),)
    ),
}


# What flows as people write them get, in a short run.
SHORT = ("import", "first", "two", "spin", "learned", "in-steps", "edited", "card")


def measured(name: str, whose: str, bytecode: bool) -> Figures:
    """Measure once, in a new process and a new folder.

    The folders are kept until all is measured: ext4 creates files slowly for some seconds
    after many have been deleted.
    """
    folder = tempfile.mkdtemp(dir=_folders())
    drop = ("METAFLOW", "NBRUNNER", "PYTHON", "XDG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(drop)} | {
        "HOME": folder,
        "USER": "bench",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": f"{folder}/metaflow",
        # A spin lists this cache, by default one of all processes in the temporary folder.
        "METAFLOW_CLIENT_CACHE_PATH": f"{folder}/cache",
        "PYTHONPATH": str(ROOT),
    }
    if not bytecode:
        environment |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPYCACHEPREFIX": f"{folder}/none",
        }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.warm_starts", "--measure", name, whose],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


@functools.cache
def _folders() -> str:
    folders = tempfile.TemporaryDirectory(prefix="nbrunner-bench-")
    atexit.register(folders.cleanup)
    return folders.name


def rows(name: str, bytecode: bool, rounds: int, sides: tuple[str, ...]) -> Iterator[str]:
    """Measure all sides in turn; return the lines of the table."""
    found: dict[str, list[Figures]] = {whose: [] for whose in sides}
    for number in range(rounds):
        for whose in sides:
            found[whose].append(measured(name, whose, bytecode))
            print(f"{name} {number + 1}/{rounds} {whose} {found[whose][-1]}", file=sys.stderr)
    for what, figure, *goals in COMPARISONS[name].lines:
        of_side = {whose: medians(found[whose])[figure] for whose in sides}
        shell, peer, ours = (of_side.get(whose, 0.0) for whose in (ENGINE, PEER, OURS))
        compared = f"{ours / shell:.3f}" if shell else ""
        goal = goals[0] if bytecode else goals[1]
        cells = (_seconds(shell), _seconds(peer), _seconds(ours), compared, goal, str(rounds))
        yield f"| {what} | {' | '.join(cells)} |"


def _seconds(figure: float) -> str:
    return f"{figure:.3g} s" if figure else ""


def main() -> None:
    """Print the table, or measure once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_starts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=COMPARISONS)
    parser.add_argument("--short", action="store_true", help=f"measure {', '.join(SHORT)}")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, whose = arguments.measure
        print(json.dumps(COMPARISONS[name].measure(whose)))
        return
    names = arguments.only or (SHORT if arguments.short else COMPARISONS)
    sides = (ENGINE, OURS) if arguments.short else (ENGINE, PEER, OURS)
    for bytecode in (True,) if arguments.short else (True, False):
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        print(f"\nLoad average before: {load}.")
        print(f"\nBytecode {'cached' if bytecode else 'not cached'}:\n")
        print("| what | `python flow.py run` | metaflow's Runner | nbrunner | ratio | goal | n |")
        print("|---|---|---|---|---|---|---|")
        for name in names:
            for line in rows(name, bytecode, arguments.rounds, sides):
                print(line, flush=True)


if __name__ == "__main__":
    main()
