"""The parameter sets of a sweep, from a grid or a list. Pure functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from nbrunner.errors import BadTypeError, BadValueError


def parameter_sets(
    given: Mapping[str, Iterable[object]] | Iterable[Mapping[str, object]],
) -> list[dict[str, object]]:
    """Return the keyword arguments of each run.

    Parameters
    ----------
    given : mapping of str to list, or list of mappings
        For a mapping, every combination, with the last name changing fastest; for a list, each
        mapping as given.

    Raises
    ------
    BadTypeError, BadValueError
        The value is neither, or there are no runs.
    """
    if isinstance(given, Mapping):
        for name, values in given.items():
            if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
                raise BadTypeError(f"sweep: expected a list of values for {name!r}, got {values!r}")
        lists = [list(values) for values in given.values()]
        sets = [dict(zip(given, values, strict=True)) for values in itertools.product(*lists)]
        if not given or not sets:
            empty = [name for name, values in zip(given, lists, strict=True) if not values]
            raise BadValueError(f"sweep: no values for {', '.join(empty) or 'any parameter'}")
        return sets
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise BadTypeError(
            "sweep: expected a dict of lists or a list of dicts, got "
            f"{given!r} of type {type(given).__name__}"
        )
    sets = []
    for each in given:
        if not isinstance(each, Mapping):
            raise BadTypeError(f"sweep: expected a dict for each run, got {each!r}")
        sets.append(dict(each))
    if not sets:
        raise BadValueError("sweep: the list of parameter sets is empty")
    return sets


def differing(sets: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the names whose values differ between sets, in order of appearance."""
    every = list(sets)
    names = dict.fromkeys(name for each in every for name in each)
    missing = object()
    return [
        name
        for name in names
        if any(each.get(name, missing) != every[0].get(name, missing) for each in every)
    ]
