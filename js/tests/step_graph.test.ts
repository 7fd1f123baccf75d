import { describe, expect, test } from "vitest";
import { clock, took } from "../src/core/duration.ts";
import { layout } from "../src/step_graph/layout.ts";
import { neighbour } from "../src/step_graph/arrow_keys.ts";
import { atWork, doneText, NONE, roomFor, stepState, stepText, tally, type Step } from "../src/step_graph/step_state.ts";

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

  test("keeps the order of the definition and has one width for each rank", () => {
    const names = Array.from({ length: 14 }, (_, number) => `branch_${number}`);
    const branches = names.map((name) => step(name, ["join"]));
    const { boxes } = layout([step("start", names, "split"), ...branches, step("join", [])]);
    const drawn = boxes.filter(({ name }) => names.includes(name));
    expect([...drawn].sort((a, b) => a.y - b.y).map(({ name }) => name)).toEqual(names);
    expect(new Set(drawn.map(({ width, x }) => `${width} ${x}`)).size).toBe(1);
  });

  test("draws lines from right to left side, and what leads back as a bow below", () => {
    const { boxes, edges, height, boxHeight } = layout([
      step("start", ["loop"]),
      step("loop", ["loop", "end"], "switch"),
      step("end", []),
    ]);
    const [start, loop] = boxes;
    const [on] = edges;
    expect(on!.path).toMatch(`M${start!.x + start!.width} ${start!.y + boxHeight / 2}H`);
    expect(on!.head).toContain(`L${loop!.x} ${loop!.y + boxHeight / 2}L`);
    expect(edges.filter(({ back }) => back).map(({ from, to }) => [from, to])).toEqual([["loop", "loop"]]);
    expect(height).toBeGreaterThan(boxHeight + 10);
  });

  test("has room for the tallies", () => {
    const steps = [step("start", ["fan"], "foreach"), step("fan", [])];
    const width = (count: string) => layout(steps, new Map([["fan", count]])).boxes[1]!.width;
    expect(width("0000/0000")).toBeGreaterThan(width("00/00") + 20);
  });

  test("of a hundred steps is quick", () => {
    const steps = Array.from({ length: 100 }, (_, i) => step(`s${i}`, i < 99 ? [`s${i + 1}`] : []));
    const began = performance.now();
    expect(layout(steps).boxes).toHaveLength(100);
    expect(performance.now() - began).toBeLessThan(2000);
  });
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

test("room for as many tasks as are announced", () => {
  expect(roomFor(counts({ done: 1 }), false)).toBe("");
  expect(roomFor(counts({}), true)).toBe("00/00");
  expect(roomFor(counts({ done: 1, pending: 1199 }), false)).toBe("0000/0000");
});

test("of many steps how many are done, and where the run is", () => {
  const steps = ["a", "b", "c", "d"].map((name) => step(name, []));
  const progress = { a: counts({ done: 1 }), b: counts({ cloned: 1 }), c: counts({ running: 1 }) };
  expect(doneText(steps.map(({ name }) => progress[name as "a"] ?? counts({})))).toBe("2 of 4 steps");
  expect(atWork(steps, progress)).toBe("c");
  expect(atWork(steps, { ...progress, d: counts({ failed: 1 }) })).toBe("d");
  expect(atWork(steps, {})).toBe("");
});

test.each([
  ["start", "ArrowRight", "b"],
  ["start", "ArrowLeft", "start"],
  ["b", "ArrowUp", "a"],
  ["b", "ArrowDown", "c"],
  ["c", "ArrowDown", "c"],
  ["c", "ArrowRight", "join"],
  ["join", "ArrowLeft", "b"],
  ["join", "Home", "start"],
  ["start", "End", "join"],
  ["b", "x", "b"],
])("from %s the key %s leads to %s", (from, key, to) => {
  const { boxes } = layout([
    step("start", ["a", "b", "c"], "split"),
    step("a", ["join"]),
    step("b", ["join"]),
    step("c", ["join"]),
    step("join", []),
  ]);
  expect(neighbour(boxes, from, key)).toBe(to);
});

test("what ended with a run that was stopped has not failed", () => {
  expect(stepState({ ...NONE, done: 2, failed: 1, stopped: 1 })).toBe("stopped");
  expect(stepText("train", { ...NONE, done: 2, failed: 1, stopped: 1 })).toBe(
    "train: 2 of 3 done, 0 running, 0 failed, 1 stopped",
  );
  expect(stepState({ ...NONE, failed: 2, stopped: 1 })).toBe("failed");
  expect(stepState({ ...NONE, failed: 1, stopped: 0 })).toBe("failed");
});
