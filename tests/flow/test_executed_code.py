"""The source files that are recorded with a run: the flow file and the user's own modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbrunner.flow import executed_code as module
from nbrunner.flow.executed_code import executed_code
from nbrunner.launch.warm import own_code

pytestmark = pytest.mark.once


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def names(folder: Path, *folders: Path, **environment: str) -> list[str]:
    found = executed_code(folder / "flow.py", [str(each) for each in folders], environment)
    assert next(iter(found)) == str(folder / "flow.py")
    assert all(content == Path(path).read_bytes() for path, content in found.items())
    return sorted(str(Path(path).relative_to(folder.parent)) for path in found)


def test_modules_beside_the_flow_and_their_own_imports(tmp_path):
    write(
        tmp_path / "a",
        {
            "flow.py": "import json, helper\n",
            "helper.py": "def f():\n    import deeper\n",
            "deeper.py": "import helper\n",
            "unused.py": "",
        },
    )
    assert names(tmp_path / "a") == ["a/deeper.py", "a/flow.py", "a/helper.py"]


def test_all_modules_of_a_package_and_of_a_folder_without_init(tmp_path):
    write(
        tmp_path / "a",
        {
            "flow.py": "from package.part import x\nfrom space import y\n",
            "package/__init__.py": "",
            "package/part.py": "from . import other\n",
            "package/deep/other.py": "",
            "package/no-module/x.py": "",
            "package/data.csv": "",
            "space/y.py": "",
        },
    )
    found = names(tmp_path / "a")
    package = ["a/package/__init__.py", "a/package/deep/other.py", "a/package/part.py"]
    assert found == ["a/flow.py", *package, "a/space/y.py"]


def test_folders_of_the_flow_and_of_the_variable_in_the_order_of_python(tmp_path):
    write(tmp_path, {"a/flow.py": "import one, two, three\n", "b/one.py": "", "c/one.py": ""})
    write(tmp_path, {"c/two.py": "", "a/three.py": "", "b/three.py": ""})
    found = names(tmp_path / "a", tmp_path / "b", PYTHONPATH=str(tmp_path / "c"))
    assert found == ["a/flow.py", "a/three.py", "b/one.py", "c/two.py"]


def test_installed_modules_are_not_the_users(tmp_path):
    installed = Path(pytest.__file__).parents[1]
    write(tmp_path / "a", {"flow.py": "import pytest\n"})
    assert names(tmp_path / "a", installed, PYTHONPATH=str(installed)) == ["a/flow.py"]


def test_a_folder_of_data_named_like_an_import_is_no_package(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_ENTRIES", 20)
    write(tmp_path / "a", {"flow.py": "import json, helper\n", "helper.py": ""})
    write(tmp_path / "a", {f"json/{number}.txt": "" for number in range(30)})
    assert names(tmp_path / "a") == ["a/flow.py"]


def test_too_many_modules_leave_the_flow_file(tmp_path, monkeypatch):
    monkeypatch.setattr(own_code, "_MOST_FILES", 3)
    write(tmp_path / "a", {"flow.py": "import m0, m1, m2\n", **{f"m{n}.py": "" for n in range(3)}})
    assert names(tmp_path / "a") == ["a/flow.py"]


def test_an_unreadable_module_is_left_out(tmp_path):
    write(tmp_path / "a", {"flow.py": "import gone, syntax\n", "syntax.py": "def :\n"})
    (tmp_path / "a" / "gone.py").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path / "a") == ["a/flow.py", "a/syntax.py"]
