import { expect, test } from "vitest";
import { isNumber } from "../src/artifacts/value.ts";
import { sizeText } from "../src/core/fold.ts";
import {
  barText, grouped, groupText, merged, ticks, tickText, type WireBar,
} from "../src/timeline/bars.ts";

const came: WireBar[] = [
  [0, "start", "1", "done", 0, 1],
  [1, "train", "2", "done", 1, 3],
  [2, "train", "3", "running", 1.5, null],
  [3, "train", "4", "failed", 3, 4],
  [4, "end", "5", "cloned", 4, 4],
];

test("bars that have changed take the place of those that were there", () => {
  const before = merged([], came);
  const after = merged(before, [[2, "train", "3", "done", 1.5, 5]]);
  expect(after.map((bar) => bar.end)).toEqual([1, 3, 5, 4, 4]);
  expect(before[2]?.end).toBeNull();
});

test("a bar takes the first lane of its step that is free when it starts", () => {
  const groups = grouped(merged([], came), 10);
  expect(groups.map(({ step, lanes }) => [step, lanes])).toEqual([["start", 1], ["train", 2], ["end", 1]]);
  expect(groups[1]?.bars.map(({ lane }) => lane)).toEqual([0, 1, 0]);
});

test("steps stand in the order of the flow, whichever came first", () => {
  const cloned: WireBar[] = [
    [0, "c", "10", "cloned", 1, 1],
    [1, "a", "1", "cloned", 1.1, 1.1],
    [2, "b", "3", "cloned", 1.2, 1.2],
    [3, "d", "11", "done", 2, 3],
    [4, "b", "2", "cloned", 2.5, 2.5],
  ];
  expect(grouped(merged([], cloned), 10).map(({ step }) => step)).toEqual(["c", "a", "b", "d"]);
  const steps = ["a", "b", "c", "d", "e"];
  expect(grouped(merged([], cloned), 10, steps).map(({ step }) => step)).toEqual(["a", "b", "c", "d"]);
});

test("ten thousand bars are laid out at once", () => {
  const many = Array.from({ length: 10_000 }, (_, n): WireBar => [n, "work", String(n), "done", n / 16, n / 16 + 1]);
  const began = performance.now();
  expect(grouped(merged([], many), 1000)[0]?.lanes).toBe(16);
  expect(performance.now() - began).toBeLessThan(500);
});

test.each([
  [0.5, 6, [0, 0.1, 0.2, 0.3, 0.4, 0.5]],
  [9, 6, [0, 2, 4, 6, 8]],
  [100, 5, [0, 30, 60, 90]],
  [0.1, 10, [0, 0.1]],
])("an axis of %d s with at most %d marks", (seconds, most, expected) => {
  expect(ticks(seconds, most)).toEqual(expected);
});

test("days on an axis", () => expect(ticks(86400 * 10, 5)).toEqual([0, 172800, 345600, 518400, 691200, 864000]));

test("what is said of bars", () => {
  const bars = merged([], came);
  expect(barText(bars[2]!, 10)).toBe("train/3: running, 8.50 s, from 1.50 s");
  expect(barText(bars[4]!, 10)).toBe("end/5: cloned");
  expect(grouped(bars, 10).map((group) => groupText(group, 10))).toEqual([
    "start: 1 task, longest 1.00 s",
    "train: 3 tasks, 1 failed, 1 running, longest 8.50 s",
    "end: 1 task, 1 cloned",
  ]);
});

test("durations and sizes", () => {
  expect([5, 0.2, 90, 3723].map(tickText)).toEqual(["5s", "0.2s", "1:30", "1:02:03"]);
  expect([null, 0, 999, 1200, 34_000_000].map(sizeText)).toEqual(["", "0 B", "999 B", "1.2 kB", "34 MB"]);
  expect(["1", "-2.5e3", "", "nan", "x"].map(isNumber)).toEqual([true, true, false, false, false]);
});
