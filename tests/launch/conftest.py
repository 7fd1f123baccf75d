from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.offspring import CHILDFLOW, Offspring


@pytest.fixture
def offspring(tmp_path: Path) -> Iterator[Offspring]:
    """A flow whose step starts children of all kinds; they are killed at the end."""
    (tmp_path / "childflow.py").write_text(CHILDFLOW)
    family = Offspring(tmp_path)
    yield family
    family.kill()
