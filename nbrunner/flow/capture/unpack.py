"""The function that a flow file uses to load the objects that travel in it.

Its source is copied into flow files, which also run without nbrunner. It imports the names of
`builtins` that it uses, because a notebook may have bound ``vars`` or ``type``.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations


def _objects_of_notebook(module, python, places, packed):
    import base64
    import functools
    import importlib
    import io
    import marshal
    import pickle
    import sys
    import types
    import zlib
    from builtins import (  # noqa: UP029 - see above
        ImportError,
        ModuleNotFoundError,
        isinstance,
        setattr,
        tuple,
        type,
        vars,
    )

    if sys.version_info[:2] != python:
        raise ImportError(
            "this flow carries objects of a notebook, which only Python "
            f"{python[0]}.{python[1]} can load; this is Python {sys.version}"
        )
    here = sys._getframe().f_code.co_filename

    def code(data):
        return _placed(marshal.loads(data))

    def _placed(old):
        """Return code with the place of its source in this file."""
        constants = [_placed(x) if isinstance(x, types.CodeType) else x for x in old.co_consts]
        new = old.replace(co_consts=tuple(constants))
        for name, first, last, line in places:
            if old.co_filename == name and first <= old.co_firstlineno <= last:
                line += old.co_firstlineno - first
                return new.replace(co_filename=here, co_firstlineno=line)
        return new

    def fill_function(function, state):
        attributes, extra, cells = state
        for name, value in attributes.items():
            setattr(function, name, value)
        vars(function).update(extra)
        for cell, content in cells:
            cell.cell_contents = content

    def lru_cache(function, parameters):
        return functools.lru_cache(**parameters)(function)

    def enum(kind, name, bases, members, options):
        body = kind.__prepare__(name, bases)
        for key, value in members:
            body[key] = value
        return kind.__new__(kind, name, bases, body, **options)

    def fill_enum(made, state):
        attributes, members = state
        for key, value in attributes.items():
            type.__setattr__(made, key, value)
        for key, value in members.items():
            vars(made.__members__[key]).update(value)

    makers = {
        "code": code,
        "function": types.FunctionType,
        "fill_function": fill_function,
        "cell": types.CellType,
        "lru_cache": lru_cache,
        "enum": enum,
        "fill_enum": fill_enum,
        "globals": module,
    }

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, key):
            if isinstance(key, tuple):
                return vars(importlib.import_module(key[0]))
            return makers[key]

    try:
        return Unpickler(io.BytesIO(zlib.decompress(base64.b64decode(packed)))).load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cloudpickle":
            raise
        raise ModuleNotFoundError(
            "this flow carries classes of a notebook, which need cloudpickle where it "
            "runs: pip install cloudpickle",
            name=error.name,
        ) from error
