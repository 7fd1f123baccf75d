"""A flow imports from the folders that its notebook or script has added to ``sys.path``."""

from __future__ import annotations

import sys

import pytest
from support.scripts import run_script

from nbrunner.flow.import_path import ImportPath, arranged, import_path

PYTHON = ["/lib/python.zip", "/lib/python", "/lib/site-packages"]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["/own", *PYTHON], ImportPath(("/own",))),
        (["/src", "/own", *PYTHON], ImportPath(("/src", "/own"))),
        (["/own", "/src", *PYTHON], ImportPath(("/own", "/src"))),
        (["/own", *PYTHON, "/src"], ImportPath(("/own",), ("/src",))),
        (["/a", "/b", "/own", *PYTHON, "/c", "/a"], ImportPath(("/a", "/b", "/own"), ("/c",))),
        (["/own", "/lib/python", "/src", "/lib/site-packages"], ImportPath(("/own",), ("/src",))),
        (["/src", *PYTHON], ImportPath(("/src", "/own"))),
    ],
)
def test_added_folders_keep_their_place(entries, expected):
    assert arranged(entries, ["/own"], PYTHON) == expected


def test_what_python_and_its_packages_put_on_the_path_is_not_added(tmp_path, monkeypatch):
    before = import_path([str(tmp_path)])
    (tmp_path / "src").mkdir()
    entries = [str(tmp_path / "src"), str(tmp_path / "not there"), tmp_path, *sys.path]
    monkeypatch.setattr(sys, "path", entries)
    assert import_path([str(tmp_path)]).first == (str(tmp_path / "src"), *before.first)
    assert import_path([str(tmp_path)]).last == before.last
    assert not any("site-packages" in each or "python3" in each for each in before.last)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", ["sys.path.insert(0, 'src')", "sys.path.append('src')", "sys.path[1:1] = ['src']"]
)
def test_a_flow_imports_from_a_folder_that_its_script_has_added(tmp_path, change):
    """A change of ``sys.path`` in the notebook applies to every step of the flow."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "at_top.py").write_text("WORD = 'top'\n")
    (tmp_path / "src" / "in_step.py").write_text("WORD = 'step'\n")
    lines = run_script(
        tmp_path,
        f"""
        import sys
        {change}
        import at_top
        from metaflow import FlowSpec, step
        from nbrunner import Runner

        class PathFlow(FlowSpec):
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                import in_step
                self.words = [at_top.WORD, in_step.WORD]

        if __name__ == '__main__':
            running = Runner(PathFlow, show_output=False, pylint=False).run()
            print(running.status, running.run.data.words)
        """,
    )
    assert lines[0] == "successful ['top', 'step']"
