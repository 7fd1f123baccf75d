// Written by tools/states.py from nbrunner/status.py.

export type State = "failed" | "timed out" | "lost" | "running" | "starting" | "stopped" | "successful";

export type StepState = "failed" | "stopped" | "running" | "pending" | "cloned" | "done";

/** The sign of each state that a run, or a row of a table, can have. */
export const RUN_GLYPHS: Record<State, string> = {
  "failed": "✗",
  "timed out": "◷",
  "lost": "?",
  "running": "●",
  "starting": "◌",
  "stopped": "■",
  "successful": "✓",
};

/** The sign of each state that a step can have. */
export const STEP_GLYPHS: Record<StepState, string> = {
  "failed": "✗",
  "stopped": "■",
  "running": "◐",
  "pending": "○",
  "cloned": "◎",
  "done": "✓",
};
