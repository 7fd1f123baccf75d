"""Telling the user's own code from what is installed."""

from __future__ import annotations

import os
import sys


def is_users(file: str) -> bool:
    """Tell whether a source file is the user's own: not Python's and not installed."""
    if file.startswith("<") or f"{os.sep}site-packages{os.sep}" in file:
        return False
    library = os.path.dirname(os.__file__)
    return not file.startswith((library, sys.prefix + os.sep, sys.base_prefix + os.sep))
