"""Loading and unloading; the only place that changes anything outside of nbrunner."""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Make ``asyncio.run(main())``, as scripts have it, work in a cell too.

    A cell runs inside the kernel's event loop, where asyncio refuses to run another;
    nest-asyncio2 lets it. Applying it twice is harmless.
    """
    import nest_asyncio2

    from nbrunner.launch.environment import run_environment
    from nbrunner.launch.warm import LAUNCHER

    nest_asyncio2.apply()
    LAUNCHER.prepare(run_environment())


def unload(shell: Any) -> None:
    """Undo what `load` has registered on the shell.

    nest-asyncio2 cannot be taken back; it changes nothing for code that does not nest.
    """
