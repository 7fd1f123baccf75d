"""The fields of a flow's form, and the resulting words of the command line."""

from __future__ import annotations

import pytest

from nbrunner import Runner, describe
from nbrunner.flow.build_argv import command_words
from nbrunner.flow.parse_argv import call_of, config_words
from nbrunner.jupyter.panels.launch_fields import fields_of, missing, values_of_run, words_of_form

pytestmark = [pytest.mark.slow, pytest.mark.once]

FORMFLOW = '''\
from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, step

class FormFlow(FlowSpec):
    """Has one field of each kind."""

    conf = Config('conf', default_value={'size': 1}, help='sizes')

    number = Parameter('number', default=3, help='how many')
    ratio = Parameter('a-ratio', type=float, required=True)
    flag = Parameter('flag', default=True)
    text = Parameter('text', default="two words")
    table = Parameter('table', type=JSONType, default='{"a": [1]}')
    parts = Parameter('parts', default='a,b', separator=',')
    data = IncludeFile('data', required=False)
    computed = Parameter('computed', type=int, default=lambda context: 17)

    @step
    def start(self):
        print('number', self.number, 'ratio', self.ratio, 'flag', self.flag, 'text', self.text)
        print('table', self.table, 'parts', self.parts, 'data', self.data, 'size', self.conf.size)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    FormFlow()
'''


@pytest.fixture
def flow(write_flow):
    return describe(write_flow("formflow.py", FORMFLOW))


def test_a_field_for_each_parameter_config_and_a_few_options(flow):
    fields = {field["name"]: field for field in fields_of(flow)}
    assert [f"{field['group']} {name}" for name, field in fields.items()] == [
        "parameter number",
        "parameter a_ratio",
        "parameter flag",
        "parameter text",
        "parameter table",
        "parameter parts",
        "parameter data",
        "parameter computed",
        "config conf",
        "option max_workers",
        "option tags",
        "option decospecs",
    ]
    assert fields["number"]["value"] == "3" and fields["number"]["help"] == "how many"
    assert fields["a_ratio"]["required"] and fields["a_ratio"]["label"] == "a-ratio"
    assert fields["flag"]["value"] is True
    assert fields["table"]["value"] == '{"a": [1]}'
    assert fields["computed"]["hint"] == "computed when the run starts"
    assert fields["conf"]["value"] == '{"size": 1}' and fields["conf"]["kind"] == "json"
    assert fields["tags"]["multiple"]


OPENFLOW = """\
from metaflow import FlowSpec, Parameter, step

class OpenFlow(FlowSpec):

    needed = Parameter('needed', type=bool, required=True)
    computed = Parameter('computed', type=bool, default=lambda context: True)
    absent = Parameter('absent', type=bool)

    @step
    def start(self):
        print('got', self.needed, self.computed, self.absent)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    OpenFlow()
"""


@pytest.mark.parametrize("chosen", ["True", "False"])
def test_a_bool_without_a_default_can_be_left_open_and_be_false(write_flow, chosen):
    file = write_flow("openflow.py", OPENFLOW)
    flow = describe(file)
    fields = {field["name"]: field for field in fields_of(flow) if field["group"] == "parameter"}
    assert {(f["value"], *f["choices"]) for f in fields.values()} == {("", "True", "False")}
    assert fields["computed"]["hint"] == "computed when the run starts"
    assert missing(flow, {}) == ["needed"]
    assert text(words_of_form(flow, {"needed": chosen})) == ["run", "--needed", chosen]
    values = dict.fromkeys(fields, chosen)
    assert missing(flow, values) == []
    call = call_of(flow, words_of_form(flow, values))
    running = Runner(file, show_output=False, pylint=False).run(**call.arguments)
    assert f"got {chosen} {chosen} {chosen}" in running.stdout
    assert values_of_run(flow, running.parameters) == values


def test_what_is_missing(flow):
    assert missing(flow, {}) == ["a_ratio"]
    assert missing(flow, {"a_ratio": "0.5"}) == []


def text(words):
    return [word.text for word in words]


def test_words_are_of_what_was_changed(flow):
    assert text(words_of_form(flow, {})) == ["run"]
    values = {"number": "3", "a_ratio": "0.5", "flag": False, "text": "it's $5 {x}", "data": ""}
    assert text(words_of_form(flow, values)) == [
        *("run", "--a-ratio", "0.5", "--flag", "False", "--text", "it's $5 {x}"),
    ]
    emptied = {"a_ratio": "1", "text": "", "number": "", "table": ""}
    assert text(words_of_form(flow, emptied)) == ["run", "--a-ratio", "1", "--text", ""]
    values = {"a_ratio": "1", "tags": "one\ntwo words\n", "decospecs": "retry", "conf": "{}"}
    assert text(words_of_form(flow, values)) == [
        *("--config-value", "conf", "{}", "--with", "retry", "run", "--a-ratio", "1"),
        *("--tag", "one", "--tag", "two words"),
    ]


def test_words_of_the_form_are_what_the_flow_takes(write_flow, tmp_path):
    file = write_flow("formflow.py", FORMFLOW)
    (tmp_path / "data.txt").write_text("content")
    flow = describe(file)
    values = {
        "number": "7",
        "a_ratio": "0.25",
        "flag": False,
        "text": "a 'b' $c",
        "table": '{"k": null}',
        "parts": "x,y",
        "data": str(tmp_path / "data.txt"),
        "conf": '{"size": 9}',
    }
    words = words_of_form(flow, values)
    runner = Runner(file, show_output=False, pylint=False, **config_words(words))
    call = call_of(runner.describe(), words)
    assert command_words(runner.describe(), call.top_level, "run", call.arguments)
    running = runner.run(**call.arguments)
    assert "number 7 ratio 0.25 flag False text a 'b' $c" in running.stdout
    assert "table {'k': None} parts ['x', 'y'] data content size 9" in running.stdout
    assert values_of_run(flow, running.parameters) == {
        name: value for name, value in values.items() if name != "conf"
    } | {"table": '{"k": null}'}
