"""The columns of a table of past runs."""

from __future__ import annotations

import pytest

from nbrunner.history import PastRun, cells_of, telling_columns

RUN, STARTED, TIME, TAGS, PARAMETERS, USER = range(6)


def past(user="ada", tags=(), **parameters):
    return PastRun("Flow/1", "successful", 0.0, 1.0, tags, user, parameters)


@pytest.mark.parametrize(
    ("runs", "columns"),
    [
        ([], [RUN, STARTED, TIME, TAGS, PARAMETERS, USER]),
        ([past()], [RUN, STARTED, TIME]),
        ([past(alpha=1), past()], [RUN, STARTED, TIME, PARAMETERS]),
        ([past(tags=("nightly",)), past()], [RUN, STARTED, TIME, TAGS]),
        ([past(alpha=1), past(user="bob")], [RUN, STARTED, TIME, PARAMETERS, USER]),
        ([past(alpha=1), past(user="")], [RUN, STARTED, TIME, PARAMETERS, USER]),
        ([past(user="")], [RUN, STARTED, TIME]),
    ],
)
def test_columns_that_tell_nothing_are_left_out(runs, columns):
    assert telling_columns([cells_of(run) for run in runs]) == columns
