"""The description of a flow as plain data: parameters, options and graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["int", "float", "bool", "str", "choice", "json", "file", "config", "tuple", "other"]
Subcommand = Literal["run", "resume", "spin"]


@dataclass(frozen=True)
class Option:
    """A parameter of the flow, or an option of Metaflow's command line.

    Attributes
    ----------
    name : str
        Keyword argument that sets it.
    flag : str
        Name on the command line; the bare name for a positional argument.
    kind : str
        Type of its value: ``"int"``, ``"float"``, ``"bool"``, ``"str"``, ``"choice"``,
        ``"json"``, ``"file"`` (a path whose content is included), ``"config"``, ``"tuple"``
        (several values), or ``"other"``.
    default : any
        JSON value; None if there is no default or it is computed.
    default_is_computed : bool
        True if the default is a function that Metaflow calls when the run starts.
    required, multiple, is_flag, positional : bool
        ``multiple`` options take a list; a flag has no value on the command line.
    off_flag : str or None
        Name of the flag that turns a boolean flag off.
    values : int
        Number of values of one occurrence.
    choices : tuple of str
        Possible values of a ``"choice"``.
    help : str
        Help text; may be empty.
    """

    name: str
    flag: str
    kind: Kind = "str"
    default: object = None
    default_is_computed: bool = False
    required: bool = False
    multiple: bool = False
    is_flag: bool = False
    positional: bool = False
    off_flag: str | None = None
    values: int = 1
    choices: tuple[str, ...] = ()
    help: str = ""

    @property
    def name_as_written(self) -> str:
        """The flag as a keyword, in the flow's case: Metaflow converts ``name`` to lower case."""
        return self.flag.lstrip("-").replace("-", "_")

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Option:
        """Return the option from its JSON form."""
        return cls(**{**content, "choices": tuple(content["choices"])})


@dataclass(frozen=True)
class Step:
    """A step of the flow.

    Attributes
    ----------
    name : str
        Name of the step.
    type : str
        ``"start"``, ``"linear"``, ``"foreach"``, ``"parallel"``, ``"split"``, ``"switch"``,
        ``"join"`` or ``"end"``.
    next : tuple of str
        Names of the following steps.
    doc : str
        Docstring; may be empty.
    decorators : tuple of str
        Names of the decorators, in source order.
    """

    name: str
    type: str
    next: tuple[str, ...] = ()
    doc: str = ""
    decorators: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Step:
        """Return the step from its JSON form."""
        both = {key: tuple(content[key]) for key in ("next", "decorators")}
        return cls(**{**content, **both})


@dataclass(frozen=True)
class FlowDescription:
    """A flow: its parameters, the options of its command line, its graph.

    Attributes
    ----------
    name : str
        Name of the FlowSpec class.
    file : str
        Absolute path of the flow file.
    doc : str
        Docstring of the class; may be empty.
    decorators : tuple of str
        Names of the flow's own decorators.
    parameters : tuple of Option
        Parameters in the order of their definition.
    top_level : tuple of Option
        Options before the subcommand.
    run, resume, spin : tuple of Option
        Options of each subcommand, without the parameters.
    configs : tuple of Option
        The flow's Configs; the flag is ``"--config"`` if the default is a file.
    steps : tuple of Step
        Steps in topological order, ``start`` first.
    spin_root : str or None
        Folder in which Metaflow is configured to keep spun tasks; None if there is none.
    unknown : tuple of str
        Parts that could not be read with the installed version of Metaflow and are empty.
    """

    name: str
    file: str
    doc: str = ""
    decorators: tuple[str, ...] = ()
    parameters: tuple[Option, ...] = ()
    top_level: tuple[Option, ...] = ()
    run: tuple[Option, ...] = ()
    resume: tuple[Option, ...] = ()
    spin: tuple[Option, ...] = ()
    configs: tuple[Option, ...] = ()
    steps: tuple[Step, ...] = field(default=())
    spin_root: str | None = None
    unknown: tuple[str, ...] = ()

    def options(self, subcommand: Subcommand) -> tuple[Option, ...]:
        """Return the options of a subcommand; for ``"run"`` the parameters come first."""
        own: tuple[Option, ...] = getattr(self, subcommand)
        return (*self.parameters, *own) if subcommand == "run" else own

    def step(self, name: str) -> Step | None:
        """Return the step with a name, or None."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def following(self) -> dict[str, list[str]]:
        """The names of the following steps by step."""
        return {step.name: list(step.next) for step in self.steps}

    def to_json(self) -> dict[str, object]:
        """Return the description in JSON form."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FlowDescription:
        """Return the description from its JSON form."""

        def options(key: str) -> tuple[Option, ...]:
            return tuple(Option.from_json(each) for each in content[key])

        return cls(
            name=content["name"],
            file=content["file"],
            doc=content["doc"],
            decorators=tuple(content["decorators"]),
            parameters=options("parameters"),
            top_level=options("top_level"),
            run=options("run"),
            resume=options("resume"),
            spin=options("spin"),
            configs=options("configs"),
            steps=tuple(Step.from_json(each) for each in content["steps"]),
            spin_root=content["spin_root"],
            unknown=tuple(content["unknown"]),
        )
