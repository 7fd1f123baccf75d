"""Telling the user's own code from installed code."""

from __future__ import annotations

import json
import os
import sys

import pytest

import nbrunner
from nbrunner.text.user_code import is_users


@pytest.mark.parametrize("name", ["src/app/flow.py", "local/project/flow.py", "flow.py"])
def test_a_project_below_the_prefix_of_python_is_the_users(name):
    assert is_users(os.path.join(sys.base_prefix, name))
    assert is_users(os.path.join(sys.prefix, name))


def test_what_is_installed_is_not():
    import metaflow

    assert not is_users(json.__file__)
    assert not is_users(metaflow.__file__)
    assert not is_users("/opt/env/lib/python3.11/site-packages/module.py")
    debians = "local/lib/python3.11/dist-packages/module.py"
    assert not is_users(os.path.join(sys.base_prefix, debians))
    assert not is_users("<string>")
    assert is_users(nbrunner.__file__) == ("site-packages" not in nbrunner.__file__)
