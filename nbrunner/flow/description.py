"""What is known of a flow before it runs, as plain data."""

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
        The keyword argument that sets it.
    flag : str
        How the command line spells it; the bare name for a positional argument.
    kind : str
        What it takes: ``"int"``, ``"float"``, ``"bool"``, ``"str"``, ``"choice"``,
        ``"json"``, ``"file"`` (a path whose content is included), ``"config"`` or
        ``"tuple"`` (several values), ``"other"``.
    default : any
        A value that JSON can hold; None where there is none or it is computed.
    default_is_computed : bool
        The default is a function that Metaflow calls when the run starts.
    required, multiple, is_flag, positional : bool
        ``multiple`` options take a list; a flag is spelt without a value.
    off_flag : str or None
        The spelling of a flag that is turned off.
    values : int
        How many values one occurrence takes.
    choices : tuple of str
        What a ``"choice"`` may be.
    help : str
    """

    name: str
    flag: str
    kind: Kind = "str"
    default: Any = None
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
        """The flag as a keyword, in the flow's case: that of ``name`` Metaflow has lowered."""
        return self.flag.lstrip("-").replace("-", "_")

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Option:
        return cls(**{**content, "choices": tuple(content["choices"])})


@dataclass(frozen=True)
class Step:
    """A step of the flow.

    Attributes
    ----------
    name : str
    type : str
        ``"start"``, ``"linear"``, ``"foreach"``, ``"parallel"``, ``"split"``, ``"switch"``,
        ``"join"`` or ``"end"``.
    next : tuple of str
        The steps behind it.
    doc : str
    decorators : tuple of str
        Names, in the order in which they stand.
    """

    name: str
    type: str
    next: tuple[str, ...] = ()
    doc: str = ""
    decorators: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Step:
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
    decorators : tuple of str
        Names of the flow's own decorators.
    parameters : tuple of Option
        In the order in which the flow defines them.
    top_level : tuple of Option
        What stands before the subcommand.
    run, resume, spin : tuple of Option
        The options of each subcommand, without the parameters.
    configs : tuple of Option
        The flow's Configs: the flag of one whose default is a file is ``"--config"``.
    steps : tuple of Step
        Sorted along the graph, ``start`` first.
    spin_root : str or None
        The folder that Metaflow is configured to keep spun tasks in; None if there is none.
    unknown : tuple of str
        What could not be read with the installed version of Metaflow, and is empty above.
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
        """Return the options that a subcommand takes, parameters first for ``"run"``."""
        own: tuple[Option, ...] = getattr(self, subcommand)
        return (*self.parameters, *own) if subcommand == "run" else own

    def step(self, name: str) -> Step | None:
        """Return the step of a name, or None."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def following(self) -> dict[str, list[str]]:
        """The names of the steps behind each step."""
        return {step.name: list(step.next) for step in self.steps}

    def to_json(self) -> dict[str, Any]:
        """Return the same as what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FlowDescription:
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
