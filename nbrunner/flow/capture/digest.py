"""Comparing an object that a flow makes again with the notebook's own, by a digest.

The source of the functions is copied into flow files, which also run where nbrunner is not
installed. They import what they use of `builtins`, because a notebook may have bound ``type`` or
``list`` itself.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations


def _digest_of_object(value, module):
    """Return a digest of an object's pickle, alike in all processes with the same libraries.

    Classes and functions of the module count by their names. A DataFrame counts by its
    columns: pandas may arrange the blocks behind them anew when they are read.
    """
    import hashlib
    import pickle
    import types
    from builtins import (  # noqa: UP029 - see above
        NotImplemented,
        isinstance,
        list,
        memoryview,
        range,
        str,
        type,
    )

    digest = hashlib.blake2b(digest_size=16)

    class Digested:
        def write(self, data):
            digest.update(data)
            return memoryview(data).nbytes

    class Pickler(pickle.Pickler):
        def reducer_override(self, obj):
            if isinstance(obj, (type, types.FunctionType)):
                if obj.__module__ == module["__name__"]:
                    if module.get(obj.__qualname__) is not obj:
                        raise pickle.PicklingError(f"{obj!r} is not found by its name")
                    return str, (obj.__qualname__,)
            elif type(obj).__name__ == "DataFrame" and type(obj).__module__ == "pandas":
                columns = [obj.iloc[:, each].array for each in range(obj.shape[1])]
                return list, ([obj.index, obj.columns, obj.attrs, *columns],)
            return NotImplemented

    Pickler(Digested(), 5).dump(value)
    return digest.hexdigest()


def _check_made_again(module, digests):
    """Raise unless objects are what they were in the notebook.

    `digests` holds, for each name, its digest there and which statements may have changed it.
    """
    from builtins import Exception, ValueError

    for name, (expected, suspects) in digests.items():
        try:
            found = _digest_of_object(module[name], module)
        except Exception:  # it cannot even be pickled here
            found = None
        if found != expected:
            by = f", perhaps by {suspects}" if suspects else ""
            raise ValueError(
                f"the notebook has another {name!r} than the statements of its cell make here: it "
                f"was changed since{by}, or it depends on chance or on what is not the same here. "
                "It is too large to travel: load it in a step, or pass a path as a Parameter"
            )
