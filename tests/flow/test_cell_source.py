"""A cell that is a flow file."""

from __future__ import annotations

import pytest

from nbrunner import Runner, describe
from nbrunner.errors import BadValueError, FlowSyntaxError
from nbrunner.flow.cell_source import cell_flow

BODY = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
IMPORT = "from metaflow import FlowSpec, step\n"


def made(text, folders=()):
    return cell_flow(text, "Cell In[7]", list(folders))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "name"),
    [
        (IMPORT + "class A(FlowSpec):" + BODY, "A"),
        ("import metaflow\nfrom metaflow import step\nclass A(metaflow.FlowSpec):" + BODY, "A"),
        (
            "import metaflow as mf\nfrom metaflow import step\nclass A(mf.FlowSpec):" + BODY,
            "A",
        ),
        ("from metaflow import FlowSpec as F, step\nclass A(F):" + BODY, "A"),
        (IMPORT + "Base = FlowSpec\nclass A(Base):" + BODY, "A"),
        (IMPORT + "class Base(FlowSpec):\n    x = 1\nclass A(Base):" + BODY, "A"),
        (IMPORT + "class Helper:\n    pass\nclass A(FlowSpec):" + BODY, "A"),
        (
            IMPORT
            + "# naïve ü\nclass A(FlowSpec):"
            + BODY
            + "if __name__ == '__main__':\n    A()\n",
            "A",
        ),
        ("from __future__ import annotations\n" + IMPORT + "class A(FlowSpec):" + BODY, "A"),
    ],
)
def test_the_flow_of_a_cell_is_found_and_can_be_described(text, name):
    flow = made(text)
    assert (flow.flow_name, flow.cell) == (name, "Cell In[7]")
    assert describe(flow).name == name
    lines = flow.file.read_text().splitlines()
    for number, line in enumerate(text.splitlines(), start=2):  # the magic is line 1
        assert lines[number - 1].startswith(line)


@pytest.mark.slow
def test_helpers_beside_the_notebook_can_be_imported(tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'here'\n")
    text = (
        IMPORT
        + "from beside import WORD\nclass A(FlowSpec):"
        + BODY.replace("self.next(self.end)", "self.word = WORD\n        self.next(self.end)")
    )
    running = Runner(made(text, [str(tmp_path)]), show_output=False, pylint=False).run()
    assert running.run.data.word == "here"


@pytest.mark.slow
def test_a_failure_names_the_cell_and_its_line():
    text = IMPORT + "class A(FlowSpec):" + BODY.replace("pass", "1 / 0")
    running = Runner(made(text), show_output=False, pylint=False).run()
    failure = running.failure
    line = 1 + 1 + text[: text.index("1 / 0")].count("\n")
    assert [(each.place, each.text) for each in failure.source] == [
        (f"Cell In[7], line {line}", "1 / 0")
    ]
    assert f"Cell In[7], line {line}, in end" in failure.traceback
    assert str(running.record["flow"]["file"]) not in str(failure)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "Cell In[7] defines no flow"),
        (IMPORT, "defines no flow"),
        (
            IMPORT + "class A(FlowSpec):" + BODY + "class B(FlowSpec):" + BODY,
            "more than one flow: A, B",
        ),
    ],
)
def test_a_cell_without_one_flow_is_refused(text, message):
    with pytest.raises(BadValueError) as raised:
        made(text)
    assert message in str(raised.value)


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


FLOW = "class A(FlowSpec):" + BODY


@pytest.mark.parametrize(
    "text",
    [
        f"def make():\n{indented(FLOW)}    return A\n",
        f"class Outer:\n{indented(FLOW)}",
        f"async def main():\n    if True:\n{indented(indented(FLOW))}",
    ],
)
def test_a_flow_that_is_not_at_the_top_of_its_cell_is_refused(text):
    with pytest.raises(BadValueError, match=r"^Cell In\[7\], line \d: A is defined inside a func"):
        made(IMPORT + text)


@pytest.mark.parametrize(
    "text",
    [
        f"if True:\n{indented(FLOW)}",
        f"def make():\n    class B(FlowSpec):\n        pass\n    return B\n{FLOW}",
        f"def inner():\n{indented(FLOW)}    return A\nA = inner()\n",
    ],
)
def test_a_flow_at_the_top_is_found_beside_others(text):
    assert made(IMPORT + text).flow_name == "A"


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("A()", r"A\(\)"),
        ("running = A()", r"A\(\)"),
        ("def main():\n    A()\nmain()", r"main\(\)"),
        ("def one():\n    A()\ndef two():\n    one()\nfor _ in range(1):\n    two()", r"two\(\)"),
        ("A()\nif __name__ == '__main__':\n    A()", r"A\(\)"),
    ],
)
def test_a_flow_that_is_started_whenever_its_file_is_read_is_refused(text, called):
    """The tasks of a flow import its file too."""
    told = rf"^Cell In\[7\], line \d+: {called} starts the flow .* if __name__ == '__main__':"
    with pytest.raises(BadValueError, match=told):
        made(IMPORT + FLOW + text)


@pytest.mark.parametrize(
    ("text", "is_added"),
    [
        ("if __name__ == '__main__':\n    A()", False),
        ("if '__main__' == __name__:\n    A()", False),
        ("def main():\n    A()\nif __name__ == '__main__':\n    main()", False),
        ("if __name__ == '__main__':\n    print('here')", True),
        ("A(use_cli=False)", True),
        ("def main():\n    A()", True),
    ],
)
def test_the_start_of_a_flow_is_added_where_the_cell_has_none(text, is_added):
    flow = made(IMPORT + FLOW + text)
    end = "if __name__ == '__main__':\n    A()\n"
    assert flow.file.read_text().endswith(f"{text}\n\n{end}") is is_added


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip list", "x = !ls", "A?", "%%time"])
def test_a_line_for_the_notebook_is_named_with_its_number(line):
    text = IMPORT + line + "\nclass A(FlowSpec):" + BODY
    with pytest.raises(FlowSyntaxError) as raised:
        made(text)
    assert "Cell In[7], line 3" in str(raised.value)
    assert raised.value.lineno == 3


def test_a_mistake_in_python_is_named_with_its_line():
    with pytest.raises(FlowSyntaxError) as raised:
        made(IMPORT + "class A(FlowSpec)\n    pass\n")
    assert "Cell In[7], line 3: expected ':'" in str(raised.value)


ODD = "\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.slow
@pytest.mark.parametrize("head", ["", "from __future__ import annotations\n", '"""Doc."""\n'])
def test_lines_end_where_python_ends_them(head, tmp_path):
    """`str.splitlines` also splits at characters that do not end a line in Python."""
    (tmp_path / "beside.py").touch()
    text = (
        f"# {ODD}\n{head}\x0c\nimport beside\n{IMPORT}ODD = {ODD!a} + '{ODD}'\nclass A(FlowSpec):"
        + BODY
    )
    text += "        1 / 0\n"
    flow = made(text, [str(tmp_path)])
    assert describe(flow).name == "A"
    running = Runner(flow, show_output=False, pylint=False).run()
    line = 1 + text[: text.index("1 / 0")].count("\n") + 1
    assert [each.place for each in running.failure.source] == [f"Cell In[7], line {line}"]


@pytest.mark.parametrize("odd", list(ODD))
def test_a_syntax_error_behind_an_odd_character_is_shown_with_its_own_line(odd):
    with pytest.raises(FlowSyntaxError, match=r"Cell In\[7\], line 3: .*\n    y = = 2$"):
        made(f"x = 'a{odd}b'\ny = = 2\nz = 3\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        '"""About the flow."""\n',
        "# first\n\n('About '\n 'the flow.')  # said\n",
        "'About the flow.'; x = 1\n",
        '"""About the flow."""\nfrom __future__ import annotations\n',
    ],
)
def test_the_docstring_of_a_cell_is_that_of_its_file(head, tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'here'\n")
    body = BODY.replace("self.next(self.end)", "self.doc = __doc__\n        self.next(self.end)")
    text = f"{head}from beside import WORD\n{IMPORT}class A(FlowSpec):{body}"
    running = Runner(made(text, [str(tmp_path)]), show_output=False, pylint=False).run()
    assert running.run.data.doc == "About the flow."
