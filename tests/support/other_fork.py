"""Modules to preload that change how a part of the warm interpreter forks.

The probe refuses a module that replaces `os.fork` itself, which every flow would see.
"""

from __future__ import annotations

import textwrap

_MODULE = """\
import itertools
import os

from nbrunner.launch.warm import {part}

count = itertools.count()


class OtherFork:
    def __getattr__(self, name):
        return getattr(os, name)

    def fork(self):
{body}


{part}.os = OtherFork()
"""


def other_fork(part: str, body: str) -> str:
    """Return a module that replaces ``os.fork()`` in one module of `nbrunner.launch.warm`.

    Parameters
    ----------
    part : str
        The name of the module that forks, such as ``"zygote"``.
    body : str
        The body of the function; ``count`` counts its calls.
    """
    return _MODULE.format(part=part, body=textwrap.indent(body, " " * 8))
