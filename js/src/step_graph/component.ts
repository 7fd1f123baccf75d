// The steps of a flow as a drawing that is also a list of buttons, for screen readers.

import { html, say, svg } from "../core/dom.ts";
import type { Component } from "../core/adapter.ts";
import { layout, MANY_STEPS, shortName, type Layout } from "./layout.ts";
import { neighbour } from "./arrow_keys.ts";
import { inSight } from "./auto_scroll.ts";
import { STEP_GLYPHS } from "../core/states.ts";
import { atWork, doneText, NONE, roomFor, stepState, stepText, tally } from "./step_state.ts";
import type { Counts, Step } from "./step_state.ts";
import "../core/colours.css";
import "../core/base.css";
import "../core/states.css";
import "./step_graph.css";

export interface StepValues {
  steps: Step[];
  progress: Record<string, Counts>;
  selected: string;
}

interface Item {
  place: HTMLElement;
  button: HTMLButtonElement;
  sign: HTMLElement;
  count: HTMLElement;
}

export function stepGraph(
  select: (name: string) => void,
  signal: AbortSignal,
): Component<StepValues> {
  return new StepGraph(select, signal);
}

class StepGraph implements Component<StepValues> {
  readonly element: HTMLElement;
  private readonly lines = svg("svg", { "aria-hidden": "true", focusable: "false" });
  private readonly list = html("ul", { "aria-label": "Steps", role: "list" });
  private readonly drawing: HTMLElement;
  private readonly done = html("div", { class: "nbr-steps-done" });
  private readonly follow: (element: HTMLElement) => void;
  private items = new Map<string, Item>();
  /** The steps that a foreach or parallel step starts: they show a tally even of one task. */
  private wide = new Set<string>();
  private placed: Layout = layout([]);
  private shown = { steps: "", rooms: "" };
  private selected = "";
  private stop = "";

  constructor(
    private readonly select: (name: string) => void,
    private readonly signal: AbortSignal,
  ) {
    this.drawing = html("div", { class: "nbr-steps" }, this.lines, this.list);
    const scrolled = html("div", { class: "nbr-steps-scroll" }, this.drawing);
    this.element = html("div", { class: "nbr" }, scrolled, this.done);
    this.follow = inSight(scrolled, signal);
    this.list.addEventListener("keydown", (event) => this.pressed(event), { signal });
    this.list.addEventListener("focusin", ({ target }) => this.focused(target), { signal });
  }

  update({ steps, progress, selected }: StepValues): void {
    const countsOf = ({ name }: Step) => progress[name] ?? NONE;
    this.make(steps);
    this.place(steps, progress);
    this.selected = selected;
    for (const step of steps) {
      const item = this.items.get(step.name);
      if (item) show(item, step, countsOf(step), this.wide.has(step.name), step.name === selected);
    }
    const many = steps.length > MANY_STEPS;
    this.done.hidden = !many;
    if (many) say(this.done, doneText(steps.map(countsOf)));
    const at = this.items.get(atWork(steps, progress));
    if (at) this.follow(at.place);
  }

  /** Create new items if the steps have changed. */
  private make(steps: readonly Step[]): void {
    const now = JSON.stringify(steps);
    if (now === this.shown.steps) return;
    this.shown = { steps: now, rooms: "" };
    this.items = new Map(steps.map((step) => [step.name, this.item(step)]));
    this.wide = new Set(steps.filter(({ type }) => type === "foreach" || type === "parallel").flatMap(({ next }) => next));
    this.list.replaceChildren(...[...this.items.values()].map(({ place }) => place));
    this.element.classList.toggle("nbr-steps-many", steps.length > MANY_STEPS);
    this.stopAt(steps[0]?.name ?? "");
  }

  private item({ name }: Step): Item {
    const sign = html("span", { class: "nbr-step-sign" });
    const count = html("span", { class: "nbr-step-count" });
    const label = html("span", { class: "nbr-step-name" }, shortName(name));
    const button = html("button", { type: "button", class: "nbr-step", tabindex: -1 }, sign, label, count);
    button.dataset["step"] = name;
    const press = () => this.select(name === this.selected ? "" : name);
    button.addEventListener("click", press, { signal: this.signal });
    return { place: html("li", { role: "listitem" }, button), button, sign, count };
  }

  /** Place the items; again if more tasks are announced than a box has room for. */
  private place(steps: readonly Step[], progress: Record<string, Counts>): void {
    const rooms = new Map(
      steps.map(({ name }) => [name, roomFor(progress[name] ?? NONE, this.wide.has(name))]),
    );
    const now = JSON.stringify([...rooms]);
    if (now === this.shown.rooms) return;
    this.shown.rooms = now;
    this.placed = layout(steps, rooms);
    const { width, height, boxHeight, boxes, edges } = this.placed;
    for (const box of boxes) {
      const style = this.items.get(box.name)?.place.style;
      if (!style) continue;
      [style.left, style.top] = [`${box.x}px`, `${box.y}px`];
      [style.width, style.height] = [`${box.width}px`, `${boxHeight}px`];
    }
    this.drawing.style.width = `${width}px`;
    this.drawing.style.height = `${height}px`;
    this.lines.setAttribute("width", String(width));
    this.lines.setAttribute("height", String(height));
    this.lines.replaceChildren(
      ...edges.flatMap(({ path, head, back }) => [
        svg("path", { d: path, class: back ? "nbr-steps-back" : null }),
        svg("path", { d: head, class: "nbr-steps-head" }),
      ]),
    );
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (!/^(Arrow|Home|End)/.test(event.key)) return;
    event.preventDefault();
    this.items.get(neighbour(this.placed.boxes, this.stop, event.key))?.button.focus();
  }

  private focused(target: EventTarget | null): void {
    const name = target instanceof HTMLElement ? target.dataset["step"] : undefined;
    if (name !== undefined) this.stopAt(name);
  }

  /** Make one item the only tab stop. */
  private stopAt(name: string): void {
    this.items.get(this.stop)?.button.setAttribute("tabindex", "-1");
    this.items.get(name)?.button.setAttribute("tabindex", "0");
    this.stop = name;
  }
}

function show(item: Item, step: Step, counts: Counts, isWide: boolean, isSelected: boolean): void {
  const state = stepState(counts);
  const text = stepText(step.name, counts);
  item.button.dataset["state"] = state;
  item.button.setAttribute("aria-label", text);
  item.place.setAttribute("aria-label", text);
  item.button.setAttribute("aria-pressed", String(isSelected));
  item.button.title = step.doc ? `${text}\n${step.doc}` : text;
  say(item.sign, STEP_GLYPHS[state]);
  say(item.count, tally(counts, isWide));
}
