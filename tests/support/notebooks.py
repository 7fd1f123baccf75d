"""Executes cells one after the other in one namespace, like a kernel but without one."""

from __future__ import annotations

import itertools
import textwrap
import types
from typing import Any

from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_ID
from IPython.core.compilerop import CachingCompiler

from nbrunner.flow.capture.flow_file import flow_file_text

_NUMBERS = itertools.count(1)  # shared by all notebooks, so that no two cells have the same name


class Notebook:
    """A namespace, and IPython's record of executed cells."""

    def __init__(self, *cells: str) -> None:
        self._compiler = CachingCompiler()
        shell = types.SimpleNamespace(compile=self._compiler)
        self.namespace: dict[str, Any] = {"__name__": "__main__", "get_ipython": lambda: shell}
        for cell in cells:
            self.execute(cell)

    def execute(self, cell: str) -> None:
        text = textwrap.dedent(cell).lstrip("\n")
        name = self._compiler.cache(text, next(_NUMBERS))
        exec(compile(text, name, "exec", dont_inherit=True), self.namespace)

    def text(self, name: str = "F") -> str:
        """Return the text of the flow file."""
        return flow_file_text(self.namespace[name], self.namespace)[0]

    def given(self, name: str = "F") -> Any:
        """Return the result of the class's function in the flow file."""
        module: dict[str, Any] = {"__name__": "__main__"}
        text = self.text(name)
        # As in another process, where cloudpickle does not know the classes of the notebook.
        known = dict(_DYNAMIC_CLASS_TRACKER_BY_ID)
        _DYNAMIC_CLASS_TRACKER_BY_ID.clear()
        try:
            exec(compile(text, "<flow file>", "exec", dont_inherit=True), module)
        finally:
            _DYNAMIC_CLASS_TRACKER_BY_ID.update(known)
        return module[name]().value()
