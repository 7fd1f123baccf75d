"""The help of the magics for flows of several cells."""

from __future__ import annotations

import textwrap

FLOW_HELP = textwrap.dedent(
    """\
    %%flow NAME [--project NAME] [-d DECORATOR]...
    <docstring, parameters, configs and methods of the flow; imports and @decorators first>

    %flow [NAME]                the flow of the cells as one text, and its graph
    %flow NAME --drop STEP      remove a step

    Defines a flow whose steps are the %%step cells below. The cell is optional: without it
    the steps belong to NotebookFlow. It may also hold the whole class without its steps.

      --project NAME    the same as the decorator @project(name="NAME")
      -d DECORATOR      decorator of the flow without @; may be repeated

        %%flow TrainFlow -d "schedule(daily=True)"
        depth = Parameter("depth", default=3)
    """
)

STEP_HELP = textwrap.dedent(
    """\
    %%step NAME [--after STEP[,STEP]] [--foreach ARTIFACT] [--join] [-d DECORATOR]...
                [--flow NAME] [--run]
    <body of the step; or its whole def, with decorators and self.next(...)>

    Defines a step of the latest %%flow; %flowrun NAME runs the flow. The cell is not executed
    in the notebook. Imports, functions, classes and values of other cells are available in
    the step. start and end are added if no cell defines them.

      --after STEP,STEP    steps before this one; default: the step defined before it
      --foreach ARTIFACT   a task for each item of this artifact, which the step before sets
      --join               joins branches or a foreach: the body has their results as inputs
      -d DECORATOR         decorator without @, as in -d card -d "retry(times=2)"
      --flow NAME          flow that the step belongs to; default: the latest %%flow
      --run, --no-run      run the step alone, with the inputs that it had in the latest run of
                           the flow; its artifacts are then in the notebook as self. The default
                           is %config FlowRun.run_steps

    A step executed again replaces the earlier one in its place. With a self.next(...) of its
    own, a step names those that follow it.

        %%step train --foreach depths -d "retry(times=2)"
        self.score = fit(self.rows, depth=self.input)
    """
)
