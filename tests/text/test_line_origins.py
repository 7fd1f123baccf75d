"""Tracebacks and logs name the user's cell or file, not the generated file."""

from __future__ import annotations

import pytest
from support.scripts import run_script

from nbrunner.text import line_origins
from nbrunner.text.line_origins import Origin

KNOWN = (Origin(3, 4, "Cell In[1]", 7), Origin(5, 9, "/work/script.py", 1))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (3, "Cell In[1], line 7"),
        (4, "Cell In[1], line 8"),
        (5, 'File "/work/script.py", line 1'),
        (9, 'File "/work/script.py", line 5'),
        (2, 'File "/state/F.py", line 2'),
        (10, 'File "/state/F.py", line 10'),
    ],
)
def test_a_place_is_told_as_its_origin(line, told):
    text = f'  File "/state/F.py", line {line}, in start'
    assert line_origins.in_origins(text, "/state/F.py", KNOWN) == f"  {told}, in start"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (4, "Cell In[1], line 8"),
        (9, "file /work/script.py on line 5"),
        (2, "file /state/F.py on line 2"),
    ],
)
def test_metaflow_spells_places_in_its_own_way(line, told):
    text = f"Validity checker found an issue in file /state/F.py on line {line}:"
    said = line_origins.in_origins(text, "/state/F.py", KNOWN)
    assert said == f"Validity checker found an issue in {told}:"


def test_what_names_another_file_or_has_no_origin_stays():
    text = 'File "/state/FF.py", line 5, in start'
    assert line_origins.in_origins(text, "/state/F.py", KNOWN) == text
    assert line_origins.in_origins(text, "/state/FF.py", ()) == text


def test_code_that_names_its_cell_itself():
    text = '  File "Cell In[12]", line 3, in inner'
    assert line_origins.in_origins(text, "/state/F.py", KNOWN) == "  Cell In[12], line 3, in inner"


def test_origins_come_back_from_a_record():
    assert line_origins.from_json(line_origins.to_json(KNOWN)) == KNOWN
    assert line_origins.from_json(None) == ()


SCRIPT = """\
    from metaflow import FlowSpec, step
    from nbrunner import Runner

    def divided(value):
        return 1 / value

    class ScriptFlow(FlowSpec):

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            divided(0)

    if __name__ == '__main__':
        running = Runner(ScriptFlow, show_output=False, pylint=False).run()
        print(running.failure)
        print('flows/' in running.failure.traceback, __file__ in running.failure.traceback)
"""


@pytest.mark.slow
def test_a_failed_flow_of_a_script_names_the_script(tmp_path):
    printed = run_script(tmp_path, SCRIPT)
    script = tmp_path / "script.py"
    assert printed == [
        "step end, task 2: ZeroDivisionError: division by zero",
        f"  {script}:15, in end",
        "    divided(0)",
        f"  {script}:5, in divided",
        "    return 1 / value",
        "False True",
    ]
