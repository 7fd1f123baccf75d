// The bars of a timeline, and the lane of each within its step.

import { clock, took } from "../core/duration.ts";

/** [number, step, task, state, start, end]: seconds since the run's start. */
export type WireBar = [number, string, string, string, number, number | null];

export interface Bar {
  step: string;
  task: string;
  state: string;
  start: number;
  end: number | null;
  lane: number;
}

export interface Group {
  step: string;
  bars: Bar[];
  lanes: number;
}

/** Merge new bars into the existing ones. */
export function merged(bars: Bar[], came: readonly WireBar[]): Bar[] {
  const all = bars.slice();
  for (const [number, step, task, state, start, end] of came) {
    all[number] = { step, task, state, start, end, lane: all[number]?.lane ?? 0 };
  }
  return all;
}

/**
 * Group bars by step and give each the first lane that is free when it starts.
 *
 * `bars` are in the order of their starts; `now` is the end of those without one. Groups are in
 * the order of `steps`; other steps follow in the order of their first start.
 */
export function grouped(bars: readonly Bar[], now: number, steps: readonly string[] = []): Group[] {
  const groups = new Map<string, Group & { free: number[] }>();
  for (const bar of bars) {
    let group = groups.get(bar.step);
    if (!group) groups.set(bar.step, (group = { step: bar.step, bars: [], lanes: 0, free: [] }));
    const { free } = group;
    let lane = free.findIndex((until) => until <= bar.start);
    if (lane < 0) lane = free.length;
    free[lane] = bar.end ?? now;
    bar.lane = lane;
    group.bars.push(bar);
    group.lanes = free.length;
  }
  const order = new Map(steps.map((step, number) => [step, number]));
  const place = ({ step }: Group) => order.get(step) ?? steps.length;
  return [...groups.values()].sort((one, other) => place(one) - place(other));
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** The times of the marks on an axis of this length, about `most` of them. */
export function ticks(seconds: number, most: number): number[] {
  const step = STEPS.find((each) => seconds / each <= most) ?? 86400 * Math.ceil(seconds / 86400 / most);
  const count = Math.floor(seconds / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, number) => Number((number * step).toFixed(1)));
}

/** Seconds on an axis: 0.2s, 5s, 1:30. */
export function tickText(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : clock(Math.round(seconds));
}

/** The text about a bar. */
export function barText(bar: Bar, now: number): string {
  const name = `${bar.step}/${bar.task}`;
  if (bar.state === "cloned") return `${name}: cloned`;
  const seconds = took(Math.max(0, (bar.end ?? now) - bar.start));
  return `${name}: ${bar.state}, ${seconds}, from ${took(bar.start)}`;
}

/** The text about all tasks of a step. */
export function groupText({ step, bars }: Group, now: number): string {
  const cloned = bars.filter((bar) => bar.state === "cloned").length;
  const worked = bars.filter((bar) => bar.state !== "cloned");
  const parts = [`${bars.length} ${bars.length === 1 ? "task" : "tasks"}`];
  for (const state of ["failed", "stopped", "running"]) {
    const count = bars.filter((bar) => bar.state === state).length;
    if (count) parts.push(`${count} ${state}`);
  }
  if (cloned) parts.push(`${cloned} cloned`);
  if (worked.length) {
    const longest = Math.max(...worked.map((bar) => (bar.end ?? now) - bar.start));
    parts.push(`longest ${took(Math.max(0, longest))}`);
  }
  return `${step}: ${parts.join(", ")}`;
}
