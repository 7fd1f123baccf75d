// A form with a labelled control for each parameter; the kernel validates the values.

import type { Component } from "../core/adapter.ts";
import { KernelButton } from "../core/buttons.ts";
import { html } from "../core/dom.ts";
import "../core/colours.css";
import "../core/base.css";
import "../run_header/run_header.css";
import "../core/fold.css";
import "./launch_form.css";

export interface Field {
  name: string;
  group: "parameter" | "config" | "option";
  kind: string;
  label: string;
  value: string | boolean;
  required: boolean;
  multiple: boolean;
  choices: string[];
  help: string;
  hint: string;
}

type Values = Record<string, string | boolean>;

export interface FormValues {
  label: string;
  title: string;
  doc: string;
  fields: Field[];
  values: Values;
  errors: Record<string, string>;
  code: string;
  ready: boolean;
  earlier: { key: string; label: string }[];
}

export interface FormRequests {
  act(name: string, key: string): Promise<unknown>;
  set(values: Partial<FormValues>): void;
}

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

interface Entry {
  control: Control;
  error: HTMLElement;
  /** The value that was filled in, and the browser's version of it, which may change line ends. */
  given: [raw: string, held: string];
}

const TYPING_MS = 200;

export function launchForm(requests: FormRequests, signal: AbortSignal): Component<FormValues> {
  return new LaunchForm(requests, signal);
}

class LaunchForm implements Component<FormValues> {
  readonly element: HTMLElement;
  private readonly title = html("span", { class: "nbr-table-title" });
  private readonly doc = html("div", { class: "nbr-remark nbr-form-doc" });
  private readonly parameters = html("div", { class: "nbr-form-fields" });
  private readonly options = html("div", { class: "nbr-form-fields" });
  private readonly earlier = html("select", { class: "nbr-button", "aria-label": "Values of an earlier run" });
  private readonly run: KernelButton;
  private readonly code = html("code", { class: "nbr-form-code" });
  private readonly wrong = html("div", { class: "nbr-remark nbr-remark-error", role: "alert" });
  private controls = new Map<string, Entry>();
  private values: Values = {};
  private fields: Field[] = [];
  private shown = "";
  private offered = "";
  private typing = 0;

  constructor(
    private readonly requests: FormRequests,
    private readonly signal: AbortSignal,
  ) {
    const run = html("button", { type: "submit", class: "nbr-button nbr-form-run" });
    this.run = new KernelButton(run, signal);
    const options = html("details", { class: "nbr-fold" }, html("summary", {}, "Options"), this.options);
    this.element = html(
      "form",
      { class: "nbr nbr-form", novalidate: true },
      html("div", { class: "nbr-headline" }, this.title, html("span", { class: "nbr-actions" }, this.earlier)),
      this.doc,
      this.parameters,
      options,
      this.wrong,
      html("div", { class: "nbr-headline" }, run, this.code),
    );
    this.listen(this.element, "submit", (event) => {
      event.preventDefault();
      if (this.run.isOff) return;
      this.send();
      this.run.wait(requests.act("run", ""));
    });
    this.listen(this.element, "input", () => {
      clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.send(), TYPING_MS);
    });
    this.listen(this.earlier, "change", () => {
      if (this.earlier.value) void requests.act("take", this.earlier.value);
      this.earlier.value = "";
    });
    signal.addEventListener("abort", () => clearTimeout(this.typing));
  }

  update(values: FormValues): void {
    this.title.textContent = values.title;
    this.doc.textContent = values.doc;
    const now = JSON.stringify(values.fields);
    const isOther = now !== this.shown;
    if (isOther) {
      this.shown = now;
      this.draw(values.fields);
    }
    this.offer(values.earlier);
    if (isOther || JSON.stringify(values.values) !== JSON.stringify(this.values)) this.fill(values.values);
    for (const [name, { control, error }] of this.controls) {
      const text = values.errors[name] ?? "";
      error.textContent = text;
      control.setAttribute("aria-invalid", String(Boolean(text)));
    }
    this.wrong.textContent = values.errors[""] ?? "";
    this.code.textContent = values.code;
    this.run.update({ label: "Run", disabled: !values.ready, hint: "" });
  }

  private listen(target: EventTarget, type: string, listener: (event: Event) => void): void {
    target.addEventListener(type, listener, { signal: this.signal });
  }

  private draw(fields: Field[]): void {
    this.fields = fields;
    this.controls = new Map();
    const rows = fields.map((field) => ({ field, row: this.row(field) }));
    const ofGroup = (option: boolean) =>
      rows.filter(({ field }) => (field.group === "option") === option).map(({ row }) => row);
    this.parameters.replaceChildren(...ofGroup(false));
    this.options.replaceChildren(...ofGroup(true));
  }

  private offer(earlier: FormValues["earlier"]): void {
    const now = JSON.stringify(earlier);
    if (now === this.offered) return;
    this.offered = now;
    this.earlier.hidden = !earlier.length;
    this.earlier.replaceChildren(
      html("option", { value: "" }, "values of an earlier run…"),
      ...earlier.map(({ key, label }) => html("option", { value: key }, label)),
    );
  }

  private row(field: Field): HTMLElement {
    const id = `nbr-${Math.random().toString(36).slice(2)}`;
    const control = controlOf(field, id);
    const error = html("div", { class: "nbr-remark-error", id: `${id}-error` });
    const help = html("div", { class: "nbr-remark", id: `${id}-help` }, field.help);
    control.setAttribute("aria-describedby", `${id}-help ${id}-error`);
    this.controls.set(field.name, { control, error, given: [String(field.value), control.value] });
    const mark = field.required ? html("span", { "aria-hidden": "true", class: "nbr-form-mark" }, " *") : null;
    return html(
      "div",
      { class: "nbr-form-row" },
      html("label", { for: id }, field.label, mark),
      html("div", { class: "nbr-form-control" }, control, help, error),
    );
  }

  private fill(values: Values): void {
    this.values = values;
    for (const field of this.fields) {
      const entry = this.controls.get(field.name);
      const value = values[field.name] ?? field.value;
      if (!entry) continue;
      if (isCheckbox(entry.control)) entry.control.checked = value === true;
      else if (typed(entry) !== value) put(entry, field, String(value));
    }
  }

  private send(): void {
    clearTimeout(this.typing);
    const found = this.fields.map((field): [string, string | boolean] => {
      const entry = this.controls.get(field.name)!;
      return [field.name, isCheckbox(entry.control) ? entry.control.checked : typed(entry)];
    });
    this.values = Object.fromEntries(found);
    this.requests.set({ values: this.values });
  }
}

function isCheckbox(control: Control): control is HTMLInputElement {
  return control instanceof HTMLInputElement && control.type === "checkbox";
}

/** The value of a control: exactly as it was filled in, until the user changes it. */
function typed({ control, given: [raw, held] }: Entry): string {
  return control.value === held && !(control instanceof HTMLSelectElement) ? raw : control.value;
}

/** Fill in a control; a text area replaces an input if the value has several lines. */
function put(entry: Entry, field: Field, value: string): void {
  if (entry.control instanceof HTMLInputElement && isLong(value)) {
    const area = controlOf({ ...field, value }, entry.control.id);
    area.setAttribute("aria-describedby", entry.control.getAttribute("aria-describedby")!);
    entry.control.replaceWith(area);
    entry.control = area;
  }
  entry.control.value = value;
  entry.given = [value, entry.control.value];
}

function isLong(value: string): boolean {
  return /[\r\n]/.test(value);
}

function controlOf(field: Field, id: string): Control {
  const common = { id, name: field.name, "aria-required": field.required ? "true" : null };
  if (field.kind === "bool") {
    const box = html("input", { ...common, type: "checkbox" });
    box.checked = field.value === true;
    return box;
  }
  if (field.choices.length && !field.multiple) {
    const names = field.choices.includes(String(field.value)) ? field.choices : ["", ...field.choices];
    const select = html(
      "select",
      { ...common, class: "nbr-button" },
      ...names.map((name) => html("option", { value: name }, name || field.hint)),
    );
    select.value = String(field.value);
    return select;
  }
  const text = { ...common, class: "nbr-form-text", spellcheck: "false", placeholder: field.hint || null };
  if (field.kind === "json" || field.multiple || isLong(String(field.value))) {
    const lines = String(field.value).split("\n").length;
    const area = html("textarea", { ...text, rows: Math.min(8, Math.max(field.multiple ? 1 : 2, lines)) });
    area.value = String(field.value);
    if (field.multiple) area.placeholder = "one per line";
    return area;
  }
  const numeric = field.kind === "int" ? "numeric" : field.kind === "float" ? "decimal" : null;
  const input = html("input", { ...text, type: "text", inputmode: numeric });
  if (field.kind === "file") input.placeholder = "path of a file";
  input.value = String(field.value);
  return input;
}
