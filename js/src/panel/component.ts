// A panel: its parts below each other, and whether the kernel answers for them.

import type { Part, Mounted } from "../core/adapter.ts";
import { html } from "../core/dom.ts";
import { AS_IT_WAS, whenAlive, type Life } from "../jupyterlab/life.ts";
import { OFF } from "../jupyterlab/disconnected.ts";
import type { AnyModel } from "@anywidget/types";
import type { Link } from "./link.ts";
import { PARTS } from "./parts.ts";
import "../core/colours.css";
import "../core/base.css";
import "./panel.css";

type Named = [name: string, kind: string];

interface PanelValues {
  parts: Named[];
  below: Named[];
}

/** Kinds that are folded at first and share a line. */
const FOLDED = new Set(["artifacts", "cards", "timeline"]);

/** A panel that appears below within this time after a click was opened by it. */
const OPENED_MS = 10_000;

/** The parts of a panel, one below the other; a panel below may have parts of its own. */
class Parts implements Mounted {
  readonly element = html("div", { class: "nbrunner-panel" });
  private readonly folds = html("div", { class: "nbrunner-folds" });
  private readonly controller = new AbortController();
  private readonly mounted = new Map<string, Mounted>();
  private clickedAt = 0;

  constructor(
    private readonly link: Link,
    private readonly path: string,
  ) {
    const { signal } = this.controller;
    const model = link.part(path).as<PanelValues>();
    const show = () => this.show(model.get("parts") ?? [], model.get("below") ?? []);
    this.element.addEventListener("click", () => (this.clickedAt = Date.now()), { signal, capture: true });
    model.onChange("parts", show, signal);
    model.onChange("below", show, signal);
    show();
  }

  restored(): void {
    for (const each of this.mounted.values()) each.restored();
  }

  close(): void {
    this.controller.abort();
    for (const each of this.mounted.values()) each.close();
  }

  private show(parts: readonly Named[], below: readonly Named[]): void {
    const wanted = new Set([...parts, ...below].map(([name]) => name));
    for (const [name, each] of this.mounted) {
      if (wanted.has(name)) continue;
      each.close();
      each.element.remove();
      this.mounted.delete(name);
    }
    const opened = below.find(([name]) => !this.mounted.has(name));
    let behind: Node | null = this.element.querySelector(":scope > .nbr-note") ?? null;
    const append = (element: HTMLElement) => {
      const next: ChildNode | null = behind ? behind.nextSibling : this.element.firstChild;
      if (next !== element) this.element.insertBefore(element, next);
      behind = element;
    };
    for (const [name, kind] of [...parts, ...below]) {
      const element = this.part(name, kind);
      if (!element) continue;
      if (!FOLDED.has(kind)) append(element);
      else if (element.parentElement !== this.folds) this.folds.append(element);
      if (FOLDED.has(kind) && behind !== this.folds) append(this.folds);
    }
    if (opened) this.reveal(opened[0]);
  }

  /** Scroll to a panel that was just opened, which may be below a long table. */
  private reveal(name: string): void {
    if (Date.now() - this.clickedAt > OPENED_MS) return;
    const element = this.mounted.get(name)?.element;
    requestAnimationFrame(() => element?.scrollIntoView?.({ block: "nearest" }));
  }

  private part(name: string, kind: string): HTMLElement | null {
    const found = this.mounted.get(name);
    if (found) return found.element;
    const path = this.path ? `${this.path}/${name}` : name;
    const made = this.make(path, kind);
    if (!made) return null;
    this.mounted.set(name, made);
    return made.element;
  }

  private make(path: string, kind: string): Mounted | null {
    if (kind === "panel") return new Parts(this.link, path);
    const part: Part | undefined = PARTS[kind];
    if (!part) return null;
    const source = this.link.part(path);
    const made = part.mount(source);
    part.place(made.element, source, this.controller.signal);
    return made;
  }
}

/** Show a panel, with a notice above its parts while the kernel does not answer. */
export function panel(link: Link, model: AnyModel): Mounted {
  const controller = new AbortController();
  const { signal } = controller;
  let parts = new Parts(link, "");
  const element = html("div", { class: "nbr-panel-place" }, parts.element);
  const said = html("span", {});
  const button = html("button", { type: "button", class: "nbr-button" }, "Reconnect");
  const note = html("div", { class: "nbr nbr-note", role: "note" }, html("b", {}, "not connected"), said, button);
  let life: Life | null = null;
  const show = () => {
    const why = life?.why(link.late) ?? (link.late ? NO_ANSWER : "");
    element.classList.toggle(OFF, life?.isGone ?? false);
    if (!why) return note.remove();
    said.textContent = why;
    if (life?.isGone) switchOff(parts.element, why);
    if (!note.isConnected) parts.element.prepend(note);
    return undefined;
  };
  const again = () => {
    // Buttons and pending requests belong to the old kernel.
    const fresh = new Parts(link, "");
    parts.element.replaceWith(fresh.element);
    parts.close();
    parts = fresh;
    link.askAgain();
    show();
  };
  button.addEventListener("click", () => void (life ? life.reconnect() : link.askAgain()), { signal });
  link.watch(show, signal);
  link.keep(signal, () => life?.revive());
  void whenAlive(model, { changed: show, back: again, ask: () => link.askAgain() }, signal).then((found) => {
    life = found;
    show();
  });
  return {
    element,
    restored: () => parts.restored(),
    close() {
      controller.abort();
      parts.close();
    },
  };
}

/** Disable the buttons that need a kernel; a panel that reconnects is drawn again. */
function switchOff(element: HTMLElement, why: string): void {
  for (const each of element.querySelectorAll<HTMLElement>("button[aria-disabled]")) {
    each.setAttribute("aria-disabled", "true");
    each.title = why;
  }
}

const NO_ANSWER = `The kernel has not answered yet. ${AS_IT_WAS}`;
