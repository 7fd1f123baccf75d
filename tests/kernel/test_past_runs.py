"""``%flowruns``, ``%flowform`` and sweeps in a real kernel, in plain text."""

from __future__ import annotations

import os
import time

import pytest
from support.waiting import until

from nbrunner.record.retention import DAY_SECONDS

pytestmark = pytest.mark.slow

ADD = """\
%%flowrun --no-panel {line}
from metaflow import FlowSpec, Parameter, step

class AddFlow(FlowSpec):
    a = Parameter('a', default=1, help='the first')
    b = Parameter('b', type=float, required=True)

    @step
    def start(self):
        self.total = self.a + self.b
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def plain(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    return kernel


def add(line):
    return ADD.replace("{line}", line)


def test_runs_of_this_and_of_an_earlier_kernel(plain):
    plain.execute(add("run --a 2 --b 0.5 --tag first")).checked()
    plain.restart()
    plain.execute("%load_ext nbrunner\n%config FlowRun.panel = False").checked()
    plain.execute(add("run --b 1")).checked()
    for line in ("%flowruns", "%flowruns AddFlow"):
        table = plain.execute(line).checked().result
        rows = [row for row in table.splitlines() if "AddFlow/" in row]
        assert len(rows) == 2, table
        assert "successful" in rows[0] and "b=1" in rows[0]
        assert "first" in rows[1] and "a=2 b=0.5" in rows[1]
    assert "no runs" in plain.execute("%flowruns OtherFlow").checked().result


def test_two_runs_are_compared_before_and_after_an_edit(plain):
    first = add("run --b 1")
    plain.execute(first).checked()
    plain.execute("one = running.pathspec").checked()
    plain.execute(first.replace("self.a + self.b", "self.a - self.b").replace("--b 1", "--b 2"))
    plain.execute("two = running.pathspec").checked()
    table = plain.execute("%flowdiff $one $two").checked().result
    assert ["artifacts", "total", "2.0", "-1.0"] in [line.split() for line in table.splitlines()]
    assert "step start changed" in table
    assert "-        self.total = self.a + self.b" in table
    wrong = plain.execute("%flowdiff $one")
    assert "%flowdiff: expected two runs or more" in wrong.stderr


def test_what_spin_has_run_says_so_and_cannot_be_resumed(plain):
    plain.execute(add("run --b 1")).checked()
    plain.execute("%flowrun AddFlow --no-pylint spin start").checked()
    assert "(spin)  " in plain.execute("%flowruns AddFlow").checked().result
    code = (
        "from nbrunner.jupyter.panels import HistoryPanel\n"
        "panel = HistoryPanel('AddFlow')\n"
        "rows = [panel._row(run, [0]) for run in panel.read().runs]\n"
        "print([[each['name'] for each in row['actions']] for row in rows])"
    )
    assert plain.execute(code).checked().stdout == "[['open'], ['open', 'resume']]\n"


PANEL = """\
import threading
from nbrunner.jupyter.panels import HistoryPanel

def loaded():
    done = threading.Event()
    panel._aside(done.set)  # behind what was asked for
    assert done.wait(60)

def shown():
    loaded()
    loads = [row["code"].splitlines()[-1] for row in panel.table.rows]
    return [row["status"] for row in panel.table.rows], loads, panel.table.loading

panel = HistoryPanel("AddFlow")
before = shown()
"""


def test_runs_whose_records_are_deleted_meanwhile_are_shown_by_metaflow(plain):
    plain.execute(add("run --b 1")).checked()
    plain.execute(PANEL).checked()
    assert plain.execute("print(len(panel.table.rows), before[2])").stdout == "1 False\n"
    plain.execute("running.runner.cleanup()").checked()
    key = "panel.table.rows[0]['key']"
    plain.execute(f"panel._act('open', {key})\nloaded()").checked()
    of = "print([type(each).__name__ for each in panel.held_below()], panel.table.error)"
    assert plain.execute(of).checked().stdout == "['StoredPanel'] \n"
    plain.execute("panel._act('refresh', '')").checked()
    assert plain.execute("print(shown() == before)").checked().stdout == "True\n"
    assert plain.execute("print(panel._page.runs[0].recorded == '')").checked().stdout == "True\n"


def test_what_goes_wrong_while_a_page_is_read_or_shown_is_told_in_the_panel(plain):
    plain.execute(add("run --b 1")).checked()
    plain.execute(PANEL).checked()
    for name in ("read", "_row"):
        code = (
            f"def broken(*given): raise OSError('no {name}')\n"
            f"panel.{name} = broken\n"
            "panel._act('refresh', '')\n"
            "loaded()\n"
            f"del panel.{name}\n"
            "print(panel.table.error, panel.table.loading, len(panel.table.rows))"
        )
        done = plain.execute(code).checked()
        assert done.stdout == f"OSError: no {name} False 1\n"
        assert "Traceback" not in done.stderr


def test_an_earlier_run_is_attached_and_resumed(plain):
    wrong = add("--no-raise-error run --b 1")
    plain.execute(wrong.replace("        pass", "        1 / 0")).checked()
    plain.restart()
    plain.execute("%load_ext nbrunner\nfrom nbrunner import attach").checked()
    plain.execute("%config FlowRun.panel = False").checked()
    found = plain.execute("failed = attach('AddFlow'); print(failed.status)")
    assert found.error == "RunNotFoundError"
    plain.execute("from nbrunner.record import registry").checked()
    code = (
        "failed = attach(next(registry.directories()).name); print(failed.status, failed.failure)"
    )
    said = plain.execute(code).checked().stdout
    assert said.startswith("failed ") and "ZeroDivisionError" in said
    plain.execute(add("resume")).checked()
    told = plain.execute("print(run.data.total, running.progress.tasks.cloned)").checked().stdout
    assert told.split() == ["2.0", "1"]


def test_a_form_as_text(plain):
    plain.execute(add("--no-execute run --b 1")).checked()
    table = plain.execute("%flowform AddFlow").checked().result
    assert [row.split() for row in table.splitlines()[1:]] == [
        ["parameter", "type", "default", "help"],
        ["a", "int", "1", "the", "first"],
        ["b", "float", "required"],
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%flowform", "%flowform: expected one flow, as in %flowform FLOW\n"),
        ("%flowform NoFlow", "'NoFlow' is neither a .py file nor a flow of this notebook"),
        ("%flowform a b", "expected one flow, as in %flowform FLOW; got 'a b'"),
        ("%flowruns a b", "%flowruns: expected one flow or none, as in %flowruns FLOW; got 'a b'"),
        ("%flowstop a b", "%flowstop: expected one run or all, as in %flowstop RUN; got 'a b'"),
        ("%flowruns no-name", "expected a flow: its name, class or .py file; got 'no-name'"),
        ("%flowruns no_such_file.py", "no_such_file.py"),
    ],
)
def test_mistakes_on_the_line(plain, line, said):
    result = plain.execute(line)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_sweep_is_told_line_by_line_and_shown_as_a_table(plain):
    plain.execute(add("--no-execute run --b 1")).checked()
    code = (
        "from nbrunner import Runner, sweep\n"
        "done = sweep(Runner(AddFlow, pylint=False), {'a': [1, 2, 3]}, parallel=2, b=1)"
    )
    lines = plain.execute(code).checked().lines
    assert sorted(line.partition(":")[0] for line in lines) == ["a=1 b=1", "a=2 b=1", "a=3 b=1"]
    table = plain.execute("done").checked().result
    assert "AddFlow: 3 runs, 2 at once" in table
    assert "3 successful" in table
    totals = plain.execute("print(list(done.table('total')['total']))").checked().stdout
    assert totals.strip() == "[2.0, 3.0, 4.0]"


def test_records_are_cleaned_on_demand(plain, private_state):
    plain.execute(add("run --b 1")).checked()
    assert "0 records deleted" in plain.execute("%flowruns --clean").checked().stdout
    plain.execute("%config FlowRun.keep_gigabytes = 0").checked()
    said = plain.execute("%flowruns --clean").checked().stdout
    assert said.startswith("1 record deleted; ") and "keeps 30 days and 0 GB of records" in said
    assert "no runs" in plain.execute("%flowruns").checked().result
    told = plain.execute("print(run.data.total)").checked().stdout
    assert told.strip() == "2.0", "results stay"


def test_a_run_that_ends_deletes_what_the_configuration_does_not_keep(plain, private_state):
    stamp = private_state / "runs" / ".expired"

    def records():
        return {record.parent for record in private_state.glob("runs/*/record.json")}

    def run_and_expire(line):
        """Return the record of a run that was made to expire old records at its end."""
        before = records()
        stamp.unlink(missing_ok=True)
        plain.execute(add(line)).checked()
        until(stamp.exists, "the look at old records")
        (new,) = records() - before
        return new

    def age(record, days):
        when = time.time() - days * DAY_SECONDS
        for file in (*record.iterdir(), record):
            os.utime(file, (when, when))

    old = run_and_expire("run --b 1")
    age(old, days=2)
    young = run_and_expire("run --b 2")
    assert records() == {old, young}, "thirty days"
    plain.execute("%config FlowRun.keep_days = 1.5").checked()
    large = run_and_expire("run --b 3")
    until(lambda: records() == {young, large}, "the end of the old record")
    (large / "stdout.log").write_bytes(b"x" * 4_000_000)
    age(large, days=1)
    plain.execute("%config FlowRun.keep_gigabytes = 0.003").checked()
    last = run_and_expire("run --b 4")
    until(lambda: records() == {young, last}, "the end of the large record")
