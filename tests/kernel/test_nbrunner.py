"""NBRunner: flows defined in cells, however notebooks define them."""

from __future__ import annotations

import os

import pytest
from support.kernels import Kernel

pytestmark = pytest.mark.slow

FLOW = """\
class {name}({base}):
    @step
    def start(self):
        self.value = {value}
        self.next(self.end)

    @step
    def end(self):
        print('value', self.value)
"""

IMPORTS = "from metaflow import FlowSpec, Parameter, step\n"
RUN = "result = NBRunner({name}, show_output=False, pylint=False).nbrun()\n"
SHOW = "print(type(result).__name__, result.successful, result.data.value)\n"


def flow(name="F", base="FlowSpec", value="'own'"):
    return FLOW.format(name=name, base=base, value=value)


def run(name="F"):
    return RUN.format(name=name) + SHOW


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """One kernel for all tests; each uses names of its own, unless it shares them on purpose."""
    folder = tmp_path_factory.mktemp("notebook")
    state = tmp_path_factory.mktemp("notebook-state")
    environment = dict(os.environ) | {
        "NBRUNNER_STATE_DIR": str(state),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(state / "metaflow"),
        "METAFLOW_HOME": str(state / "metaflow-home"),
        "METAFLOW_USER": "tester",
        "NBRUNNER_WARM": os.environ.get("NBRUNNER_TEST_WARM", "0"),
    }
    with Kernel(folder, environment) as kernel:
        kernel.execute("%load_ext nbrunner\nfrom nbrunner import NBRunner").checked()
        kernel.folder = folder  # type: ignore[attr-defined]
        yield kernel
    assert [each.name for each in folder.iterdir()] in ([], [".ipynb_checkpoints"])


def gives(notebook, *cells, value="own"):
    """Execute the cells; check that the last shows a successful run with that value."""
    for cell in cells[:-1]:
        notebook.execute(cell).checked()
    shown = notebook.execute(cells[-1]).checked()
    assert shown.lines[-1] == f"Run True {value}", shown
    assert [each.name for each in notebook.folder.iterdir()] == []
    return shown


def test_all_in_one_cell(notebook):
    gives(notebook, IMPORTS + flow() + run())


def test_class_in_one_cell_nbrunner_in_a_later_one(notebook):
    gives(notebook, IMPORTS + flow("Earlier"), "1 + 1", "x = 5", run("Earlier"))


def test_imports_in_an_earlier_cell(notebook):
    gives(notebook, IMPORTS + "import math as m", flow(value="m.floor(2.5)") + run(), value=2)


def test_helper_functions_and_plain_values_of_earlier_cells(notebook):
    gives(
        notebook,
        "import json\nSCALE = 3\nNAMES = ['a', 'ü']\nTABLE = {'x': (1, None)}",
        "def base(n):\n    return n * SCALE\ndef helper(n):\n    return base(n) + len(NAMES)",
        IMPORTS + flow(value="json.dumps([helper(2), NAMES[1], TABLE['x'][0]])") + run(),
        value='[8, "\\u00fc", 1]',
    )


def test_a_value_is_taken_as_it_stands_when_the_run_is_made(notebook):
    gives(notebook, "LEVEL = 1", IMPORTS + flow("Level", value="LEVEL") + run("Level"), value=1)
    gives(notebook, "LEVEL = 2", run("Level"), value=2)


KEPT = "kept = NBRunner(Kept, show_output=False, pylint=False)\n"


def test_a_kept_runner_takes_the_values_of_each_start(notebook):
    """A run gets the notebook's values at its start, not those at its Runner's creation."""
    made = IMPORTS + flow("Kept", value="LEVEL") + KEPT + "result = kept.nbrun()\n"
    gives(notebook, "LEVEL = 1", made + SHOW, value=1)
    gives(notebook, "LEVEL = 2", "result = kept.nbrun()\n" + SHOW, value=2)
    gives(
        notebook,
        "LEVEL = 3",
        "running = await kept.async_run()\nLEVEL = 4\nawait running.wait()\n"
        "result = running.run\n" + SHOW,
        value=3,
    )
    gives(notebook, "LEVEL = 5", "result = kept.nbresume(step_to_rerun='start')\n" + SHOW, value=5)


def test_starts_of_one_runner_side_by_side_have_values_of_their_own(notebook):
    made = IMPORTS + flow("Kept", value="LEVEL") + KEPT
    notebook.execute("import asyncio\nLEVEL = 1\n" + made).checked()
    notebook.execute(
        "starts = []\nfor LEVEL in (10, 20, 30):\n"
        "    starts.append(asyncio.ensure_future(kept.async_run()))\n"
        "    await asyncio.sleep(0)\n"
        "started = await asyncio.gather(*starts)\n"
        "await asyncio.gather(*[each.wait() for each in started])"
    ).checked()
    values = notebook.execute("[each.run.data.value for each in started]").result
    assert values == "[10, 20, 30]"


def test_values_and_objects_that_the_cell_changes_in_place(notebook):
    above = (
        "import types\nrates = {}\nrates['lr'] = 0.1\nnames = []\n"
        "for name in 'ab':\n    names.append(name)\n"
        "thing = types.SimpleNamespace()\nthing.size = len(names)\n"
    )
    value = "f'{rates} {names} {thing.size}'"
    expected = "{'lr': 0.1} ['a', 'b'] 2"
    gives(notebook, IMPORTS + above + flow(value=value) + run(), value=expected)
    twice = "rates['lr'] = 0.2\n" + run() + "rates['lr'] = 0.3\n"
    gives(notebook, twice, value=expected.replace("0.1", "0.2"))


def test_the_base_class_by_its_module(notebook):
    text = "import metaflow\n" + flow(base="metaflow.FlowSpec").replace("@step", "@metaflow.step")
    gives(notebook, text + run())


def test_a_renamed_base_class(notebook):
    gives(notebook, IMPORTS + "MyBase = FlowSpec\n" + flow(base="MyBase") + run())
    gives(notebook, "from metaflow import FlowSpec as Spec, step\n" + flow(base="Spec") + run())


def test_a_class_under_if(notebook):
    indented = "".join(f"    {line}\n" for line in flow().splitlines())
    gives(notebook, IMPORTS + "if True:\n" + indented + run())


@pytest.mark.parametrize(("meant", "other"), [("Second", "First"), ("First", "Second")])
def test_of_two_flows_in_a_cell_the_one_that_is_meant(notebook, meant, other):
    both = flow("First", value="'First'") + "\n" + flow("Second", value="'Second'")
    shown = gives(notebook, IMPORTS + both + run(meant), value=meant)
    assert other not in shown.stdout


def test_a_derived_flow_is_run_and_not_its_base(notebook):
    derived = (
        "class Base(FlowSpec):\n    level = Parameter('level', default=7)\n"
        "    @step\n    def start(self):\n        self.value = 'base'\n"
        "        self.next(self.end)\n    @step\n    def end(self):\n        pass\n"
        "class Derived(Base):\n"
        "    @step\n    def start(self):\n        self.value = self.level\n"
        "        self.next(self.end)\n"
    )
    shown = gives(notebook, IMPORTS + derived + run("Derived") + "", value=7)
    assert shown.status == "ok"
    assert notebook.execute("result.pathspec.split('/')[0]").result == "'Derived'"


def test_a_base_class_of_another_cell(notebook):
    base = "class Shared(FlowSpec):\n    @step\n    def end(self):\n        pass\n"
    own = (
        "class OnShared(Shared):\n    @step\n    def start(self):\n        self.value = 'own'\n"
        "        self.next(self.end)\n"
    )
    gives(notebook, IMPORTS + base, own + run("OnShared"))


@pytest.mark.parametrize(
    "line",
    [
        "%load_ext nbrunner",
        "!true",
        "files = !ls",
        "%time x = 1",
        "print?",
        "import asyncio\nawait asyncio.sleep(0)",
        "for _ in range(1):\n    await asyncio.sleep(0)",
    ],
)
def test_what_only_a_notebook_understands_stays_there(notebook, line):
    gives(notebook, "import asyncio", f"{line}\n{IMPORTS}{flow()}{run()}")


def test_in_a_captured_cell(notebook):
    notebook.execute("%%capture caught\n" + IMPORTS + flow("Caught") + RUN.format(name="Caught"))
    gives(notebook, SHOW)


def test_text_that_is_not_ascii(notebook):
    gives(notebook, IMPORTS + "# Größe 😀\n" + flow(value="'grün 😀'") + run(), value="grün 😀")


def test_code_after_the_class_and_several_runs(notebook):
    gives(notebook, IMPORTS + flow() + "after = 1\n" + run() + "after += 1\n" + run())
    assert notebook.execute("after").result == "2"


def test_a_cell_that_leaves_no_history(notebook):
    shown = notebook.execute(IMPORTS + flow("Silent") + run("Silent"), store_history=False)
    assert shown.checked().lines == ["Run True own"]


def test_statements_above_the_class_are_executed_once(notebook):
    marker = f"open({str(notebook.folder.parent / 'executed')!r}, 'a').write('x')\n"
    gives(notebook, IMPORTS + marker + flow() + run())
    assert (notebook.folder.parent / "executed").read_text() == "x"


def test_a_value_that_cannot_travel_is_a_clear_error(notebook):
    notebook.execute("rows = (each for each in 'ab')").checked()
    shown = notebook.execute(IMPORTS + flow(value="list(rows)") + run())
    assert shown.error == "BadValueError"
    assert "F uses 'rows', a generator, which cannot travel with a flow" in shown.message


CLOSURE = """\
def scaled(factor):
    def inner(n):
        return n * factor // (n - 3)
    return inner
"""


def test_closures_aliases_and_decorated_functions_of_other_cells(notebook):
    """D1, D2, D3, D5: names have the notebook's values in a real run."""
    logged = "def logged(f):\n    def wrapper(*args):\n        return ('logged', f(*args))\n"
    gives(
        notebook,
        CLOSURE + "double = scaled(2)",
        "double = scaled(10)\ndef old():\n    return 'old'",
        "def new():\n    return 'new'\nold = new",
        logged + "    return wrapper\n@logged\ndef helper():\n    return 'old'",
        "@logged\ndef helper():\n    return 'new'",
        IMPORTS + flow(value="(double(5), old(), helper())") + run(),
        value="(25, 'new', ('logged', 'new'))",
    )


def test_a_failure_in_a_pickled_function_names_its_cell_and_line(notebook):
    notebook.execute(CLOSURE + "double = scaled(2)").checked()
    notebook.execute(
        IMPORTS + flow("Divides", value="double(3)") + "from nbrunner import Runner\n"
        "running = Runner(Divides, show_output=False, pylint=False).run()"
    ).checked()
    shown = notebook.execute("print(running.failure.traceback)").checked()
    assert "line 3, in inner" in shown.stdout
    assert "File" not in shown.stdout.partition("line 3, in inner")[0].splitlines()[-1]
    assert "return n * factor // (n - 3)" in shown.stdout
    places = notebook.execute("[each.place for each in running.failure.source]").result
    assert places.count("Cell In[") == 2


def test_objects_of_a_class_of_another_cell_are_read_back_in_the_kernel(notebook):
    """D6: the Client unpickles objects as instances of the notebook's class."""
    notebook.execute(
        "from enum import Enum\nfrom dataclasses import dataclass\n"
        "class Colour(Enum):\n    RED = 1\n    CRIMSON = 1\n"
        "@dataclass\nclass Point:\n    x: int\n    colour: Colour = Colour.RED\n"
        "def made(kind):\n    return kind(3)\nkept = Point(1)"
    ).checked()
    value = "[made(Point), kept, Colour.CRIMSON, isinstance(kept, Point)]"
    shown = gives(
        notebook,
        IMPORTS + flow("Points", value=value) + RUN.format(name="Points") + "read = "
        "result.data.value\nprint(type(result).__name__, result.successful, [type(each) is Point "
        "for each in read[:2]], read[2] is Colour.RED, read[3])",
        value="[True, True] True True",
    )
    assert shown.status == "ok"


def test_a_failing_flow_gives_its_failed_run_and_can_be_resumed(notebook):
    notebook.execute("BROKEN = True").checked()
    value = "1 / 0 if BROKEN else 'mended'"
    notebook.execute(IMPORTS + flow("Fails", value=value)).checked()
    shown = notebook.execute(RUN.format(name="Fails") + "print(result.successful)").checked()
    assert shown.lines == ["False"]
    notebook.execute("BROKEN = False").checked()
    gives(
        notebook,
        "result = NBRunner(Fails, show_output=False, pylint=False).nbresume()\n" + SHOW,
        value="mended",
    )


def test_blocking_and_async_runs_are_handles(notebook):
    gives(
        notebook,
        IMPORTS + flow("Handles"),
        "runner = NBRunner(Handles, show_output=False, pylint=False)\n"
        "running = await runner.async_run()\nawait running.wait()\n"
        "assert (running.status, runner.run().status) == ('successful', 'successful')\n"
        "result = running.run\nrunner.cleanup()\n" + SHOW,
    )


def test_parameters_and_options(notebook):
    shown = notebook.execute(
        IMPORTS
        + "class Takes(FlowSpec):\n    level = Parameter('level', default=1)\n"
        + "".join(flow().splitlines(keepends=True)[1:]).replace("'own'", "self.level * 2")
        + "result = NBRunner(Takes, show_output=False, pylint=False).nbrun(level=4, tags=['t'])\n"
        + SHOW
        + "print('t' in result.user_tags)"
    )
    assert shown.checked().lines == ["Run True 8", "True"]
    wrong = notebook.execute("NBRunner(Takes).nbrun(levle=4)")
    assert wrong.error == "BadValueError"
    assert "did you mean 'level'" in wrong.message


def test_a_flow_that_is_not_valid_says_why(notebook):
    dangling = IMPORTS + flow("Dangling").replace("self.next(self.end)", "self.next(self.nowhere)")
    shown = notebook.execute(dangling + RUN.format(name="Dangling"))
    assert shown.error == "RunStartError"
    assert "nowhere" in shown.message


@pytest.mark.slow
def test_in_a_kernel_of_the_posix_locale(tmp_path, private_state):
    with Kernel(tmp_path, dict(os.environ) | {"LC_ALL": "POSIX"}) as kernel:
        kernel.execute("%load_ext nbrunner\nfrom nbrunner import NBRunner").checked()
        cell = kernel.execute(IMPORTS + "# ü\n" + flow(value="'grün'") + run())
        assert cell.checked().lines == ["Run True grün"]
        assert [each.name for each in tmp_path.iterdir()] == []
