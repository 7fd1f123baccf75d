"""An exported file replaces what was exported before, and nothing else."""

from __future__ import annotations

import contextlib

import pytest

from nbrunner.errors import BadValueError
from nbrunner.flow.steps.export_file import write_exported

pytestmark = pytest.mark.usefixtures("private_state")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    with contextlib.chdir(folder):
        yield folder


def test_an_exported_file_is_exported_again(_in_folder):
    assert write_exported("a.py", "x = 1\n") == _in_folder / "a.py"
    write_exported("./a.py", "x = 2\n")
    assert (_in_folder / "a.py").read_text() == "x = 2\n"
    assert [each.name for each in _in_folder.iterdir()] == ["a.py"]


@pytest.mark.parametrize("case", ["of others", "edited", "replaced", "elsewhere"])
def test_a_file_of_others_stays_without_force(_in_folder, case):
    path = _in_folder / "a.py"
    if case != "of others":
        write_exported("b.py" if case == "elsewhere" else "a.py", "y = 1\n")
    if case == "edited":
        path.write_text(path.read_text() + "# mine\n")
    else:
        path.unlink(missing_ok=True)
        path.write_text("mine = 1\n" if case != "elsewhere" else "y = 1\n")
    content = path.read_text()
    with pytest.raises(BadValueError, match=r"a\.py exists and is not, or no longer, what was"):
        write_exported("a.py", "x = 1\n")
    assert path.read_text() == content
    write_exported("a.py", "x = 1\n", force=True)
    write_exported("a.py", "x = 2\n")


def test_a_file_with_the_same_content_is_left(_in_folder):
    (_in_folder / "a.py").write_text("x = 1\n")
    write_exported("a.py", "x = 1\n")
    write_exported("a.py", "x = 2\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.txt", "the name of a flow file ends in .py"),
        ("nowhere/a.py", "cannot write nowhere/a.py: No such file or directory"),
        ("folder.py", "cannot write folder.py: Is a directory"),
    ],
)
def test_a_path_that_cannot_be_written_is_named(_in_folder, path, message):
    (_in_folder / "folder.py").mkdir()
    with pytest.raises(BadValueError, match=message):
        write_exported(path, "x = 1\n")
