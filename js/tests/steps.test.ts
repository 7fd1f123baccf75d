import { describe, expect, test } from "vitest";
import { clock, took } from "../src/shared/duration.ts";
import { layout, path } from "../src/steps/layout.ts";
import { stepState, stepText, tally, type Step } from "../src/steps/text.ts";

const counts = (given: object) => ({ pending: 0, running: 0, done: 0, failed: 0, cloned: 0, ...given });
const step = (name: string, next: string[], type = "linear"): Step => ({ name, next, type, doc: "" });

test("a step in words", () => {
  expect(stepText("train", counts({ pending: 4, running: 1, done: 3 }))).toBe(
    "train: 3 of 8 done, 1 running, 0 failed",
  );
  expect(stepText("a", counts({ cloned: 2 }))).toBe("a: 0 of 2 done, 0 running, 0 failed, 2 cloned");
});

test.each([
  [{ pending: 1 }, "pending"],
  [{}, "pending"],
  [{ pending: 1, done: 1 }, "running"],
  [{ running: 1, done: 1 }, "running"],
  [{ failed: 1, running: 1 }, "failed"],
  [{ done: 2 }, "done"],
  [{ cloned: 2 }, "cloned"],
  [{ done: 1, cloned: 1 }, "done"],
])("%j is %s", (given, state) => {
  expect(stepState(counts(given))).toBe(state);
});

test("a tally where there are, or will be, several tasks", () => {
  expect(tally(counts({ done: 1 }), false)).toBe("");
  expect(tally(counts({ done: 3, pending: 5 }), false)).toBe("3/8");
  expect(tally(counts({}), true)).toBe("0/?");
});

describe("the layout", () => {
  test("puts each step behind those before it, and none on another", () => {
    const steps = [
      step("start", ["a", "b"], "split"),
      step("a", ["join"]),
      step("b", ["join"]),
      step("join", ["end"], "join"),
      step("end", []),
    ];
    const { boxes, edges } = layout(steps);
    const at = Object.fromEntries(boxes.map((box) => [box.name, box]));
    expect(at["start"]!.x).toBeLessThan(at["a"]!.x);
    expect(at["a"]!.x).toBe(at["b"]!.x);
    expect(Math.abs(at["a"]!.y - at["b"]!.y)).toBeGreaterThanOrEqual(30);
    expect(edges).toHaveLength(5);
  });

  test("takes a switch that leads back, and steps that are not there", () => {
    const { boxes, edges } = layout([
      step("start", ["loop"]),
      step("loop", ["loop", "start", "end", "nowhere"], "switch"),
      step("end", []),
    ]);
    expect(boxes).toHaveLength(3);
    expect(edges.map((edge) => `${edge.from}>${edge.to}`).sort()).toEqual([
      "loop>end",
      "loop>loop",
      "loop>start",
      "start>loop",
    ]);
  });

  test("of a hundred steps is quick", () => {
    const steps = Array.from({ length: 100 }, (_, i) => step(`s${i}`, i < 99 ? [`s${i + 1}`] : []));
    const began = performance.now();
    expect(layout(steps).boxes).toHaveLength(100);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

test("a path through points", () => {
  expect(path([])).toBe("");
  expect(path([{ x: 0, y: 0 }, { x: 10, y: 4 }])).toBe("M0 0C5 0 5 4 10 4");
});

test.each([
  [0, "0:00"],
  [42.9, "0:42"],
  [3723, "1:02:03"],
])("%s seconds so far are %j", (seconds, shown) => {
  expect(clock(seconds)).toBe(shown);
});

test.each([
  [0.134, "0.13 s"],
  [9.996, "10.0 s"],
  [12.34, "12.3 s"],
  [59.96, "1:00"],
  [185, "3:05"],
])("%s seconds in all are %j", (seconds, shown) => {
  expect(took(seconds)).toBe(shown);
});
