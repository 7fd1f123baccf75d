"""The words of a magic's line."""

from __future__ import annotations

import re

import pytest

from nbrunner.errors import BadValueError
from nbrunner.flow.steps.words import FlowWords, StepWords, flow_words, step_words


def test_the_options_of_a_step():
    line = "best --after a,b --after c --join -d card -d '@retry(times=2)' --flow G"
    assert step_words(line) == StepWords(
        *("best", ("a", "b", "c"), "", True, ("card", "retry(times=2)"), "G")
    )
    assert step_words("a --foreach=self.xs").foreach == "xs"
    assert step_words("") == StepWords()


def test_the_options_of_a_flow():
    line = 'F --project "my project" --decorator schedule(daily=True)'
    assert flow_words(line) == FlowWords("F", "my project", ("schedule(daily=True)",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1a", "expected the name of a step, got '1a'"),
        ("a b", "expected the name of one step, got 'a b'"),
        ("class", "expected the name of a step, got 'class'"),
        ("a --foreahc x", "unknown option --foreahc; did you mean '--foreach'?"),
        ("a --after", "--after: expected STEP[,STEP], got nothing"),
        ("a --after b,", "--after: expected the name of a step, got ''"),
        ("a --foreach xs[0]", "expected the name of an artifact, got 'xs[0]'"),
        ("a --join=1", "--join takes no value, got '1'"),
        ("a -d 'retry('", "-d: expected a decorator, as in -d card"),
        ("a -d '1 + 1'", "-d: expected a decorator, as in -d card"),
        ('a -d "card', "no closing quotation in"),
    ],
)
def test_a_wrong_word_is_named(line, message):
    with pytest.raises(BadValueError, match=re.escape(message)):
        step_words(line)


def test_a_flow_has_a_name():
    with pytest.raises(BadValueError, match="expected the name of a flow"):
        flow_words("--project a")
