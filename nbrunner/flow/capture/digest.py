"""Compares an object that a flow creates again with the notebook's object, by a digest.

The source of the functions is copied into flow files, which also run without nbrunner. They
import the names of `builtins` that they use, because a notebook may have bound ``type`` or
``list``.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations


def _digest_of_object(value, module):
    """Return a digest of an object's pickle, equal in all processes with the same libraries.

    Classes and functions of the module are compared by name, and a DataFrame by its columns:
    pandas may rearrange its internal blocks when columns are read.
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
    """Raise ValueError unless the objects equal the objects of the notebook.

    `digests` maps each name to its digest there, and to the statements that may have changed it.
    """
    from builtins import Exception, ValueError

    for name, (expected, suspects) in digests.items():
        try:
            found = _digest_of_object(module[name], module)
        except Exception:  # it cannot be pickled here
            found = None
        if found != expected:
            by = f", perhaps by {suspects}" if suspects else ""
            raise ValueError(
                f"{name!r}, made again here by its cell, differs from the notebook's: it was "
                f"changed later{by}, or it depends on chance or on something that differs here. "
                "It is too large to travel: load it in a step, or pass a path as a Parameter"
            )
