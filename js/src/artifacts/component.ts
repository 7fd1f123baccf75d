// The artifacts of one task at a time; a value is loaded on request.

import type { Component } from "../core/adapter.ts";
import { html } from "../core/dom.ts";
import { fold, remark, sizeText } from "../core/fold.ts";
import { valueView, type Value } from "./value.ts";
import "../core/colours.css";
import "../core/base.css";
import "../core/fold.css";
import "./artifacts.css";

export interface Row {
  name: string;
  type: string;
  size: number | null;
}

export interface ArtifactValues {
  unfolded: boolean;
  loading: boolean;
  error: string;
  steps: string[];
  tasks: string[];
  step: string;
  task: string;
  rows: Row[];
}

export interface ArtifactRequests {
  value(name: string, large: boolean): Promise<Value>;
  reload(): void;
  set(values: Partial<ArtifactValues>): void;
}

export function artifacts(
  requests: ArtifactRequests,
  signal: AbortSignal,
): Component<ArtifactValues> {
  return new ArtifactList(requests, signal);
}

class ArtifactList implements Component<ArtifactValues> {
  readonly element: HTMLElement;
  private readonly frame: ReturnType<typeof fold>;
  private readonly step = choice("Artifacts of step");
  private readonly task = choice("Artifacts of task");
  private readonly note = remark();
  private readonly body = html("tbody");
  private readonly table: HTMLElement;
  private undo: (() => void)[] = [];
  private shown = "";

  constructor(
    private readonly requests: ArtifactRequests,
    private readonly signal: AbortSignal,
  ) {
    this.frame = fold("Artifacts", (unfolded) => requests.set({ unfolded }), signal);
    this.element = this.frame.element;
    const reload = html("button", { type: "button", class: "nbr-button" }, "Refresh");
    reload.addEventListener("click", () => requests.reload(), { signal });
    this.step.addEventListener("change", () => requests.set({ step: this.step.value, task: "" }), { signal });
    this.task.addEventListener("change", () => requests.set({ task: this.task.value }), { signal });
    const names = ["Name", "Type", "Size", ""].map((name) =>
      html("th", { class: name === "Size" ? "nbr-number" : null }, name),
    );
    this.table = html(
      "table",
      { class: "nbr-table nbr-artifacts", "aria-label": "Artifacts" },
      html("thead", {}, html("tr", {}, ...names)),
      this.body,
    );
    const bar = html("div", { class: "nbr-fold-bar" }, this.step, this.task, reload);
    this.frame.body.append(bar, this.note.element, this.table);
    signal.addEventListener("abort", () => this.forget());
  }

  update(values: ArtifactValues): void {
    this.frame.update(values.unfolded);
    fill(this.step, values.steps, values.step, "");
    fill(this.task, values.tasks, values.task, "task ");
    const { rows, loading, error } = values;
    this.note.update(loading && !rows.length, error, rows.length ? "" : "no artifacts yet");
    this.table.hidden = !rows.length;
    const shown = JSON.stringify([values.step, values.task, rows]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.forget();
    this.body.replaceChildren(...rows.flatMap((row) => this.row(row)));
  }

  private forget(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private row({ name, type, size }: Row): HTMLElement[] {
    const button = html("button", { type: "button", class: "nbr-button", "aria-expanded": "false" }, "Show");
    button.setAttribute("aria-label", `Show ${name}`);
    const place = html("td", { colspan: 4 });
    const value = html("tr", { hidden: true, class: "nbr-value-row" }, place);
    const show = async (large: boolean) => {
      value.hidden = false;
      button.setAttribute("aria-expanded", "true");
      button.textContent = "Hide";
      place.replaceChildren(html("span", { class: "nbr-remark" }, "loading…"));
      place.replaceChildren(await this.value(name, large, () => void show(true)));
    };
    const hide = () => {
      value.hidden = true;
      button.setAttribute("aria-expanded", "false");
      button.textContent = "Show";
      place.replaceChildren();
    };
    button.addEventListener("click", () => (value.hidden ? void show(false) : hide()), {
      signal: this.signal,
    });
    const short = type.split(".").pop() ?? "";
    const row = html(
      "tr",
      {},
      html("td", { class: "nbr-code" }, name),
      html("td", { title: type }, short),
      html("td", { class: "nbr-number" }, sizeText(size)),
      html("td", {}, button),
    );
    return [row, value];
  }

  private async value(name: string, large: boolean, again: () => void): Promise<HTMLElement> {
    try {
      const value = await this.requests.value(name, large);
      if (value.view !== "large") return valueView(value, (undo) => this.undo.push(undo));
      const button = html("button", { type: "button", class: "nbr-button" }, "Load anyway");
      button.addEventListener("click", again, { signal: this.signal });
      return html("div", {}, "large: loading it uses the kernel's memory ", button);
    } catch (error) {
      return html("div", { class: "nbr-remark nbr-remark-error", role: "alert" }, String(error));
    }
  }
}

function choice(name: string): HTMLSelectElement {
  return html("select", { "aria-label": name, title: name, class: "nbr-button" });
}

function fill(select: HTMLSelectElement, names: string[], chosen: string, prefix: string): void {
  if ([...select.options].map((option) => option.value).join("\n") !== names.join("\n")) {
    select.replaceChildren(...names.map((name) => html("option", { value: name }, prefix + name)));
  }
  select.value = chosen;
  select.hidden = !names.length;
}
