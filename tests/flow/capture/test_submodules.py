"""A submodule that the notebook has imported is available in the flow."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.notebooks import Notebook

CASES = [
    ("import xml.dom.minidom", "", "xml.dom.minidom"),
    ("import xml.dom.minidom\ndef f(): return xml.dom.minidom", "", "f()"),
    ("import xml as X\nfrom xml.dom import minidom", "", "X.dom.minidom"),
    ("import xml as X\nimport xml.dom.minidom as M", "", "X.dom.minidom"),
    ("import xml.dom.minidom", "import xml", "xml.dom.minidom"),
    ("", "import xml.dom.minidom\nimport xml.etree.ElementTree", "xml.dom.minidom"),
    ("", "import xml.dom.minidom\nimport xml.etree.ElementTree", "xml.etree.ElementTree"),
    ("import xml.dom.minidom\nf = (lambda k: lambda: (k, xml.dom.minidom)[1])(3)", "", "f()"),
]


@pytest.mark.parametrize(("before", "own", "value"), CASES)
def test_a_submodule_is_reached_through_its_package(before, own, value, tmp_path):
    """D: ``module 'xml' has no attribute 'dom'``."""
    flow = f"{own}\nclass F:\n    def value(self):\n        return {value}.__name__\n"
    notebook = Notebook(before, flow)
    text, _, _ = notebook.text().rpartition("\n\nif __name__")
    # Without metaflow, which imports many modules, and in a process that has imported nothing.
    file = tmp_path / "flow.py"
    file.write_text(text.replace("; __import__('metaflow')", "") + "\nprint(F().value())\n")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == notebook.namespace["F"]().value(), done.stderr


def test_what_the_flow_does_not_use_is_not_imported():
    """D: an unused import takes time in each task."""
    flow = "class F:\n    def value(self):\n        return xml.__name__\n"
    assert "minidom" not in Notebook("import xml\nfrom xml.dom import minidom", flow).text()


def test_the_imports_of_the_flows_cell_stay_in_their_place():
    """D: an import may read a variable that is set above it."""
    own = "import os\nos.environ['A'] = 'b'\nimport xml.dom.minidom\n"
    flow = f"{own}class F:\n    def value(self):\n        return xml.dom, os\n"
    assert "__import__('xml" not in Notebook(flow).text()
