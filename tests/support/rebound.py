"""Prints the results of a seed's notebooks in IPython and in flow files: ``SEED COUNT``.

One line of JSON each: the notebook's number and scenes, the value of its expression in the shell
(``notebook``) and in the flow file (``flow``), or why the flow is refused (``refused``).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from nbrunner.errors import BadValueError
from nbrunner.flow.capture.flow_file import flow_file_text
from support.rebinding import Written, notebooks


def in_child(work: Callable[[], object]) -> object:
    """Return the result of a function, called in a fork of this process."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        os.close(readable)
        with open(writable, "w") as file:
            try:
                json.dump(work(), file)
            except BaseException:
                json.dump(traceback.format_exc(), file)
        os._exit(0)
    os.close(writable)
    with open(readable) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)


def told(flow: type) -> str:
    try:
        return repr(flow().value())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def in_flow(text: str) -> str:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    body = text.partition("\n\nif __name__ == '__main__'")[0]
    exec(compile(body, "/flows/F.py", "exec", dont_inherit=True), vars(module))
    return told(vars(module)["F"])


def both(shell: InteractiveShell, written: Written) -> dict[str, object]:
    for cell in written.cells:
        shell.run_cell(cell, store_history=True).raise_error()
    flow = shell.user_ns["F"]
    found: dict[str, object] = {}
    try:
        found["text"] = flow_file_text(flow, shell.user_ns)[0]
    except BadValueError as error:
        found["refused"] = str(error)
    found["notebook"] = told(flow)  # last, because evaluating the expression may change its value
    return found


def main() -> None:
    import asyncio  # noqa: F401 - once, and not in every fork
    import fractions  # noqa: F401

    import metaflow  # noqa: F401 - each flow file imports it
    import pydantic  # noqa: F401

    HistoryManager.enabled = False  # type: ignore[assignment]
    shell = InteractiveShell.instance()
    seed, count = map(int, sys.argv[1:])
    for number, written in enumerate(notebooks(seed, count)):
        found = in_child(partial(both, shell, written))
        report = found if isinstance(found, dict) else {"broken": found}
        if text := report.pop("text", None):  # not in a fork of the notebook
            report["flow"] = in_child(partial(in_flow, text))
        print(json.dumps({"number": number, "scenes": written.scenes, **report}), flush=True)


if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).parent.parent)]
    main()
