// The kinds of parts of a panel, by the name of their bundle in Python.

import type { Part } from "../core/adapter.ts";
import artifacts from "../artifacts/part.ts";
import cards from "../cards/part.ts";
import failureBox from "../failure_box/part.ts";
import launchForm from "../launch_form/part.ts";
import logView from "../log_view/part.ts";
import resumeBar from "../resume_bar/part.ts";
import runHeader from "../run_header/part.ts";
import runTable from "../run_table/part.ts";
import statusBadge from "../status_badge/part.ts";
import stepGraph from "../step_graph/part.ts";
import timeline from "../timeline/part.ts";

export const PARTS: Record<string, Part> = {
  artifacts,
  cards,
  failure_box: failureBox,
  launch_form: launchForm,
  log_view: logView,
  resume_bar: resumeBar,
  run_header: runHeader,
  run_table: runTable,
  status_badge: statusBadge,
  step_graph: stepGraph,
  timeline,
};
