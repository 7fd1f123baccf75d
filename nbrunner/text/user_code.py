"""Distinguishes the user's own code from installed code."""

from __future__ import annotations

import os
import sys

# Not the whole prefix: on Debian it is /usr, where /usr/src or /usr/local may hold projects.
# pip installs into /usr/local/lib there.
_INSTALLED = tuple(
    os.path.join(prefix, folder, "")
    for prefix in (sys.prefix, sys.base_prefix)
    for folder in ("bin", "lib", "lib64", "share", "local/lib")
)


def is_users(file: str) -> bool:
    """Return whether a source file is the user's own: not part of Python and not installed."""
    if file.startswith("<") or f"{os.sep}site-packages{os.sep}" in file:
        return False
    library = os.path.dirname(os.__file__)
    return not file.startswith((library, *_INSTALLED))
