"""The flow that a word of a line names, and the error if there is none."""

from __future__ import annotations

import pytest
from metaflow import FlowSpec

from nbrunner.errors import BadValueError
from nbrunner.flow.parse_argv import Word
from nbrunner.jupyter.magic.launch import flow_named

pytestmark = pytest.mark.once

MISSING = " is neither a .py file nor a flow of this notebook"


class TrainFlow(FlowSpec):
    """A flow of which only the name matters."""


FLOWS = {"TrainFlow": TrainFlow, "Alias": TrainFlow, "_3": TrainFlow, "FlowSpec": FlowSpec}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("resume", ": the flow comes first, as in %flowrun FLOW resume"),
        ("run", ": the flow comes first, as in %flowrun FLOW run"),
        ("spin", ": the flow comes first, as in %flowrun FLOW spin"),
        ("TrainFlo", "; did you mean 'TrainFlow'?"),
        (
            "LongOne",
            "; run the cell that defines it first; flows of this notebook are TrainFlow, Alias",
        ),
        ("3", "; flows of this notebook are TrainFlow, Alias"),
    ],
)
def test_a_flow_that_is_not_there(word, hint):
    with pytest.raises(BadValueError) as raised:
        flow_named(Word(word), FLOWS)
    assert str(raised.value) == f"{word!r}{MISSING}{hint}"


def test_a_flow_where_there_is_none_at_all():
    with pytest.raises(BadValueError) as raised:
        flow_named(Word("LongFlow"), {"number": 3})
    assert str(raised.value) == f"'LongFlow'{MISSING}; run the cell that defines it first"


def test_a_flow_by_its_name_and_by_another():
    assert flow_named(Word("TrainFlow"), FLOWS) is TrainFlow
    assert flow_named(Word("Alias"), FLOWS) is TrainFlow
