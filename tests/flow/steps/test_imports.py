"""The imports at the top of a file."""

from __future__ import annotations

import ast

from nbrunner.flow.steps.imports import Imports


def test_imports_are_sorted_in_sections_and_merged():
    imports = Imports()
    for source, name in [
        ("from metaflow import step, FlowSpec", "step"),
        ("from metaflow import step, FlowSpec", "FlowSpec"),
        ("import pandas as pd", "pd"),
        ("import os.path, sys", "os"),
        ("from math import sqrt as root, pi", "root"),
        ("from math import sqrt as root, pi", "pi"),
        ("from math import pi", "pi"),
        ("import json as json", "json"),
        ("from __future__ import annotations", "annotations"),
    ]:
        imports.add(ast.parse(source).body[0], name)
    assert imports.text() == (
        "from __future__ import annotations\n\n"
        "import json as json\nimport os.path\nfrom math import pi, sqrt as root\n\n"
        "import pandas as pd\nfrom metaflow import FlowSpec, step"
    )


def test_a_long_import_is_wrapped():
    imports = Imports()
    for number in range(9):
        imports.add_from("metaflow", f"decorator_{number}")
    lines = imports.text().splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("from metaflow import (", "    decorator_0,", ")")
    assert Imports().text() == ""
