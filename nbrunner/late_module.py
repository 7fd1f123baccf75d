"""Modules that are imported when something in them is first used.

``from nbrunner import Runner`` is at the top of scripts and notebooks, whether or not they start
a run. So the module of `Runner` imports nothing else that takes long, such as asyncio, until a
Runner is made.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LateModule:
    """Stands for a module: its attributes are the module's.

    Parameters
    ----------
    name : str
        The full name of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
