"""Which step follows which: the options and ``self.next`` of the cells -> each step's next. Pure.

A step follows the steps of ``--after``; without it, the step whose cell was executed before it for
the first time, unless a ``self.next`` names it. A join without ``--after`` joins the open ends of
the innermost split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nbrunner.errors import BadValueError
from nbrunner.flow.steps.cells import StepCell, Transition
from nbrunner.flow.steps.words import one_of


@dataclass
class Edge:
    """The next steps of a step, from the options of their cells."""

    targets: list[str] = field(default_factory=list)
    foreach: str = ""

    @property
    def call(self) -> str:
        """The call of ``self.next``; empty if nothing follows."""
        if not self.targets:
            return ""
        arguments = [f"self.{each}" for each in self.targets]
        arguments += [f'foreach="{self.foreach}"'] if self.foreach else []
        return f"self.next({', '.join(arguments)})"


def ordered(steps: Mapping[str, StepCell]) -> list[str]:
    """Return the names of all steps: start first, end last, both supplied if missing."""
    return ["start", *(name for name in steps if name not in ("start", "end")), "end"]


def edges(flow: str, steps: Mapping[str, StepCell]) -> dict[str, Edge]:
    """Return the edges that the options of the cells make, by the step they begin at.

    Parameters
    ----------
    flow : str
        Name of the flow, for messages.
    steps : mapping
        The steps by name, in the order of their first execution.

    Raises
    ------
    BadValueError
        A step is unknown, cannot be reached, or branches are not joined.
    """
    found = _Edges(flow, steps)
    for name in found.order[1:-1]:
        found.add(name)
    found.add_end()
    found.check()
    return found.edges


def check_added(flow: str, steps: Mapping[str, StepCell], name: str) -> None:
    """Check the options of a step that was just defined; later cells may complete the flow.

    Raises
    ------
    BadValueError
        ``--after`` names an unknown step, or there is nothing to join.
    """
    found = _Edges(flow, steps)
    for each in found.order[1:-1]:
        found.add(each)
        if each == name:
            return
    if name == "end" and steps[name].words.after:
        found.add_end()


class _Edges:
    def __init__(self, flow: str, steps: Mapping[str, StepCell]) -> None:
        self.edges: dict[str, Edge] = {}
        self.order = ordered(steps)
        self._flow = flow
        self._steps = steps
        self._before: dict[str, list[str]] = {}
        for name, cell in steps.items():
            for target in cell.next_step.targets if cell.next_step else ():
                if target != name:  # a step that repeats itself
                    self._before.setdefault(target, []).append(name)

    def add(self, name: str) -> None:
        """Add the edges to a step."""
        cell = self._steps[name]
        if cell.words.after:
            before = list(cell.words.after)
        elif self._before.get(name):
            if cell.words.foreach:
                raise BadValueError(
                    f"{name} --foreach: the self.next of {self._before[name][0]} leads to {name}; "
                    f'write self.next(self.{name}, foreach="{cell.words.foreach}") there'
                )
            return
        elif cell.is_join and cell.words.join:
            before = self._open_ends(name)
        else:
            before = [self.order[self.order.index(name) - 1]]
        self._lead(before, name, cell.words.foreach)

    def add_end(self) -> None:
        """Add the edges to the end: from the steps that nothing follows."""
        cell = self._steps.get("end")
        if cell and (cell.words.after or cell.words.foreach):
            self.add("end")
        elif not self._before.get("end"):
            opened = [name for name in self.order[:-1] if not self._targets(name)]
            if len(opened) > 1 and not (cell and cell.is_join):
                raise BadValueError(
                    f"{self._flow}: nothing follows {' and '.join(opened)}; join them in a step "
                    f"with --join --after {','.join(opened)}"
                )
            self._lead(opened, "end", "")

    def _lead(self, before: list[str], name: str, foreach: str) -> None:
        for each in before:
            self._check_leads(each, name)
            edge = self.edges.setdefault(each, Edge())
            other = next((x for x in edge.targets if x != name), "")
            own = self._own(each)
            if own is not None:
                if foreach:
                    raise BadValueError(
                        f"{name} --foreach: {each} has a self.next of its own; write foreach there"
                    )
                continue
            if other and (foreach or edge.foreach):
                raise BadValueError(
                    f"{name}: {other} follows {each} already, and a foreach leads to one step; "
                    "use --after"
                )
            if name not in edge.targets:
                edge.targets.append(name)
            edge.foreach = foreach or edge.foreach
            self._before.setdefault(name, []).append(each)
        if foreach and len(before) > 1:
            raise BadValueError(f"{name} --foreach: expected one step before it, got {before}")

    def _check_leads(self, before: str, name: str) -> None:
        if before not in self.order or before == "end":
            known = [each for each in self.order[:-1] if each != name]
            raise BadValueError(f"{name} --after: {one_of(before, known, 'step')}")
        own = self._own(before)
        if own is not None and name not in own.targets:
            raise BadValueError(
                f"{name} cannot follow {before}, whose self.next leads to "
                f"{', '.join(own.targets)}; name the step before it with --after"
            )

    def _own(self, name: str) -> Transition | None:
        cell = self._steps.get(name)
        return cell.next_step if cell else None

    def _targets(self, name: str) -> list[str]:
        own = self._own(name)
        return list(own.targets) if own else self.edges.get(name, Edge()).targets

    def _open_ends(self, name: str) -> list[str]:
        """Return the steps that a join without ``--after`` joins."""
        order = self.order[: self.order.index(name)]
        splits = self._splits(order[-1], [])
        if not splits:
            raise BadValueError(
                f"{name} --join: no branches or foreach before it to be joined; name the steps "
                "with --after"
            )
        return [x for x in order if not self._targets(x) and self._splits(x, []) == splits]

    def _splits(self, name: str, seen: list[str]) -> list[str]:
        """Return the steps whose branches, or foreach, a step is in; the innermost last."""
        before = self._before.get(name, [])
        if not before or name in seen:
            return []
        outer = self._splits(before[0], [*seen, name])
        own, edge = self._own(before[0]), self.edges.get(before[0], Edge())
        splits = own.splits if own else bool(edge.foreach) or len(edge.targets) > 1
        found = [*outer, before[0]] if splits else outer
        cell = self._steps.get(name)
        return found[:-1] if cell and cell.is_join else found

    def check(self) -> None:
        """Raise if a step is unknown, or nothing leads to it."""
        for name in self.order[:-1]:
            for target in self._targets(name):
                if target not in self.order:
                    known = [each for each in self.order if each != name]
                    raise BadValueError(f"self.next of {name}: {one_of(target, known, 'step')}")
            if not self._targets(name):
                raise BadValueError(f"{self._flow}: nothing follows {name}; add self.next(...)")
        reached: set[str] = set()
        stack = ["start"]
        while stack:
            name = stack.pop()
            if name not in reached:
                reached.add(name)
                stack += self._targets(name)
        lost = [name for name in self.order if name not in reached]
        if lost:
            raise BadValueError(f"{self._flow}: no path of steps leads from start to {lost[0]}")
