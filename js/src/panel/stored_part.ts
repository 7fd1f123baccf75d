// A part of a panel in the page: its values and listeners.

import type { Hear, Message, Model, Source } from "../core/model.ts";

/** A message of ipywidgets' protocol about one part, carried by a message of the panel. */
export interface PartData {
  method: string;
  state?: Record<string, unknown>;
  content?: Message;
}

export class StoredPart implements Source {
  private values: Record<string, unknown> = {};
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly hearers = new Set<Hear>();

  constructor(private readonly tell: (data: PartData) => void) {}

  as<Values extends object>(): Model<Values> {
    return {
      get: (name) => this.values[name] as Values[typeof name],
      give: (values) => this.give({ ...values }),
      send: (content) => this.tell({ method: "custom", content: { kind: "", ...content } }),
      onChange: (name, listener, signal) => {
        const all = this.listeners.get(name) ?? new Set();
        this.listeners.set(name, all.add(listener));
        signal.addEventListener("abort", () => all.delete(listener));
      },
      onMessage: (hear, signal) => {
        this.hearers.add(hear);
        signal.addEventListener("abort", () => this.hearers.delete(hear));
      },
    };
  }

  /** Handle a message of the kernel. */
  take(data: PartData, buffers: DataView[]): void {
    if (data.state) this.set(data.state);
    else if (data.content) this.hear(data.content, buffers);
  }

  set(values: Record<string, unknown>): void {
    const changed = Object.keys(values).filter((name) => !alike(values[name], this.values[name]));
    this.values = { ...this.values, ...values };
    for (const name of changed) for (const listener of [...(this.listeners.get(name) ?? [])]) listener();
  }

  hear(message: Message, buffers: DataView[]): void {
    for (const hear of [...this.hearers]) hear(message, buffers);
  }

  private give(values: Record<string, unknown>): void {
    this.set(values);
    this.tell({ method: "update", state: values });
  }
}

const alike = (one: unknown, other: unknown): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other);
