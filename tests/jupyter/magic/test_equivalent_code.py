"""The magic line and the Python code that start a recorded run again."""

from __future__ import annotations

import contextlib

import pytest
from support.flows import FLOWS

from nbrunner import Runner, attach
from nbrunner.flow.cell_source import cell_flow
from nbrunner.jupyter.magic.equivalent_code import code_of, typed
from nbrunner.jupyter.magic.options import Options
from nbrunner.jupyter.magic.tokenizer import words_of

pytestmark = [pytest.mark.once, pytest.mark.slow]


def test_of_a_file_in_another_folder_with_variables_of_its_own(write_flow, tmp_path):
    flow = write_flow("slowflow")
    (tmp_path / "sub").mkdir()
    runner = Runner(
        flow, show_output=False, pylint=False, env={"TOKEN": "s3cret"}, cwd=tmp_path / "sub"
    )
    running = runner.run(seconds=0, tags=["two words"])
    code = code_of(attach(running.pathspec))
    assert code["magic"] == (
        f"%flowrun --cwd {tmp_path}/sub --env TOKEN=... {flow} --no-pylint run "
        "--seconds=0 '--tag=two words'"
    )
    assert code["python"] == (
        f"running = Runner({str(flow)!r}, cwd='{tmp_path}/sub', env={{'TOKEN': '...'}}, "
        "pylint=False).run(seconds=0, tags=['two words'])"
    )
    assert "s3cret" not in str(code)


def test_of_a_cell_by_the_name_of_its_class(tmp_path):
    with contextlib.chdir(tmp_path):
        flow = cell_flow(FLOWS["slowflow"], "Cell In[3]", [str(tmp_path)])
        running = Runner(flow, show_output=False, pylint=False).run(seconds=0)
        code = code_of(running)
    assert code == {
        "magic": "%flowrun SlowFlow --no-pylint run --seconds=0",
        "python": "running = Runner(SlowFlow, pylint=False).run(seconds=0)",
    }


def test_words_are_quoted_so_that_the_magic_takes_them_as_they_are():
    words = ["a b", "$x", "{y}", "it's", "", 3]
    assert typed(words) == "'a b' '$x' '{y}' 'it'\"'\"'s' '' 3"


@pytest.mark.parametrize(
    "text", ["a\nb", "a\n", 'it\'s\r\n"x" {y} $z', "a\\\n'", "\u2028", 'a\x0c"']
)
def test_a_line_end_in_a_word_does_not_end_the_line(text):
    line = typed(["--text", text, "run"])
    assert line.splitlines() == [line]
    assert [word.text for word in words_of(line, eval)] == ["--text", text, "run"]


def test_our_own_options_as_words():
    options = Options(profile="s3", env={"A": "1", "B": "x y"}, cwd="sub")
    assert options.words == ["--env", "A=1", "--env", "B=x y", "--profile", "s3", "--cwd", "sub"]
    assert Options().words == []
