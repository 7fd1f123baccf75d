"""Generated notebooks whose cells bind the same names repeatedly, and a flow that uses them.

Each is made of scenes: a few statements, in the order of their cells, and an expression that
shows the values of their names. The flow's cell is any of the cells.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Scene = tuple[list[str], str]

IMPORTS = """\
import abc, collections, contextlib, copy, dataclasses, enum, functools, itertools, math, operator
import types, typing
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum
from functools import partial, wraps
from typing import Any, Generic, NamedTuple, NewType, Protocol, TypedDict, TypeVar
"""


@dataclass
class Written:
    """A notebook: its cells, and the position of the flow's cell."""

    cells: list[str]
    expression: str
    scenes: list[str] = field(default_factory=list)


# -- classes: source with NAME and N, and an expression with NAME and N that inspects it -------

KINDS: dict[str, tuple[str, str]] = {
    "plain": (
        "class NAME:\n    size = N\n    def __init__(self, x=N):\n        self.x = x\n"
        "    def get(self):\n        return (self.x, self.size)",
        "(NAME().get(), NAME.__name__, NAME.__module__)",
    ),
    "exception": ("class NAME(ValueError):\n    code = N", "(NAME('a').args, NAME.code)"),
    "bare exception": ("class NAME(Exception):\n    'Error N.'", "(NAME.__doc__, NAME.__bases__)"),
    "enum": (
        "class NAME(Enum):\n    RED = N\n    BLUE = 'b'\n    ALSO = N",
        "(list(NAME.__members__), NAME.RED, NAME(N), NAME.ALSO is NAME.RED)",
    ),
    "enum with values of its own": (
        "class NAME(Enum):\n    A = (N, 2)\n    B = (3, N)\n    def __init__(self, x, y):\n"
        "        self.x = x\n        self.y = y\n    @property\n    def total(self):\n"
        "        return self.x + self.y\n    def __str__(self):\n        return 'str' + self.name",
        "(NAME.A.x, NAME.B.total, str(NAME.A), NAME((N, 2)))",
    ),
    "int enum": ("class NAME(IntEnum):\n    ONE = N\n    TWO = N + 1", "(NAME.TWO + 0, NAME.ONE)"),
    "str enum": ("class NAME(str, Enum):\n    ONE = 'N'", "(NAME.ONE == 'N', NAME.ONE.upper())"),
    "functional enum": ("NAME = Enum('NAME', {'A': N})", "(NAME.A.value, NAME.__name__)"),
    "flag": (
        "class NAME(Flag):\n    R = 1\n    W = 2\n    RW = 3\n    X = 2 ** (3 + N)",
        "(NAME.R | NAME.W, NAME.RW, ~NAME.R, NAME.X.value, NAME.R in NAME.RW)",
    ),
    "dataclass": (
        "@dataclass\nclass NAME:\n    x: int = N\n    rows: list = field(default_factory=list)\n"
        "    def double(self):\n        return self.x * 2",
        "(NAME(), NAME(5).double(), NAME() == NAME(N), dataclasses.asdict(NAME(1, [2])))",
    ),
    "frozen dataclass": (
        "@dataclasses.dataclass(frozen=True, order=True)\nclass NAME:\n    x: int\n    y: int = N",
        "(NAME(1), hash(NAME(1)) == hash(NAME(1, N)), NAME(1) < NAME(2))",
    ),
    "dataclass with slots": (
        "@dataclass(slots=True)\nclass NAME:\n    x: int = N",
        "(NAME(), NAME.__slots__)",
    ),
    "named tuple": (
        "class NAME(NamedTuple):\n    x: int\n    y: int = N",
        "(NAME(1), NAME._fields, NAME(1)._replace(y=0), NAME._field_defaults)",
    ),
    "collections.namedtuple": (
        "NAME = collections.namedtuple('NAME', 'x y', defaults=[N])",
        "(NAME(1), NAME._fields)",
    ),
    "typed dict": (
        "class NAME(TypedDict):\n    x: int\n    y_N: str",
        "(NAME(x=1, y_N='a'), sorted(NAME.__annotations__))",
    ),
    "protocol": (
        "@typing.runtime_checkable\nclass NAME(Protocol):\n    def get_N(self) -> int: ...",
        "(isinstance(types.SimpleNamespace(get_N=1), NAME), isinstance(1, NAME))",
    ),
    "properties": (
        "class NAME:\n    @property\n    def x(self):\n        return N",
        "(NAME().x, sorted(k for k in vars(NAME) if k[0] != '_'))",
    ),
    "class methods": (
        "class NAME:\n    @classmethod\n    def make(cls):\n        return (cls.__name__, N)",
        "NAME.make()",
    ),
    "static methods": (
        "class NAME:\n    @staticmethod\n    def make():\n        return N",
        "(NAME.make(), NAME().make())",
    ),
    "abc": (
        "class NAME(abc.ABC):\n    @abc.abstractmethod\n    def get(self): ...\n"
        "    def n(self):\n        return N",
        "(sorted(NAME.__abstractmethods__), NAME.n(0),"
        " type('Sub', (NAME,), {'get': lambda self: 1})().get())",
    ),
    "metaclass": (
        "class MetaNAME(type):\n    def __call__(cls, *args):\n"
        "        made = super().__call__(*args)\n        made.extra = N\n        return made\n"
        "    @property\n    def tag(cls):\n        return cls.__name__ + 'N'\n"
        "class NAME(metaclass=MetaNAME):\n    pass",
        "(NAME().extra, NAME.tag, type(NAME) is MetaNAME)",
    ),
    "generic": (
        "T_NAME = TypeVar('T_NAME')\nclass NAME(Generic[T_NAME]):\n"
        "    def __init__(self, x: T_NAME):\n        self.x = x\n"
        "    def get(self) -> T_NAME:\n        return (self.x, N)",
        "(NAME[int](3).get(), NAME.__parameters__[0] is T_NAME)",
    ),
    "pydantic": (
        "import pydantic\nclass NAME(pydantic.BaseModel):\n    x: int = N\n    name: str = 'a'\n"
        "    @property\n    def double(self):\n        return self.x * 2",
        "(NAME(), NAME(x='7').double, NAME.model_validate({'x': 1}).model_dump())",
    ),
    "slots": (
        "class NAME:\n    __slots__ = ('x', 'y')\n    def __init__(self):\n        self.x = N",
        "(NAME().x, hasattr(NAME(), '__dict__'))",
    ),
    "derived, with super()": (
        "class BaseNAME:\n    def __init__(self):\n        self.x = N\n"
        "    def __init_subclass__(cls, tag='none', **rest):\n        cls.tag = tag\n"
        "class NAME(BaseNAME, tag='tNAME'):\n    def __init__(self):\n        super().__init__()\n"
        "        self.y = self.x + 1",
        "(NAME().y, NAME.tag, isinstance(NAME(), BaseNAME), NAME.__mro__[1] is BaseNAME)",
    ),
    "derived from a builtin": (
        "class NAME(dict):\n    def __missing__(self, key):\n        return N",
        "(NAME()['a'], NAME(b=1))",
    ),
    "nested": (
        "class NAME:\n    class Inner:\n        x = N\n    def get(self):\n"
        "        return self.Inner.x, type(self).Inner.__qualname__",
        "NAME().get()",
    ),
    "callable, with a descriptor": (
        "class NAME:\n    def __init__(self):\n        self.n = 0\n"
        "    def __call__(self):\n        self.n += N\n        return self.n\n"
        "    @functools.cached_property\n    def cached(self):\n        return N + 1",
        "(lambda c: (c(), c(), c.cached))(NAME())",
    ),
    "private names": (
        "class NAME:\n    __secret = N\n    def get(self):\n        return self.__secret",
        "NAME().get()",
    ),
    "body reads a name": (
        "n_NAME = N\nclass NAME:\n    x = n_NAME\n    def get(self):\n"
        "        return (self.x, n_NAME)",
        "NAME().get()",
    ),
}

DECORATORS = {
    "closure": "def D(f):\n    def inner(*args):\n        return ('D', N, f(*args))\n"
    "    return inner",
    "wraps": "def D(f):\n    @wraps(f)\n    def inner(*args):\n        return ('D', N, f(*args))\n"
    "    return inner",
    "argument": "def D(f, n=N):\n    f.tag = n\n    return f",
    "class": "class D:\n    def __init__(self, f):\n        self.f = f\n"
    "    def __call__(self, *args):\n        return ('D', N, self.f(*args))",
    "lru_cache": "D = functools.lru_cache(maxsize=16)",
    "register": "R_D = {}\ndef D(f):\n    R_D[f.__name__] = f\n    return f",
    "contextmanager": "def D(f):\n    @contextlib.contextmanager\n    def manager(*args):\n"
    "        yield ('D', N, f(*args))\n"
    "    def inner(*args):\n        with manager(*args) as got:\n            return got\n"
    "    return inner",
}


def notebooks(seed: int, count: int) -> Iterator[Written]:
    """Yield notebooks, which are always the same for a seed."""
    chance = random.Random(seed)
    scenes = list(SCENES)
    for number in range(count):
        chosen = [scenes[number % len(scenes)], *chance.sample(scenes, chance.randrange(2))]
        yield _notebook(chance, chosen, number)


def _notebook(chance: random.Random, scenes: list[Callable[..., Scene]], number: int) -> Written:
    cells: list[str] = []
    parts = []
    for index, scene in enumerate(scenes):
        texts, expression = scene(chance, f"{number}_{index}")
        parts.append(expression)
        # In their order, in new cells or in existing ones.
        at = 0
        for text in texts:
            at = chance.randint(at, len(cells))
            if at < len(cells) and chance.random() < 0.4:
                cells[at] += "\n" + text
            else:
                cells.insert(at, text)
            at += 1
    expression = f"({', '.join(parts)},)"
    flow = f"class F:\n    def value(self):\n        return {expression}\n"
    at = chance.randrange(len(cells) + 1)
    if at == len(cells):
        cells.append(flow)
    else:
        cells[at] = f"{flow}\n{cells[at]}" if chance.random() < 0.5 else f"{cells[at]}\n{flow}"
    if chance.random() < 0.3:  # the imports in a cell of their own
        cells.insert(0, IMPORTS)
    else:
        cells = [IMPORTS + each for each in cells]
    return Written(cells, expression, [each.__name__ for each in scenes])


def _n(chance: random.Random) -> str:
    return str(chance.randint(1, 9))


def of_kind(kind: str, name: str, number: int) -> tuple[str, str]:
    """Return the source of a class, and an expression that inspects it."""
    source, told = (
        re.sub(r"(?<![A-Za-z])N(?![A-Za-z])", str(number), text).replace("NAME", name)
        for text in KINDS[kind]
    )
    return source, told


def _kind(chance: random.Random, name: str) -> tuple[str, str, str]:
    """Return two versions of a class, and an expression that inspects the second."""
    kind = chance.choice(list(KINDS))
    first, second = chance.sample(range(1, 10), 2)
    return of_kind(kind, name, first)[0], *of_kind(kind, name, second)


# -- scenes --------------------------------------------------------------------------------


def class_again(chance: random.Random, key: str) -> Scene:
    first, second, told = _kind(chance, f"C{key}")
    return [first, second], told


def class_once(chance: random.Random, key: str) -> Scene:
    _, second, told = _kind(chance, f"C{key}")
    return [second], told


def class_alias_of_the_older(chance: random.Random, key: str) -> Scene:
    first, second, told = _kind(chance, f"C{key}")
    alias = f"Old{key} = C{key}"
    return [first + "\n" + alias, second], f"({told}, Old{key}.__name__, Old{key} is C{key})"


def class_brought_back(chance: random.Random, key: str) -> Scene:
    first, second, told = _kind(chance, f"C{key}")
    return [second, f"Kept{key} = C{key}", first, f"C{key} = Kept{key}"], told


def class_deleted_and_made(chance: random.Random, key: str) -> Scene:
    first, second, told = _kind(chance, f"C{key}")
    return [first, f"del C{key}", second], told


def class_of_a_factory(chance: random.Random, key: str) -> Scene:
    first, second, told = _kind(chance, f"C{key}")

    def factory(text: str) -> str:
        body = textwrap.indent(text, "    ")
        names = [word for word in (f"MetaC{key}", f"BaseC{key}", f"T_C{key}", f"n_C{key}")]
        shared = "".join(f"    global {each}\n" for each in names if each in text)
        return f"def make{key}():\n{shared}{body}\n    return C{key}\nC{key} = make{key}()"

    return [factory(first), factory(second)], told


def instance_of_the_older(chance: random.Random, key: str) -> Scene:
    a, b = chance.sample(range(10), 2)
    source = (
        "class C{0}:\n    def __init__(self):\n        self.x = {1}\n    def get(self):\n"
        "        return ({1}, self.x)"
    )
    texts = [source.format(key, a), f"thing{key} = C{key}()", source.format(key, b)]
    return texts, f"(thing{key}.get(), isinstance(thing{key}, C{key}), C{key}().get())"


def instances_and_their_class(chance: random.Random, key: str) -> Scene:
    source = f"@dataclass\nclass P{key}:\n    x: int\nclass Q{key}(P{key}):\n    pass"
    made = f"rows{key} = [P{key}({_n(chance)}), Q{key}({_n(chance)})]\nlast{key} = rows{key}[-1]"
    told = (
        f"(rows{key}, [isinstance(r, Q{key}) for r in rows{key}], isinstance(last{key}, "
        f"P{key}), last{key} is rows{key}[-1], type(last{key}) is Q{key})"
    )
    return [source, made], told


def class_changed_later(chance: random.Random, key: str) -> Scene:
    n = _n(chance)
    changes = [
        f"C{key}.x = {n}",
        f"C{key}.get = lambda self: ({n}, self.x)",
        f"other{key} = C{key}\nother{key}.x = {n}",
        f"setattr(C{key}, 'x', {n})",
        f"del C{key}.y",
    ]
    source = f"class C{key}:\n    x = 0\n    y = 1\n    def get(self):\n        return self.x"
    told = f"(C{key}().get(), C{key}.x, hasattr(C{key}, 'y'))"
    return [source, *chance.sample(changes, chance.randint(1, 2))], told


def derived_of_the_older(chance: random.Random, key: str) -> Scene:
    base = "class B{0}:\n    def who(self):\n        return {1}"
    child = (
        f"class K{key}(B{key}):\n    def both(self):\n        return (super().who(), self.who())"
    )
    told = f"(K{key}().both(), issubclass(K{key}, B{key}), B{key}().who())"
    texts = [base.format(key, _n(chance)), child]
    return texts + [base.format(key, 10)] * chance.randrange(2), told


def enum_members_kept(chance: random.Random, key: str) -> Scene:
    source = "class E{0}(Enum):\n    A = {1}\n    B = 20"
    texts = [source.format(key, _n(chance)), f"m{key} = E{key}.A\ntable{key} = {{E{key}.B: 1}}"]
    again = [source.format(key, 30)] * chance.randrange(2)
    told = f"(m{key}, m{key} is E{key}.A, table{key}.get(E{key}.B), E{key}.A.value)"
    return texts + again, told


def closure(chance: random.Random, key: str) -> Scene:
    make = (
        f"def make{key}(k):\n    def inner(x=0):\n        return (k, x, {_n(chance)})\n"
        f"    return inner"
    )
    calls = [f"h{key} = make{key}({_n(chance)})" for _ in range(chance.randint(1, 3))]
    again = [make.replace("inner", "other")] * chance.randrange(2)
    return [make, *calls, *again], f"(h{key}(), h{key}(2), h{key}.__name__, h{key}.__qualname__)"


def closures_that_share(chance: random.Random, key: str) -> Scene:
    make = (
        f"def make{key}(n):\n    def up():\n        nonlocal n\n        n += 1\n        return n\n"
        f"    def get():\n        return n\n    return up, get"
    )
    told = f"(up{key}(), get{key}(), up{key}(), get{key}())"
    # Evaluating it changes the kernel's count, so both sides evaluate a copy of a fresh state.
    return [make, f"up{key}, get{key} = make{key}({_n(chance)})"], told


def recursive_closure(chance: random.Random, key: str) -> Scene:
    make = (
        f"def make{key}():\n    def fact(n):\n        return 1 if n < 2 else n * fact(n - 1)\n"
        f"    return fact"
    )
    return [make, f"fact{key} = make{key}()", f"del make{key}"], f"fact{key}({_n(chance)})"


def alias(chance: random.Random, key: str) -> Scene:
    f = "def f{0}():\n    return ('f', {1})"
    g = "def g{0}():\n    return ('g', {1})"
    texts = [f.format(key, _n(chance)), g.format(key, _n(chance)), f"g{key} = f{key}"]
    again = chance.choice([[], [f.format(key, 10)], [g.format(key, 11)]])
    told = f"(f{key}(), g{key}(), g{key} is f{key}, g{key}.__name__)"
    return texts + again, told


def function_again(chance: random.Random, key: str) -> Scene:
    f = "def f{0}(x={1}):\n    '''Doc {1}.'''\n    return (x, {1})"
    count = chance.randint(1, 3)
    texts = [f.format(key, each) for each in chance.sample(range(1, 10), count)]
    return texts, f"(f{key}(), f{key}.__doc__)"


def helper_of_a_helper(chance: random.Random, key: str) -> Scene:
    low = "def low{0}():\n    return {1}"
    high = f"def high{key}():\n    return ('high', low{key}(), N{key})"
    texts = [low.format(key, 1), f"N{key} = 1", high, low.format(key, 2), f"N{key} = 2"]
    return texts[: chance.randint(3, 5)], f"(high{key}(), low{key}(), N{key})"


def defaults_of_a_name(chance: random.Random, key: str) -> Scene:
    texts = [
        f"N{key} = {_n(chance)}\nM{key} = object()",
        f"def f{key}(x=N{key}, *, m=M{key}):\n    return (x, m is M{key})",
        *[f"N{key} = 10"] * chance.randrange(2),
        *[f"M{key} = object()"] * chance.randrange(2),
    ]
    return texts, f"(f{key}(), N{key})"


def annotated(chance: random.Random, key: str) -> Scene:
    texts = [
        f"class A{key}:\n    pass",
        f"def f{key}(x: A{key}, y: list[int] = None, *z: 'text') -> A{key} | None:\n    return x",
        *[f"class A{key}:\n    pass"] * chance.randrange(2),
    ]
    told = (
        f"(f{key}.__annotations__['x'] is A{key}, sorted(f{key}.__annotations__), "
        f"f{key}.__annotations__['y'], f{key}.__annotations__['z'])"
    )
    return texts, told


def decorated(chance: random.Random, key: str) -> Scene:
    made = DECORATORS[chance.choice(list(DECORATORS))]
    made = made.replace("D", f"d{key}").replace("N", _n(chance))
    f = f"@d{key}\ndef f{key}(x=1):\n    return (x, '{{}}')"
    texts = [made, *(f.format(each) for each in ["old", "new"][chance.randrange(2) :])]
    if chance.random() < 0.4:
        texts.append(f"def d{key}(f):\n    return None")
    return texts, f"(f{key}(), f{key}(2), getattr(f{key}, '__name__', 'none'))"


def decorated_method(chance: random.Random, key: str) -> Scene:
    made = DECORATORS[chance.choice(["closure", "wraps", "argument"])]
    made = made.replace("D", f"d{key}").replace("N", _n(chance))
    c = f"class C{key}:\n    @d{key}\n    def get(self):\n        return '{{}}'"
    texts = [made, c.format("old"), c.format("new")]
    if chance.random() < 0.4:
        texts.append(f"def d{key}(f):\n    return None")
    return texts, f"C{key}().get()"


def borrowed_method(chance: random.Random, key: str) -> Scene:
    a = "class A{0}:\n    def get(self):\n        return ({1}, type(self).__name__)"
    b = f"class B{key}:\n    get = A{key}.get"
    texts = [a.format(key, 1), b, a.format(key, 2)]
    again = [b] * chance.randrange(2)
    return texts + again, f"(B{key}().get(), A{key}().get(), B{key}.get is A{key}.get)"


def partials(chance: random.Random, key: str) -> Scene:
    f = "def f{0}(x, y=0):\n    return (x, y, {1})"
    made = chance.choice(
        ["partial(f{0}, {1})", "functools.partial(partial(f{0}, y={1}), 2)", "lambda: f{0}({1})"]
    ).format(key, _n(chance))
    texts = [f.format(key, 1), f"p{key} = {made}", *[f.format(key, 2)] * chance.randrange(2)]
    return texts, f"p{key}()"


def lambdas(chance: random.Random, key: str) -> Scene:
    texts = [f"l{key} = lambda x={n}: (x, {n})" for n in chance.sample(range(10), 2)]
    table = f"t{key} = {{'a': l{key}, 'b': lambda: N{key}}}\nN{key} = {_n(chance)}"
    return [*texts, table], f"(l{key}(), t{key}['a'](), t{key}['b'](), t{key}['a'] is l{key})"


def bound_methods(chance: random.Random, key: str) -> Scene:
    c = f"class C{key}:\n    n = 0\n    def up(self):\n        self.n += 1\n        return self.n"
    texts = [c, f"c{key} = C{key}()\nup{key} = c{key}.up", *[c] * chance.randrange(2)]
    return texts, f"(up{key}.__self__ is c{key}, up{key}.__name__, c{key}.n)"


def constants(chance: random.Random, key: str) -> Scene:
    values = ["1", "'ü'", "[1, [2]]", "{'a': (1, None)}", "{3}", "b'x'", "float('inf')", "1j"]
    texts = [f"v{key} = {each}" for each in chance.sample(values, chance.randint(1, 3))]
    return texts, f"v{key}"


def values_that_share(chance: random.Random, key: str) -> Scene:
    texts = [f"a{key} = [1]", f"b{key} = a{key}\nc{key} = {{'a': a{key}}}", f"b{key}.append(2)"]
    return texts, f"(a{key}, b{key}, a{key} is b{key}, c{key}['a'] is a{key})"


def objects(chance: random.Random, key: str) -> Scene:
    values = [
        "collections.Counter('aab')",
        "collections.defaultdict(list, a=[1])",
        "collections.OrderedDict(a=1)",
        "collections.deque([1, 2], maxlen=3)",
        "__import__('fractions').Fraction(1, 3)",
        "__import__('datetime').date(2020, 1, 2)",
        "__import__('pathlib').Path('a') / 'b'",
        "types.SimpleNamespace(a=1)",
        "types.MappingProxyType({'a': 1})",
        "__import__('re').compile('a+')",
        "__import__('decimal').Decimal('1.5')",
        "range(3)",
        "slice(1, 2)",
        "operator.itemgetter(1)",
        "len",
        "dict",
        "math.floor",
        "itertools.count(3)",
        "Exception('a')",
        "list[int]",
        "typing.Optional[int]",
    ]
    texts = [f"o{key} = {each}" for each in chance.sample(values, chance.randint(1, 3))]
    return texts, f"(o{key}, type(o{key}).__name__)"


def an_object_changed(chance: random.Random, key: str) -> Scene:
    texts = [
        f"s{key} = types.SimpleNamespace(items=[])",
        f"s{key}.items.append({_n(chance)})",
        f"s{key}.name = 'n'",
        *[f"s{key} = types.SimpleNamespace(items=[{_n(chance)}])"] * chance.randrange(2),
    ]
    return texts, f"(s{key}.items, sorted(vars(s{key})))"


def an_object_made_of_a_name(chance: random.Random, key: str) -> Scene:
    texts = [
        f"n{key} = int('1')",
        f"def b{key}():\n    return types.SimpleNamespace(n=n{key})",
        f"o{key} = b{key}()",
        *[f"n{key} = int('2')"] * chance.randrange(2),
        *[f"def b{key}():\n    return None"] * chance.randrange(2),
    ]
    return texts, f"(o{key}.n, n{key})"


def computed_values(chance: random.Random, key: str) -> Scene:
    texts = [
        f"n{key} = int('{_n(chance)}')",
        f"m{key} = n{key} * 2",
        *[f"n{key} = int('20')"] * chance.randrange(2),
        *[f"m{key} = str(n{key})"] * chance.randrange(2),
    ]
    return texts, f"(n{key}, m{key})"


def bound_by_a_function(chance: random.Random, key: str) -> Scene:
    texts = [
        f"n{key} = int('1')",
        f"def set{key}():\n    global n{key}\n    n{key} = {_n(chance)} + 10",
        *[f"set{key}()"] * chance.randrange(2),
    ]
    return texts, f"n{key}"


def counted_by_a_function(chance: random.Random, key: str) -> Scene:
    texts = [
        f"n{key} = 0\ndef up{key}():\n    global n{key}\n    n{key} += 1\n    return n{key}",
        f"w{key} = partial(up{key})",
    ]
    told = f"(w{key}() - w{key}(), up{key}() - n{key}, w{key}.func is up{key})"
    return texts, told


def under_if_and_loops(chance: random.Random, key: str) -> Scene:
    texts = [
        f"if {chance.choice(['True', 'False'])}:\n    def f{key}():\n        return 1\n"
        f"else:\n    def f{key}():\n        return 2",
        f"fs{key} = []\nfor i{key} in range(3):\n    def g{key}(x=i{key}):\n        return x\n"
        f"    fs{key}.append(g{key})",
        f"try:\n    import no_such_module\nexcept ImportError:\n    h{key} = lambda: {_n(chance)}",
    ]
    told = f"(f{key}(), g{key}(), [f() for f in fs{key}], fs{key}[-1] is g{key}, h{key}(), i{key})"
    return texts, told


def imports_again(chance: random.Random, key: str) -> Scene:
    texts = [
        f"from math import floor as f{key}",
        f"from math import ceil as f{key}",
        f"import math as m{key}",
        f"import operator as m{key}",
        f"def f{key}(x):\n    return 'own'",
        f"f{key} = m{key} = types.SimpleNamespace(__name__='own')",
    ]
    texts = chance.sample(texts, 2)
    return texts, _either(texts, key)


def _either(texts: list[str], key: str) -> str:
    names = [each for each in (f"f{key}", f"m{key}") if any(each in text for text in texts)]
    return f"({''.join(f'{each}.__name__, ' for each in names)})"


def shadowed_builtins(chance: random.Random, key: str) -> Scene:
    texts = [f"def sum(rows):\n    return 'own {key}'", "del sum"]
    return texts[: chance.randint(1, 2)], "sum([1, 2])"


def deleted(chance: random.Random, key: str) -> Scene:
    texts = [f"def f{key}():\n    return 1", f"del f{key}"]
    return texts, f"f{key}()"


def types_of_typing(chance: random.Random, key: str) -> Scene:
    texts = [
        f"Id{key} = NewType('Id{key}', int)",
        f"T{key} = TypeVar('T{key}')",
        f"def f{key}(x: T{key}) -> Id{key}:\n    return Id{key}(x)",
        f"Alias{key} = dict[str, Id{key}]",
    ]
    told = (
        f"(f{key}(1), Id{key}.__supertype__, f{key}.__annotations__['x'] is T{key}, "
        f"Alias{key}.__args__[1] is Id{key})"
    )
    return texts, told


def generators_and_coroutines(chance: random.Random, key: str) -> Scene:
    texts = [
        f"def g{key}(n={_n(chance)}):\n    yield from range(n)",
        f"async def a{key}():\n    return {_n(chance)}",
        f"g{key} = partial(g{key}, 2)",
    ]
    return texts, f"(list(g{key}()), __import__('asyncio').run(a{key}()))"


def single_dispatch(chance: random.Random, key: str) -> Scene:
    texts = [
        f"@functools.singledispatch\ndef s{key}(x):\n    return 'any'",
        f"@s{key}.register\ndef _(x: int):\n    return ('int', {_n(chance)})",
    ]
    return texts, f"(s{key}('a'), s{key}(1))"


SCENES: list[Callable[[random.Random, str], Scene]] = [
    class_again,
    class_once,
    class_alias_of_the_older,
    class_brought_back,
    class_deleted_and_made,
    class_of_a_factory,
    instance_of_the_older,
    instances_and_their_class,
    class_changed_later,
    derived_of_the_older,
    enum_members_kept,
    closure,
    recursive_closure,
    alias,
    function_again,
    helper_of_a_helper,
    defaults_of_a_name,
    annotated,
    decorated,
    decorated_method,
    borrowed_method,
    partials,
    lambdas,
    bound_methods,
    constants,
    values_that_share,
    objects,
    an_object_changed,
    an_object_made_of_a_name,
    computed_values,
    bound_by_a_function,
    counted_by_a_function,
    closures_that_share,
    under_if_and_loops,
    imports_again,
    shadowed_builtins,
    deleted,
    types_of_typing,
    generators_and_coroutines,
    single_dispatch,
]
