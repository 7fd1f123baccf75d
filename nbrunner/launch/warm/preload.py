"""Importing modules into the warm interpreter, as far as forks of it then stay exact."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence

from nbrunner.engine import metaflow_versions
from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.eligibility import Imported, stamp
from nbrunner.launch.warm.learned import installed_at, module_of
from nbrunner.launch.warm.probe import generators
from nbrunner.launch.warm.probe.draws import refusal
from nbrunner.launch.warm.probe.import_probe import Observed, import_as_flow, is_done, observe
from nbrunner.launch.warm.probe.variables import VariablesRead


def preload(
    wanted: Iterable[str],
    imported: Imported,
    base_done: Callable[[], None],
    learned: Sequence[str] = (),
) -> str:
    """Import what every run needs, then those of the wanted modules that can be shared.

    What every run needs is always imported. If it draws something that a fork cannot renew,
    the reason is set as ``imported.inexact``, and every start is cold.

    Parameters
    ----------
    wanted : iterable of str
        Imported only if a fork can renew all that they draw; the reasons for the others are
        added to ``imported.not_preloaded``.
    imported : Imported
        Gets the files that each fork compares and the generators that it seeds anew.
    base_done : callable
        Called once what every run needs has been imported.
    learned : sequence of str
        What to import after those, in this order; see `nbrunner.launch.warm.learned`. The
        first that cannot be shared is the last.

    Returns
    -------
    str
        What this version of Metaflow lacks, so that no run can be started warm; or nothing.
    """
    with imported.noting_imports():
        if _is_unrecorded():
            why = _import(metaflow_seam.PRELOADED, imported, VariablesRead())
            imported.inexact = imported.inexact or (why and f"metaflow: {why}")
        unfit = metaflow_seam.preload()
        base_done()
    with imported.noting_imports(imported.read_by_preloaded, installed=True):
        for name in wanted:
            if is_done(name):
                continue
            if reason := _import([name], imported, imported.read_by_preloaded, _replaced):
                imported.not_preloaded[name] = reason
            else:
                imported.preloaded.append(name)
    _learn(learned, imported)
    return unfit


def _learn(learned: Sequence[str], imported: Imported) -> None:
    """Import what a flow imports at its top, down to the first that cannot be shared."""
    read = VariablesRead()
    with imported.noting_imports(read, installed=True):
        filters = imported.filters  # the flow's own imports set them in the same order
        for number, what in enumerate(learned):
            if not is_done(what) and (reason := _import_installed(what, imported, read)):
                name = module_of(what)
                imported.not_preloaded[name] = reason
                after = f"the flow imports it after {name}, which is not preloaded"
                for later in map(module_of, learned[number + 1 :]):
                    imported.not_preloaded.setdefault(later, after)
                break
            imported.learned.append(what)
        imported.filters = filters


def _is_unrecorded() -> bool:
    """Return whether ``import metaflow`` may draw something that the tables do not list.

    The tables in draws.py are tested with the versions in engine/metaflow_versions.py.
    """
    if importlib.util.find_spec("metaflow_extensions") is not None:
        return True
    return bool(metaflow_versions.side(metaflow_versions.installed()))


def _import_installed(what: str, imported: Imported, read: VariablesRead) -> str | None:
    """Import a module that the flow imports, if it is installed; else return why not."""
    if not installed_at(module_of(what).partition(".")[0]):
        return "it is not an installed module"
    return _import([what], imported, read)


def _import(
    names: Sequence[str],
    imported: Imported,
    read: VariablesRead,
    more: Callable[[Observed], str | None] = lambda _observed: None,
) -> str | None:
    """Import modules, if a fork has what a fresh import would give; else return why not."""
    try:
        observed = observe(names)
    except OSError as error:
        return f"no process could be started to check its import: {error}"
    reason = why_not(observed) or _set_too_late(observed, imported, read) or more(observed)
    if reason:
        os.write(2, observed.output)  # into the log of warm interpreters
        return reason
    stamps = {path: stamp(path) for path in observed.files}
    before = generators.living()
    for name in names:
        import_as_flow(name)
    imported.files |= stamps
    imported.metadata |= observed.metadata
    imported.filters |= observed.filters
    imported.generators += _drawn(before, observed)
    return None


def _replaced(observed: Observed) -> str | None:
    """Return what a flow that does not import the module would find replaced."""
    return f"it replaces {observed.replaced[0]}" if observed.replaced else None


def _set_too_late(observed: Observed, imported: Imported, read: VariablesRead) -> str | None:
    """Return which variable an import sets that earlier imports have read.

    A task inherits it from its run process, so there they find it set.
    """
    for name in observed.sets:
        if name in imported.read or name in read:
            return f"it sets ${name}, which an earlier import reads"
    return None


def why_not(observed: Observed) -> str | None:
    """Return why forks cannot share what an import gives; None if they can."""
    if observed.error or (reason := refusal(observed.draws)):
        return observed.error or reason
    if observed.output:  # in a cold start each task prints it into its log
        first, *_ = observed.output.decode(errors="replace").strip().splitlines() or [""]
        return f"while it is imported, it prints {first!r}"
    return None


def _drawn(before: Sequence[object], observed: Observed) -> list[object]:
    """Return the generators that the import has just seeded from nothing.

    One that is seeded with a number is in the state that it had in the scratch process.
    """
    old = {id(each) for each in before}
    return [
        each
        for each in generators.living()
        if id(each) not in old and generators.state(each) not in observed.states
    ]
