"""``%config FlowRun``: defaults of the magics and settings of this kernel."""

from __future__ import annotations

import sys
from keyword import iskeyword

from traitlets import Bool, Bunch, Enum, Float, Int, List, TraitError, Unicode, validate
from traitlets.config import Config, SingletonConfigurable

from nbrunner.jupyter.kernel.protocols import Shell
from nbrunner.launch.warm.launcher import LAUNCHER, LEARNED_BYTES
from nbrunner.record.retention import DAY_SECONDS, KEEP, MAX_AGE_SECONDS, MAX_TOTAL_BYTES

# The traits that hold for the whole process.
_APPLIED = [
    *("warm_starts", "preload", "learn_imports", "learned_megabytes"),
    *("keep_days", "keep_gigabytes"),
]


class FlowRun(SingletonConfigurable):
    """Defaults of the magics, and settings for starting runs from this kernel."""

    block = Bool(True, help="Wait for the run; False is --bg.").tag(config=True)
    panel = Bool(True, help="Show a panel if the front end can; False is --no-panel.").tag(
        config=True
    )
    raise_error = Bool(True, help="A failed flow fails its cell; False is --no-raise-error.").tag(
        config=True
    )
    on_interrupt = Enum(
        ["stop", "detach"], "stop", help="What Interrupt does to the run of a waiting cell."
    ).tag(config=True)
    run_steps = Bool(False, help="A %%step cell runs its step; False needs --run.").tag(config=True)
    out = Unicode("run", help="Name of the metaflow.Run in the notebook.").tag(config=True)
    saved_log_lines = Int(
        100, min=0, help="Lines at the end of the log that the saved notebook keeps."
    ).tag(config=True)
    plain_lines = Int(
        1000, min=0, help="Log lines that a headless notebook prints for a run; 0 is all."
    ).tag(config=True)
    warm_starts = Bool(True, help="Start runs warm if they behave like cold ones.").tag(config=True)
    preload = List(
        Unicode(), help="Modules that the warm interpreter imports besides metaflow."
    ).tag(config=True)
    learn_imports = Bool(
        True, help="Import the modules at the top of a flow file once, if that is exact."
    ).tag(config=True)
    learned_megabytes = Int(
        LEARNED_BYTES // 1_000_000,
        min=0,
        help="Memory of the interpreters with the imports of flow files.",
    ).tag(config=True)
    keep_days = Float(
        MAX_AGE_SECONDS / DAY_SECONDS,
        min=0,
        help="Days to keep records and logs of ended runs; results stay.",
    ).tag(config=True)
    keep_gigabytes = Float(
        MAX_TOTAL_BYTES / 1e9,
        min=0,
        help="Disk space for records and logs; the oldest are deleted first.",
    ).tag(config=True)
    nested_asyncio = Bool(
        True, help="Make asyncio.run() work in a cell; read when the extension loads."
    ).tag(config=True)

    @validate("out")
    def _valid_name(self, proposal: Bunch) -> str:
        name: str = proposal["value"]
        if not name.isidentifier() or iskeyword(name):
            raise TraitError(f"FlowRun.out: expected a Python name, got {name!r}")
        return name

    @validate("preload")
    def _valid_modules(self, proposal: Bunch) -> list[str]:
        names: list[str] = proposal["value"]
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                raise TraitError(f"FlowRun.preload: expected names of modules, got {name!r}")
        return names

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)
        self.observe(self._apply, _APPLIED)
        self._apply()

    def _apply(self, _change: object = None) -> None:
        LAUNCHER.enabled = self.warm_starts
        LAUNCHER.preload = tuple(self.preload)
        LAUNCHER.learn_imports = self.learn_imports
        LAUNCHER.learned_bytes = self.learned_megabytes * 1_000_000
        KEEP.max_age_seconds = self.keep_days * DAY_SECONDS
        KEEP.max_total_bytes = int(self.keep_gigabytes * 1e9)


def configured(shell: Shell) -> FlowRun:
    """Return the shell's configuration; invalid values are removed and reported.

    ``%config FlowRun.out = '1a'`` raises, but the value stays in the shell's configuration.
    """
    FlowRun.clear_instance()
    try:
        return FlowRun.instance(parent=shell)
    except TraitError:
        section = shell.config.FlowRun
    for name, value in list(section.items()):
        try:
            FlowRun(config=Config({"FlowRun": {name: value}}))
        except TraitError as error:
            del section[name]
            print(f"%config ignored: {error}", file=sys.stderr)  # noqa: T201
    return FlowRun.instance(parent=shell)
