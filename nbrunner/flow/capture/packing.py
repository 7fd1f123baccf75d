"""Objects of a notebook -> a text from which a flow file loads them.

One pickle holds them all, so that they share the same parts in the flow. Functions and classes of
the notebook are pickled by value, and get the globals of the flow file instead of those of the
notebook. `nbrunner.flow.capture.unpack` loads the text.
"""

from __future__ import annotations

import base64
import enum
import functools
import inspect
import io
import marshal
import pickle
import sys
import types
import typing
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from nbrunner.flow.capture.notebook import is_filled
from nbrunner.flow.capture.scope import global_reads

MAX_BYTES = 1024 * 1024
_MAX_OBJECTS = 1_000_000
_FUNCTION_ATTRIBUTES = (
    *("__defaults__", "__kwdefaults__", "__annotations__", "__module__", "__doc__"),
    *("__qualname__", "__type_params__"),
)


class _Maker:
    """A placeholder in a pickle for a function of `nbrunner.flow.capture.unpack`."""

    def __call__(self) -> None:
        """Do nothing: pickle only checks that it is callable."""


_MAKERS = {
    name: _Maker()
    for name in ("code", "function", "fill_function", "cell", "lru_cache", "enum", "fill_enum")
}
_MAKER_NAMES = {id(marker): name for name, marker in _MAKERS.items()}
_LRU_CACHE = type(functools.lru_cache(lambda: None))


class NotPackedError(Exception):
    """An object cannot travel; the message is the reason, as in ``it is larger than 1 MB``."""


class TooLargeError(NotPackedError):
    """An object can be pickled, but is too large to travel with a flow."""


@dataclass
class Packed:
    """Pickled objects, and facts collected while pickling.

    Attributes
    ----------
    text : str
        The compressed pickle, in base64.
    names : set of str
        The global names that the pickled functions read, and the names of pickled functions
        and classes in the notebook.
    seen : set of int
        The ids of all pickled objects.
    codes : list of code
        The code of the pickled functions.
    """

    text: str = ""
    names: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    codes: list[types.CodeType] = field(default_factory=list)


def pack(
    objects: Mapping[str, Any], namespace: Mapping[str, Any], flow: type, told: Callable[[str], str]
) -> Packed:
    """Pickle a dict of objects.

    Parameters
    ----------
    objects : mapping of str to object
        The objects by name.
    namespace : mapping
        The notebook's globals.
    flow : type
        The flow that they travel with; they must not refer to it.
    told : callable
        Returns the name of a file in tracebacks; see `Notebook.told`.

    Raises
    ------
    NotPackedError
        They cannot be pickled, or are larger than 1 MB.
    """
    packed = Packed()
    file = _Limited()
    try:
        _Pickler(file, packed, namespace, flow, told).dump(dict(objects))
    except NotPackedError:
        raise
    except (RecursionError, pickle.PicklingError) as error:
        if not isinstance(error.__context__ or error, RecursionError):
            raise NotPackedError(f"{type(error).__name__}: {error}") from error
        raise NotPackedError("it is nested too deeply") from error
    except Exception as error:  # the user's __reduce__ may raise anything
        raise NotPackedError(f"{type(error).__name__}: {error}") from error
    packed.text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return packed


class _Limited(io.BytesIO):
    """A buffer that raises TooLargeError beyond `MAX_BYTES`."""

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > MAX_BYTES:
            raise TooLargeError(f"it is larger than {MAX_BYTES // 1024**2} MB")
        return super().write(data)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
    def __init__(
        self,
        file: io.BytesIO,
        packed: Packed,
        namespace: Mapping[str, Any],
        flow: type,
        told: Callable[[str], str],
    ) -> None:
        super().__init__(file)
        self._packed = packed
        self._namespace = namespace
        self._flow = flow
        self._told = told
        self._modules: dict[int, str] = {}  # id of a module's globals -> name

    def persistent_id(self, obj: Any) -> Any:
        key = id(obj)
        self._packed.seen.add(key)
        if obj is self._namespace:
            return "globals"
        if key in _MAKER_NAMES:
            return _MAKER_NAMES[key]
        if key in self._modules:
            return (self._modules[key],)
        if obj is self._flow:
            raise NotPackedError(f"it refers to {self._flow.__name__} itself")
        if len(self._packed.seen) > _MAX_OBJECTS:
            raise NotPackedError(f"it holds more than {_MAX_OBJECTS:,} objects")
        return None

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is types.CodeType:
            self._packed.codes.append(obj)
            # Version 2: the output of later ones depends on reference counts.
            return _MAKERS["code"], (marshal.dumps(_named(obj, self._told), 2),)
        if kind is types.CellType:
            return _MAKERS["cell"], ()
        if kind in (io.TextIOWrapper, memoryview):  # cloudpickle would send a copy of its content
            raise NotPackedError(f"cannot pickle {kind.__name__!r} object")
        if kind in (weakref.WeakKeyDictionary, weakref.WeakValueDictionary):
            return kind, (dict(obj),)
        if kind is functools.cached_property:  # without its lock
            return kind, (obj.func,), {"attrname": obj.attrname, "__doc__": obj.__doc__}
        if getattr(obj, "__module__", None) != self._namespace.get("__name__"):
            found = super().reducer_override(obj)
            if kind is types.FunctionType and found is not NotImplemented:
                return self._function(obj)
            return found
        return self._of_notebook(obj)

    def _of_notebook(self, obj: Any) -> Any:
        name = getattr(obj, "__qualname__", None)
        if isinstance(name, str) and self._namespace.get(name) is obj:
            self._packed.names.add(name)
        if isinstance(obj, types.FunctionType):
            return self._function(obj)
        if isinstance(obj, _LRU_CACHE):
            rest = {key: each for key, each in vars(obj).items() if key != "__wrapped__"}
            return _MAKERS["lru_cache"], (obj.__wrapped__, obj.cache_parameters()), rest
        if isinstance(obj, type):
            self._check_making(obj)
        if isinstance(obj, enum.EnumMeta) and len(obj.__members__):
            return self._enum(obj)
        found = super().reducer_override(obj)
        if isinstance(obj, type) and found is not NotImplemented:
            return _whole(obj, found)
        if found is NotImplemented and type(obj) not in self.dispatch_table:
            return _instance(obj)
        return found

    def _function(self, function: types.FunctionType) -> Any:
        """Reduce a function; its closure cells are shared, and filled after it is made."""
        code, scope = function.__code__, function.__globals__
        reads = global_reads(code)
        module = sys.modules.get(scope.get("__name__", ""))
        if scope is self._namespace:
            self._packed.names |= reads
        elif module is not None and vars(module) is scope:
            self._modules[id(scope)] = module.__name__
        else:
            scope = {key: scope[key] for key in ("__name__", *sorted(reads)) if key in scope}
        attributes = {
            key: value
            for key in _FUNCTION_ATTRIBUTES
            if (value := getattr(function, key, None)) or key in ("__module__", "__doc__")
        }
        cells = [
            (cell, cell.cell_contents) for cell in function.__closure__ or () if is_filled(cell)
        ]
        made = (code, scope, function.__name__, None, function.__closure__)
        state = (attributes, vars(function), cells)
        return _MAKERS["function"], made, state, None, None, _MAKERS["fill_function"]

    def _check_making(self, kind: type) -> None:
        """Raise NotPackedError if making a class again would execute code of the notebook."""
        own = self._namespace.get("__name__")
        for each in inspect.getmro(type(kind)):
            if each.__module__ == own and vars(each).keys() & {
                "__new__",
                "__init__",
                "__prepare__",
            }:
                raise NotPackedError(f"its metaclass {each.__name__} runs code for each class")
        for each in kind.__mro__[1:]:
            if each.__module__ == own and "__init_subclass__" in vars(each):
                raise NotPackedError(f"{each.__name__}.__init_subclass__ would be called again")

    def _enum(self, kind: Any) -> Any:
        """Reduce an enum: first its members by value, then its other attributes."""
        custom = vars(kind).get("__new_member__")
        if custom is not None and kind._member_type_ is not object:
            raise NotPackedError("an enum with a __new__ of its own and values of another type")
        members = [(name, each._value_) for name, each in kind.__members__.items()]
        options = {}
        if isinstance(kind, enum.EnumType) and issubclass(kind, enum.Flag):
            options["boundary"] = kind._boundary_  # type: ignore[attr-defined]
        bare = type(kind).__new__(
            type(kind), kind.__name__, kind.__bases__, _body(kind, members), **options
        )
        attributes = {
            key: value
            for key, value in vars(kind).items()
            if key not in vars(bare) or _is_own(value, key)
        }
        attributes |= {
            key: vars(kind)[key]
            for key in ("__module__", "__qualname__", "__doc__")
            if key in vars(kind)
        }
        own = {
            name: {key: value for key, value in vars(each).items() if key not in _MEMBER_KEYS}
            for name, each in kind.__members__.items()
        }
        made = (type(kind), kind.__name__, kind.__bases__, members, options)
        return _MAKERS["enum"], made, (attributes, own), None, None, _MAKERS["fill_enum"]


def _whole(kind: type, reduced: Any) -> Any:
    """Complete cloudpickle's reduction of a class: qualified name, slots, attributes in order.

    cloudpickle sorts the attributes, and omits those that a base class has too.
    """
    make, made, (attributes, slots), *rest = reduced
    first = {"__qualname__": kind.__qualname__}
    if "__slots__" in vars(kind) and not issubclass(kind, tuple):  # a named tuple sets its own
        first["__slots__"] = vars(kind)["__slots__"]
    inherited = [key for key, value in vars(kind).items() if _inherited(kind, key) is value]
    keys = [key for key in vars(kind) if key in attributes or key in inherited]
    ordered = {key: attributes.get(key, vars(kind)[key]) for key in keys}
    made = (*made[:3], made[3] | first, *made[4:])
    return make, made, (ordered, slots), *rest


def _inherited(kind: type, key: str) -> Any:
    return next((vars(base)[key] for base in kind.__mro__[1:] if key in vars(base)), _MISSING)


_MISSING = object()
_MAKING = frozenset({"__new__", "__init__", "__prepare__", "__setattr__"})
_MEMBER_KEYS = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})


def _body(kind: Any, members: list[tuple[str, Any]]) -> Any:
    body = type(kind).__prepare__(kind.__name__, kind.__bases__)
    for name, value in members:
        body[name] = value
    return body


def _is_own(value: Any, key: str) -> bool:
    """Return whether an attribute that every enum has was defined by the user for this one."""
    function = getattr(value, "__func__", value)
    return (
        isinstance(function, types.FunctionType)
        and key not in ("__new__", "__reduce_ex__")
        and function.__module__ != "enum"
    )


def _instance(obj: Any) -> Any:
    """Reduce an object that pickle would only refer to by its name in the notebook.

    Raises
    ------
    NotPackedError
        It has no other reduction than its name.
    """
    if isinstance(obj, typing.NewType):
        return typing.NewType, (obj.__name__, obj.__supertype__), vars(obj)
    if isinstance(obj, type) or not isinstance(obj.__reduce_ex__(4), str):
        return NotImplemented
    raise NotPackedError(f"{type(obj).__name__}: pickle stores only its name in the notebook")


def _named(code: types.CodeType, told: Callable[[str], str]) -> types.CodeType:
    """Return code whose file name is the cell's name in tracebacks."""
    constants = tuple(
        _named(each, told) if isinstance(each, types.CodeType) else each for each in code.co_consts
    )
    return code.replace(co_consts=constants, co_filename=told(code.co_filename))
