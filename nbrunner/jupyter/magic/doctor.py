"""The checks of ``%flowrun --doctor`` that need a kernel, in addition to `nbrunner.doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from nbrunner.doctor import Finding
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.kernel.front_end import front_end
from nbrunner.jupyter.kernel.protocols import Kernel, Shell

_SHOWS = {
    "notebook": "a notebook: panels",
    "headless": "a headless notebook: plain lines",
    "console": "a front end without widgets: plain lines",
    "terminal": "a terminal: plain lines",
}
_SUBSHELLS = "kernel subshells"


def examine_kernel(shell: Shell, config: FlowRun) -> Iterator[Finding]:
    """Yield the findings about this kernel and its front end."""
    seen = front_end(shell)
    yield Finding("front end", _SHOWS[seen])
    if seen != "terminal":
        yield _subshells(shell.kernel)
    yield Finding("%config FlowRun", _changed(config) or "defaults")


def _subshells(kernel: Kernel) -> Finding:
    if _SUBSHELLS in kernel.kernel_info.get("supported_features", ()):
        answer = "yes: buttons work while a cell runs, in JupyterLab 4.4 and Notebook 7.4 or newer"
        return Finding("subshells", answer)
    return Finding(
        "subshells",
        "no: a button waits for the running cell",
        "pip install 'ipykernel>=7', and restart the kernel",
    )


def _changed(config: FlowRun) -> str:
    changed = {
        name: getattr(config, name)
        for name, trait in sorted(config.traits(config=True).items())
        if getattr(config, name) != trait.default()
    }
    return ", ".join(f"{name}={value!r}" for name, value in changed.items())
