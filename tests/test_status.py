"""What is said of how runs end."""

from __future__ import annotations

import pytest

from nbrunner.status import how_it_failed

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("status", "returncode", "said"),
    [
        ("failed", 1, "exit code 1"),
        ("failed", -9, "killed by SIGKILL"),
        ("failed", -40, "killed by signal 40"),
        ("failed", None, ""),
        ("stopped", -2, ""),
        ("successful", 0, ""),
        ("lost", None, ""),
    ],
)
def test_how_the_process_of_a_failed_run_has_ended(status, returncode, said):
    assert how_it_failed(status, returncode) == said
