"""The magics in a real kernel, in plain lines."""

from __future__ import annotations

import re

import pytest
from support.offspring import processes_of

pytestmark = pytest.mark.slow

TRAIN = """\
from metaflow import FlowSpec, Parameter, JSONType, step

class TrainFlow(FlowSpec):
    n = Parameter('n', default=1)
    table = Parameter('table', type=JSONType, default='{}')

    @step
    def start(self):
        print('n is', self.n)
        self.items = list(range(self.n))
        self.next(self.work, foreach='items')

    @step
    def work(self):
        self.x = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.x for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        print('inverse', 1 / self.total)
"""

SLEEP = """\
from metaflow import FlowSpec, step

class SleepFlow(FlowSpec):
    @step
    def start(self):
        import time
        print('asleep', flush=True)
        time.sleep(60)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def plain(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    return kernel


def cell(line, text=TRAIN):
    return f"%%flowrun {line}\n{text}"


def test_a_cell_runs_and_its_result_is_in_the_notebook(plain):
    shown = plain.execute(cell("--no-pylint run --n 3")).checked()
    assert "n is 3" in shown.stdout
    assert "executing TrainFlow" in shown.stderr
    assert re.search(r"  successful  \d+\.\d+ s", shown.stdout)
    assert plain.execute("run.data.total, running.status").checked().result == "(3, 'successful')"
    assert plain.execute("TrainFlow").checked().result == "<flow TrainFlow of Cell In[3]>"


def test_a_line_is_continued_by_a_backslash(plain):
    """D7: options on the lines below, and lines of the cell that keep their numbers."""
    text = TRAIN.replace("self.join)", "self.jion)")
    shown = plain.execute(cell("\\\n  --no-pylint \\\n  run --n 3", TRAIN)).checked()
    assert "n is 3" in shown.stdout
    shown = plain.execute(cell("\\\n  --no-pylint --n 3", text))
    assert "Validity checker found an issue in Cell In[4], line 18:" in shown.stderr


def test_a_cell_imports_from_a_folder_that_the_notebook_has_added(plain, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "of_mine.py").write_text("HOW_MANY = 4\n")
    plain.execute("import sys\nsys.path.insert(0, 'src')").checked()
    text = "import of_mine\n" + TRAIN.replace("default=1", "default=of_mine.HOW_MANY")
    shown = plain.execute(cell("--no-pylint", text)).checked()
    assert "n is 4" in shown.stdout
    shown = plain.execute("print(*running.record['flow']['import_path'], sep='\\n')").checked()
    assert shown.lines == [str(tmp_path / "src"), str(tmp_path)]


def test_the_flow_of_a_cell_is_a_flow_for_everything_else(plain):
    plain.execute(cell("--no-pylint --n 2")).checked()
    assert "n is 4" in plain.execute("%flowrun TrainFlow --no-pylint --n 4").checked().stdout
    assert plain.execute("run.data.total").result == "6"
    code = (
        "from nbrunner import Runner, NBRunner, describe\n"
        "first = Runner(TrainFlow, pylint=False, show_output=False).run(n=3)\n"
        "second = NBRunner(TrainFlow, pylint=False, show_output=False).nbrun(n=5)\n"
        "first.run.data.total, second.data.total, describe(TrainFlow).name"
    )
    assert plain.execute(code).checked().result == "(3, 10, 'TrainFlow')"


def test_in_a_folder_that_was_deleted_a_line_says_so_and_earlier_runs_show(plain):
    plain.execute(cell("--no-pylint --n 3")).checked()
    plain.execute("import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')").checked()
    said = plain.execute(cell("--no-pylint --n 3")).stderr
    assert said.startswith("UsageError: the current directory was deleted; change to another")
    assert "successful" in plain.execute("%flowrun").checked().result


def test_a_failed_run_fails_the_cell_in_short_and_the_fixed_cell_resumes_it(plain):
    shown = plain.execute(cell("--no-pylint run --n 1"))
    assert (shown.status, shown.error) == ("error", "FlowFailedError")
    lines = shown.traceback.splitlines()
    assert len(lines) < 8
    assert "step end" in lines[1]
    assert "ZeroDivisionError" in lines[1]
    assert lines[2].strip() == "Cell In[3], line 26, in end"
    assert lines[3].strip() == "print('inverse', 1 / self.total)"
    assert plain.execute("'Traceback' in running.failure.traceback").result == "True"
    fixed = TRAIN.replace("1 / self.total", "self.total")
    plain.execute(cell("--no-pylint resume", fixed)).checked()
    code = "running.status, running.progress.steps['start'].cloned"
    assert plain.execute(code).result == "('successful', 1)"


def test_a_failed_class_of_ordinary_cells_names_these_cells(plain):
    plain.execute("def divided(value):\n    # above\n    return 1 / value").checked()
    plain.execute("# a comment\n\n" + TRAIN.replace("1 / self.total", "divided(self.total)"))
    shown = plain.execute("%flowrun TrainFlow --no-pylint --n 1")
    lines = [line.strip() for line in shown.traceback.splitlines()]
    assert lines[2:6] == [
        "Cell In[4], line 27, in end",
        "print('inverse', divided(self.total))",
        "Cell In[3], line 3, in divided",
        "return 1 / value",
    ]
    assert "Cell In[4], line 27, in end" in shown.stdout
    assert "/flows/" not in shown.stdout + shown.traceback
    picture = "from nbrunner.jupyter.html.run import picture\n"
    picture += "print(picture(running, 100)['text/html'])"
    shown = plain.execute(picture).checked().stdout
    assert "Cell In[3], line 3, in divided" in shown
    assert "/flows/" not in shown


def test_no_raise_error_and_another_name_for_the_run(plain):
    shown = plain.execute(cell("-o worst --no-raise-error --no-pylint --n 1")).checked()
    assert "ZeroDivisionError" in shown.stdout
    assert plain.execute("worst.successful, running.status").result == "(False, 'failed')"
    assert plain.execute("'run' in dir()").result == "False"


def test_values_of_the_notebook_reach_the_flow(plain):
    plain.execute("k = 4; cfg = {'deep': [1, None]}").checked()
    plain.execute(cell("--no-pylint run --n {k + 1} --table $cfg --tag 'two words'")).checked()
    assert plain.execute("run.data.n, run.data.table").result == "(5, {'deep': [1, None]})"
    assert plain.execute("'two words' in run.user_tags").result == "True"
    plain.execute(cell("--no-pylint run --n 2 --tag $k")).checked()
    assert plain.execute("run.user_tags").result == "frozenset({'4'})"


def test_show_the_command_and_start_nothing(plain, private_state):
    shown = plain.execute(cell("-N --no-pylint run --n 3 --tag a")).checked()
    command, code = shown.lines
    assert command.endswith("TrainFlow.py --no-pylint run --n=3 --tag=a")
    assert code == "running = Runner(TrainFlow, pylint=False).run(n=3, tags=['a'])"
    assert list(private_state.glob("runs/*/record.json")) == []


def test_the_command_shown_has_our_options_too(plain, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    line = "-N --env MODE='a b' --cwd elsewhere --no-pylint run"
    command, code = plain.execute(cell(line)).checked().lines
    folder = tmp_path / "elsewhere"
    assert command.startswith(f"cd {folder} && MODE='a b' python ")
    given = f"env={{'MODE': 'a b'}}, cwd='{folder}', pylint=False"
    assert code == f"running = Runner(TrainFlow, {given}).run()"


def test_a_variable_that_comes_from_the_notebook_is_not_written_into_it(plain):
    plain.execute("token = 's3cret'").checked()
    for given in ("--env TOKEN=$token", "--env=TOKEN={token}", '--env TOKEN="a {token}"'):
        shown = plain.execute(cell(f"-N {given} --env MODE=a --no-pylint")).checked()
        command, code = shown.lines
        assert command.startswith("TOKEN=... MODE=a python ")
        assert "env={'TOKEN': '...', 'MODE': 'a'}" in code
        assert "s3cret" not in shown.stdout


def test_in_the_background_and_stopped(plain):
    shown = plain.execute(cell("--bg --no-pylint", SLEEP)).checked()
    assert "runs in the background" in shown.stdout
    assert plain.execute("running.status, type(run).__name__").result == "('running', 'Run')"
    assert "stopped after SIGINT" in plain.execute("%flowstop").checked().stdout
    assert plain.execute("running.status").result == "'stopped'"
    assert plain.execute("%flowstop").checked().stdout == "No run is active\n"


def test_stop_by_name_and_all(plain):
    for _ in range(3):
        plain.execute(cell("--bg --no-pylint", SLEEP)).checked()
    stopped = plain.execute("name = running.pathspec\n%flowstop $name").checked().stdout
    assert stopped.startswith("SleepFlow/")
    assert len(plain.execute("%flowstop all").checked().lines) == 2
    assert "no record of a run" in plain.execute("%flowstop Nobody/1").stderr


def test_stop_all_ends_a_sweep_and_its_runs_are_not_called_foreign(plain):
    plain.execute(cell("--bg --no-pylint", SLEEP) + "\n").checked()
    plain.execute("%flowstop").checked()
    begin = """\
from nbrunner import Runner, async_sweep
sw = await async_sweep(Runner(SleepFlow, pylint=False), [{"tags": [str(n)]} for n in range(4)],
                       parallel=2)
while sw.statuses.count("running") < 2:
    await asyncio.sleep(0.01)
"""
    plain.execute(f"import asyncio\n{begin}").checked()
    said = plain.execute("%flowstop").checked().stdout
    assert said.startswith("The latest %flowrun of this kernel is not active. Others are: Sleep")
    lines = plain.execute("%flowstop all").checked().lines
    assert lines[0] == "sweep " + plain.execute("sw.name").result.strip("'") + (
        ": no more runs will be started"
    )
    assert plain.execute("(await sw).statuses").result == (
        "['stopped', 'stopped', 'not started', 'not started']"
    )
    assert plain.execute("%flowstop").checked().stdout == "No run is active\n"


@pytest.mark.parametrize(
    ("choice", "status", "said"),
    [
        ("stop", "'stopped'", "stopped"),
        ("detach", "'running'", "continues; its handle is `running`"),
    ],
)
def test_interrupt_of_a_waiting_cell(plain, choice, status, said, private_state):
    shown = plain.execute(
        cell(f"--on-interrupt {choice} --no-pylint", SLEEP),
        interrupt_when=lambda shown: "asleep" in shown.stdout,
    )
    name = plain.execute("running.pathspec").result.strip("'")
    assert shown.traceback == f"Interrupted: {name} {said}"
    code = "import sys; isinstance(sys.last_value, KeyboardInterrupt)"
    assert plain.execute(code).result == "True"
    assert plain.execute("running.status").result == status
    plain.execute("%flowstop").checked()
    (record,) = private_state.glob("runs/*/record.json")
    assert processes_of(record.parent) == []


def test_interrupt_of_a_start(plain, private_state):
    ends = SLEEP + "\nif __name__ == '__main__':\n    import time; time.sleep(60)\n"
    shown = plain.execute(
        cell("--no-pylint", ends),
        interrupt_when=lambda shown: list(private_state.glob("runs/*/supervisor.json")),
    )
    assert re.fullmatch(r"Interrupted: \S+ stopped", shown.traceback)


INTERRUPTED = """
import os, signal, time
from nbrunner.jupyter.magic.launch import Launch
begin = Launch.begin

async def interrupted(self):
    running = await begin(self)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.5)  # without an await: the waiting cell has heard it before this returns
    return running

Launch.begin = interrupted
"""


def test_interrupt_of_a_start_that_is_just_over(plain, private_state):
    plain.execute(INTERRUPTED).checked()
    shown = plain.execute(cell("--no-pylint", SLEEP))
    assert re.fullmatch(r"Interrupted: \S+ stopped", shown.traceback)
    (record,) = private_state.glob("runs/*/record.json")
    assert processes_of(record.parent) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("%flowrun nowhere.py", "no flow file at 'nowhere.py'"),
        ("%flowrun Nothing", "'Nothing' is neither a .py file nor a flow of this notebook"),
        ("%flowrun Nothing", "flow of this notebook; run the cell that defines it first\n"),
        ("%flowrun resume", ": the flow comes first, as in %flowrun FLOW resume\n"),
        ("%flowrun", "no run yet"),
        (cell("--nn 3"), "unknown option --nn; did you mean '--n'"),
        (cell("--n three"), "n: expected an int"),
        (cell("--bgg"), "unknown option --bgg; did you mean '--bg'?"),
        (cell("--no-raise-eror"), "; did you mean '--no-raise-error' or '--raise-error'?"),
        (cell("--bogus 1"), "unknown option --bogus; parameters of TrainFlow are --n, "),
        (cell("--n"), "--n: expected a value, got nothing"),
        (cell("--table {None}"), "--table: Metaflow treats null as not given"),
        ("%flowrun --quite X", "unknown option --quite; did you mean '--quiet'?"),
        ("%flowrun --no-pylint X", "--no-pylint; put the flow before Metaflow's options"),
        ("%flowform --quite X", "unknown option --quite; did you mean '--quiet'?"),
        ("%flowruns --cleen", "unknown option --cleen; did you mean '--clean'?"),
        ("%flowruns --clean x", "%flowruns: expected --clean alone, as in %flowruns --clean; got"),
        ("%flowruns --clean=1", "expected --clean alone"),
        ("%flowrun -- --quiet TrainFlow", "--quiet cannot be used here; put the flow before"),
        (cell("-o class"), "-o: expected a Python name, got 'class'"),
        ("%flowstop --al", "unknown option --al; did you mean 'all'?"),
        (cell("--no-pylint --bg"), "--bg is an option of %flowrun itself; put it before"),
        (cell("--no-pylint  # quick"), "got '#'; put a comment on a line of its own"),
        (cell("--n 3;"), "the line ends with ';'"),
        ("%flowrun TrainFlow --n 3;", "the line ends with ';'"),
        (cell("--out 1a"), "expected a Python name"),
        (cell("--n $missing"), "NameError: name 'missing' is not defined"),
        (cell("", "%ls\n" + TRAIN), "Cell In[3], line 2: '%ls' is not Python"),
        (cell("", "x = 1"), "defines no flow"),
        (cell("--no-pylint", TRAIN.replace("self.join)", "self.jion)")), "jion"),
    ],
)
def test_a_mistake_is_a_usage_error_and_nothing_is_started(plain, code, message, private_state):
    shown = plain.execute(code)
    assert shown.status == "error"
    assert shown.stderr.startswith("UsageError: ")
    assert message in shown.stderr
    assert shown.traceback == ""
    assert list(private_state.glob("runs/*/exit.json")) == []


def test_a_flow_that_metaflow_refuses_is_told_by_its_cell(plain):
    shown = plain.execute(cell("--no-pylint --n 3", TRAIN.replace("self.join)", "self.jion)")))
    lines = shown.stderr.strip().splitlines()
    assert lines[0].startswith("UsageError: TrainFlow ended with exit code 1 before Metaflow st")
    assert "Validity checker found an issue in Cell In[3], line 17:" in map(str.strip, lines)
    assert lines[-1] == "command: python TrainFlow.py --no-pylint run --n=3"
    assert "/flows/" not in shown.stderr


def test_help_and_configuration(plain):
    assert "--on-interrupt stop|detach" in plain.execute("%flowrun --help").checked().stdout
    assert plain.execute("%config FlowRun.block = False").checked()
    plain.execute(cell("--no-pylint", SLEEP)).checked()
    assert plain.execute("running.status").result == "'running'"
    assert "stopped" in plain.execute("%flowstop").checked().stdout
    assert "on_interrupt" in plain.execute("%config FlowRun.on_interrupt = 'x'").stderr


def test_loading_twice_and_unloading(plain):
    plain.execute("%reload_ext nbrunner\n%config FlowRun.panel = False").checked()
    plain.execute(cell("--no-pylint --n 2")).checked()
    plain.execute("%unload_ext nbrunner").checked()
    assert "not found" in plain.execute("%flowrun --help").stderr
    plain.execute("%load_ext nbrunner").checked()
    plain.execute("%flowrun --help").checked()


def test_what_cannot_be_configured_is_left_out_when_loaded_again(plain):
    said = plain.execute("%config FlowRun.out = '1a'").stderr
    assert "expected a Python name, got '1a'" in said
    said = plain.execute("%config FlowRun.out = 'class'").stderr
    assert "expected a Python name, got 'class'" in said
    plain.execute("%config FlowRun.keep_days = 'x'\n%config FlowRun.block = False")
    lines = plain.execute("%reload_ext nbrunner").checked().stderr.splitlines()
    left_out = ["FlowRun.out: expected", "The 'keep_days' trait"]
    assert [line[:38] for line in lines] == [f"%config ignored: {each}"[:38] for each in left_out]
    shown = plain.execute("%flowrun --help\n%config FlowRun.block").checked()
    assert "--on-interrupt" in shown.stdout
    assert shown.result == "False"


def completions(kernel, code):
    message_id = kernel.client.complete(code)
    content = kernel._reply(message_id)
    types = content["metadata"]["_jupyter_types_experimental"]
    return {each["text"]: each["type"] for each in types}


def test_tab_completes_options_parameters_flows_runs_and_steps(plain):
    plain.execute(cell("--no-pylint --n 2")).checked()
    assert completions(plain, "%flowrun Tra") == {"TrainFlow": "flow"}
    assert completions(plain, "%flowrun TrainFlow --n") == {
        "--n": "int = 1",
        "--namespace": "option",
        "--not-quiet": "option",
        "--no-force-rebuild-environments": "option",
        "--no-pylint": "option",
    }
    assert completions(plain, "%flowrun TrainFlow run --n ") == {"1": "value"}
    assert set(completions(plain, "%flowrun TrainFlow resume s")) == {"start"}
    run_id = plain.execute("print(run.id)").stdout.strip()
    plain.execute("%flowrun TrainFlow --no-pylint spin start").checked()
    resume = "%flowrun TrainFlow resume --origin-run-id "
    assert completions(plain, resume) == {run_id: "successful"}
    assert "--no-raise-error" in completions(plain, "%flowrun --no-r")
    message_id = plain.client.complete(cell("--ta"), cursor_pos=len("%%flowrun --ta"))
    matches = plain._reply(message_id)["matches"]
    assert matches == ["--table", "--tag"]


def test_tab_completes_runs_to_compare(plain):
    plain.execute(cell("--no-pylint --n 2")).checked()
    plain.execute(cell("--no-pylint --n 3")).checked()
    runs = completions(plain, "%flowdiff TrainFlow/")
    assert set(runs.values()) == {"successful"} and len(runs) == 2
    first, second = runs
    assert completions(plain, f"%flowdiff {first} ") == {second: "successful"}


def test_tab_completes_every_magic_in_every_line(plain):
    plain.execute(cell("--bg --no-pylint", SLEEP)).checked()
    name = plain.execute("print(running.pathspec)").stdout.strip()
    run_id = name.partition("/")[2]
    assert set(completions(plain, "%flowstop ")) == {"all", run_id}
    assert completions(plain, "x = 1\n  %flowstop Sl") == {name: "running"}
    plain.execute("%flowstop").checked()
    assert set(completions(plain, "%flowstop ")) == {"all"}
    assert set(completions(plain, "%flowform Sle")) == {"SleepFlow"}
    assert set(completions(plain, "%flowform --pro")) == {"--profile"}
    assert set(completions(plain, "%flowruns Sle")) == {"SleepFlow"}
    assert set(completions(plain, "%flowruns --")) == {"--clean"}
    assert "--no-pylint" in completions(plain, "if True:\n    %flowrun SleepFlow --no-")


def test_the_doctor_looks_at_the_kernel_too(plain):
    plain.execute("%config FlowRun.warm_starts = False").checked()
    lines = plain.execute("%flowrun --doctor").checked().lines
    found = {line[2:18].strip(): line for line in lines if line[2:].strip()}
    assert "panels" in found["front end"] or "plain lines" in found["front end"]
    assert "yes" in found["subshells"]
    assert "warm_starts=False" in found["%config FlowRun"]
    assert found["trial run"].endswith("cold: turned off by warm_starts")
    assert lines[-1] == "No problems found"
