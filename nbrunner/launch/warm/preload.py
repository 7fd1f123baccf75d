"""Imports modules into the warm interpreter if its forks remain exact."""

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
    """Import the modules that every run needs, then those of the wanted ones that can be shared.

    The former are always imported. If they draw something that a fork cannot renew, the reason
    is set as ``imported.inexact``, and every start is cold.

    Parameters
    ----------
    wanted : iterable of str
        Modules to import only if a fork can renew all their draws; the reasons for the others
        are added to ``imported.not_preloaded``.
    imported : Imported
        The dependencies of the imports are added to it.
    base_done : callable
        Called after the modules that every run needs have been imported.
    learned : sequence of str
        Imports to execute then, in this order, up to the first that cannot be shared; see
        `nbrunner.launch.warm.learned`.

    Returns
    -------
    str
        Why no run can be started warm with this version of Metaflow; empty if one can.
    """
    with imported.noting_imports(installed=True):
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
    """Execute the imports at a flow's top, up to the first that cannot be shared."""
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
                _look_at_rest(learned[number:], imported)
                break
            imported.learned.append(what)
        imported.filters = filters


def _look_at_rest(learned: Sequence[str], imported: Imported) -> None:
    """Find out whether modules that are not imported change anything for metaflow's import."""
    tops = {module_of(each).partition(".")[0] for each in learned}
    if not all(map(installed_at, tops)):
        return
    try:
        observed = observe(learned)
    except OSError:
        return  # a flow that imports them before metaflow is started cold
    if leaves_alone(observed, imported):
        imported.left_alone |= tops


# What a draw begins with that is seen in the whole process.
_CHANGES = ("changes ", "replaces ", "unsets ")


def leaves_alone(observed: Observed, imported: Imported) -> bool:
    """Return whether an import changes nothing for the imports that every run needs."""
    return not (
        observed.error
        or observed.replaced
        or any(each.what.startswith(_CHANGES) for each in observed.draws)
        or _set_too_late(observed, imported, VariablesRead())
    )


def _is_unrecorded() -> bool:
    """Return whether ``import metaflow`` may have draws that the tables do not list.

    The tables in draws.py are tested with the versions in engine/metaflow_versions.py.
    """
    if importlib.util.find_spec("metaflow_extensions") is not None:
        return True
    return bool(metaflow_versions.side(metaflow_versions.installed()))


def _import_installed(what: str, imported: Imported, read: VariablesRead) -> str | None:
    """Execute an import of the flow; return why not, or None if it was executed."""
    if not installed_at(module_of(what).partition(".")[0]):
        return "it is not an installed module"
    return _import([what], imported, read)


def _import(
    names: Sequence[str],
    imported: Imported,
    read: VariablesRead,
    more: Callable[[Observed], str | None] = lambda _observed: None,
) -> str | None:
    """Import modules unless forks would be inexact; return why not, or None if it was done."""
    try:
        observed = observe(names)
    except OSError as error:
        return f"no process could be started to check its import: {error}"
    reason = why_not(observed) or _set_too_late(observed, imported, read) or more(observed)
    if reason:
        os.write(2, observed.output)  # to the log of warm interpreters
        return reason
    stamps = {path: stamp(path) for path in observed.files}
    before = generators.living()
    for name in names:
        import_as_flow(name)
    imported.files |= stamps
    imported.metadata |= observed.metadata
    imported.filters |= observed.filters
    imported.generators += _drawn(before, observed)
    if observed.replaced:
        imported.replacing |= {module_of(name).partition(".")[0] for name in names}
    return None


def _replaced(observed: Observed) -> str | None:
    """Return a message about an object that the import replaces for all flows, or None."""
    return f"it replaces {observed.replaced[0]}" if observed.replaced else None


def _set_too_late(observed: Observed, imported: Imported, read: VariablesRead) -> str | None:
    """Return a message about a variable that an import sets and earlier imports read, or None.

    In a cold task, which inherits it from the run process, the earlier imports find it set.
    """
    for name in observed.sets:
        if name in imported.read or name in read:
            return f"it sets ${name}, which an earlier import reads"
    return None


def why_not(observed: Observed) -> str | None:
    """Return why forks cannot share an import; None if they can."""
    if observed.error or (reason := refusal(observed.draws)):
        return observed.error or reason
    if observed.output:  # in a cold start, each task prints it to its log
        first, *_ = observed.output.decode(errors="replace").strip().splitlines() or [""]
        return f"while it is imported, it prints {first!r}"
    return None


def _drawn(before: Sequence[object], observed: Observed) -> list[object]:
    """Return the generators that the import has just seeded from the system's entropy.

    One with a fixed seed has the same state as in the scratch process.
    """
    old = {id(each) for each in before}
    return [
        each
        for each in generators.living()
        if id(each) not in old and generators.state(each) not in observed.states
    ]
