// The text about a step, and its state as a whole.

import type { StepState } from "../core/states.ts";

export interface Counts {
  pending: number;
  running: number;
  done: number;
  failed: number;
  cloned: number;
  /** How many of the failed tasks ended because the run was stopped. */
  stopped?: number;
}

export interface Step {
  name: string;
  type: string;
  next: string[];
  doc: string;
}

export const NONE: Counts = { pending: 0, running: 0, done: 0, failed: 0, cloned: 0 };

export const total = (counts: Counts): number =>
  counts.pending + counts.running + counts.done + counts.failed + counts.cloned;

/** "train: 3 of 8 done, 1 running, 0 failed", and ", 2 stopped", ", 2 cloned" if any. */
export function stepText(name: string, counts: Counts): string {
  const stopped = counts.stopped ? `, ${counts.stopped} stopped` : "";
  const cloned = counts.cloned ? `, ${counts.cloned} cloned` : "";
  return (
    `${name}: ${counts.done} of ${total(counts)} done, ${counts.running} running, ` +
    `${counts.failed - (counts.stopped ?? 0)} failed${stopped}${cloned}`
  );
}

/** The state of a step: the worst of its tasks' states. */
export function stepState(counts: Counts): StepState {
  if (counts.failed) return counts.failed === counts.stopped ? "stopped" : "failed";
  if (counts.running) return "running";
  if (counts.pending || !total(counts)) return counts.done || counts.cloned ? "running" : "pending";
  return counts.done ? "done" : "cloned";
}

/** "3/8" if a step has, or will have, more than one task; else empty. */
export function tally(counts: Counts, isForeach: boolean): string {
  const all = total(counts);
  return isForeach || all > 1 ? `${counts.done + counts.cloned}/${all || "?"}` : "";
}

/** A text as long as a step's tally can get with the announced number of tasks. */
export function roomFor(counts: Counts, isForeach: boolean): string {
  const text = tally(counts, isForeach);
  const all = "0".repeat(Math.max(2, String(total(counts)).length));
  return text && `${all}/${all}`;
}

/** The name of the first failed step, else of a stopped or running one; empty if there is none. */
export function atWork(steps: readonly Step[], progress: Record<string, Counts>): string {
  const inState = (state: StepState) =>
    steps.find(({ name }) => stepState(progress[name] ?? NONE) === state)?.name;
  return inState("failed") ?? inState("stopped") ?? inState("running") ?? "";
}

/** "57 of 100 steps". */
export function doneText(counts: readonly Counts[]): string {
  const done = counts.filter((each) => ["done", "cloned"].includes(stepState(each))).length;
  return `${done} of ${counts.length} steps`;
}
