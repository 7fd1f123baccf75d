"""The path of an artifact."""

from __future__ import annotations

import pytest

from nbrunner.errors import BadValueError
from nbrunner.jupyter.magic.artifact import ArtifactPath, artifact_path

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("train.model", ("", "train", "", "model")),
        ("train/3.model", ("", "train", "3", "model")),
        ("F/12/train.model", ("F/12", "train", "", "model")),
        ("F/12/train/3.model", ("F/12", "train", "3", "model")),
    ],
)
def test_the_parts_of_a_path(text, path):
    assert artifact_path(text) == ArtifactPath(*path)


@pytest.mark.parametrize(
    "text", ["", "model", "train.", ".model", "a//b.c", "a/b/c/d/e.f", "a.b c"]
)
def test_another_form_is_an_error(text):
    with pytest.raises(BadValueError, match=r"%flowshow: expected STEP\.ARTIFACT"):
        artifact_path(text)
