// The flow's steps as a drawing that is also a list: each item can be read and pressed.

import { html, svg } from "../shared/dom.ts";
import type { Component } from "../shared/adapter.ts";
import { HEIGHT, layout, path, shortName, type Layout } from "./layout.ts";
import { NONE, SHAPES, stepState, stepText, tally, type Counts, type Step } from "./text.ts";
import "./steps.css";

export interface StepValues {
  steps: Step[];
  progress: Record<string, Counts>;
  selected: string;
}

interface Item {
  button: HTMLButtonElement;
  sign: HTMLElement;
  count: HTMLElement;
  foreach: boolean;
}

export function stepGraph(
  select: (name: string) => void,
  signal: AbortSignal,
): Component<StepValues> {
  const drawing = html("div", { class: "nbr-steps" });
  const element = html("div", { class: "nbr nbr-steps-scroll" }, drawing);
  let items = new Map<string, Item>();
  let shown = "";
  let selected = "";
  const press = (name: string) => select(name === selected ? "" : name);
  return {
    element,
    update(values) {
      const now = JSON.stringify(values.steps);
      if (now !== shown) {
        shown = now;
        items = draw(drawing, values.steps, press, signal);
      }
      selected = values.selected;
      for (const step of values.steps) {
        const item = items.get(step.name);
        if (item) show(item, step, values.progress[step.name] ?? NONE, selected);
      }
    },
  };
}

function draw(
  drawing: HTMLElement,
  steps: Step[],
  press: (name: string) => void,
  signal: AbortSignal,
): Map<string, Item> {
  const placed = layout(steps);
  const wide = new Set(
    steps.filter((step) => step.type === "foreach").flatMap((step) => step.next),
  );
  const items = new Map<string, Item>();
  const list = html("ul", { "aria-label": "Steps", role: "list" });
  for (const box of placed.boxes) {
    const step = steps.find((each) => each.name === box.name);
    if (!step) continue;
    const sign = html("span", { class: "nbr-step-sign" });
    const count = html("span", { class: "nbr-step-count" });
    const name = html("span", { class: "nbr-step-name" }, shortName(step.name));
    const button = html("button", { type: "button", class: "nbr-step" }, sign, name, count);
    button.addEventListener("click", () => press(step.name), { signal });
    const place = `left:${box.x}px;top:${box.y}px;width:${box.width}px;height:${HEIGHT}px`;
    list.append(html("li", { style: place }, button));
    items.set(step.name, { button, sign, count, foreach: wide.has(step.name) });
  }
  drawing.style.width = `${placed.width}px`;
  drawing.style.height = `${placed.height}px`;
  drawing.replaceChildren(edges(placed), list);
  return items;
}

function edges(placed: Layout): SVGSVGElement {
  const lines = placed.edges.map((edge) => svg("path", { d: path(edge.points) }));
  return svg(
    "svg",
    { width: placed.width, height: placed.height, "aria-hidden": "true", focusable: "false" },
    ...lines,
  );
}

function show(item: Item, step: Step, counts: Counts, selected: string): void {
  const state = stepState(counts);
  const text = stepText(step.name, counts);
  item.button.dataset["state"] = state;
  item.button.setAttribute("aria-label", text);
  item.button.setAttribute("aria-pressed", String(step.name === selected));
  item.button.title = step.doc ? `${text}\n${step.doc}` : text;
  item.sign.textContent = SHAPES[state];
  item.count.textContent = tally(counts, item.foreach);
}
