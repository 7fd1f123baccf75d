// Between a component, which knows plain values, and an anywidget model.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { composure } from "../jupyterlab/view_state.ts";
import { keepKeys } from "../jupyterlab/shortcuts.ts";
import { whenOrphaned } from "../jupyterlab/disconnected.ts";
import { placeOf, whenPlaced, whenReplaced } from "../jupyterlab/output_area.ts";

/** What a component gives: its element, and how to show new values. */
export interface Component<Values> {
  element: HTMLElement;
  update(values: Values): void;
  /** It was taken out of the document and put back, and stands as it stood when last seen. */
  restored?(): void;
  dispose?(): void;
}

export type Model<Values> = AnyModel<Values & Record<string, unknown>>;

type Make<Values> = (model: Model<Values>, signal: AbortSignal) => Component<Values>;
type Place<Values> = (el: HTMLElement, model: Model<Values>, signal: AbortSignal) => void;
type Listener = (...args: never[]) => void;

/** Read the traits that a component shows. */
export function valuesOf<Values extends object>(
  model: Model<Values>,
  names: readonly (keyof Values & string)[],
): Values {
  return Object.fromEntries(names.map((name) => [name, model.get(name)])) as Values;
}

/**
 * Return what anywidget calls for each model: an object with a render function.
 *
 * Changes that arrive together are shown together, in the next frame. When JupyterLab renders
 * an output anew, as at the end of a run, the new view takes over what stood in the old one:
 * what is typed, unfolded or selected stays, and so does the focus.
 *
 * `place` is called for each view, with what has to do with where it stands.
 */
export function widget<Values extends object>(
  names: readonly (keyof Values & string)[],
  make: Make<Values>,
  place: Place<Values> = () => undefined,
) {
  return () => {
    const all = new Set<Shown<Values>>(); // of one model
    const render = ({ model: untyped, el }: RenderProps) => {
      const model = untyped as unknown as Model<Values>;
      const view = new AbortController();
      let shown: Shown<Values> | undefined;
      const begin = () => {
        const there = placeOf(el);
        const left = [...all].find((each) => each.place !== null && each.place === there);
        shown = left ?? new Shown(names, make, model);
        all.add(shown);
        shown.standIn(el, model, view.signal);
      };
      keepKeys(el, view.signal);
      whenOrphaned(el, view.signal);
      place(el, model, view.signal);
      if ([...all].some((each) => each.place)) whenPlaced(el, begin, view.signal);
      else begin();
      return () => {
        view.abort();
        if (shown?.el !== el) return; // another view has it
        all.delete(shown);
        shown.close();
      };
    };
    return { render };
  };
}

/** A component of a model, in one view after the other. */
class Shown<Values extends object> {
  el: HTMLElement | null = null;
  /** The place where a view is about to take that of this one's. */
  place: Element | null = null;
  private readonly controller = new AbortController();
  private readonly model: PassedOn<Values>;
  private readonly component: Component<Values>;
  private readonly restore: () => void;
  private frame = 0;

  constructor(
    private readonly names: readonly (keyof Values & string)[],
    make: Make<Values>,
    model: Model<Values>,
  ) {
    const { signal } = this.controller;
    this.model = new PassedOn(model);
    this.component = make(this.model as never, signal);
    const restore = composure(this.component.element, signal);
    this.restore = () => {
      restore();
      this.component.restored?.();
    };
    for (const name of names) on(this.model, `change:${name}`, () => this.soon(), signal);
    this.show();
  }

  standIn(el: HTMLElement, model: Model<Values>, signal: AbortSignal): void {
    this.el = el;
    this.place = null;
    this.model.passTo(model);
    el.append(this.component.element);
    this.restore();
    const replaced = () => {
      this.place = placeOf(el);
      this.restore();
    };
    whenReplaced(el, replaced, signal);
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.controller.abort();
    this.component.dispose?.();
  }

  private soon(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.show();
    });
  }

  private show(): void {
    this.component.update(valuesOf(this.model as never, this.names));
  }
}

/** A model that is spoken to through the view that there is; anywidget gives each its own. */
class PassedOn<Values extends object> {
  private listeners: [string, Listener][] = [];

  constructor(private through: Model<Values>) {}

  get = (name: never) => this.through.get(name);
  set = (name: never, value: never) => this.through.set(name, value);
  save_changes = () => this.through.save_changes();
  send = (content: unknown, callbacks?: never, buffers?: never) =>
    this.through.send(content, callbacks, buffers);

  on = (name: string, listener: Listener) => {
    this.listeners.push([name, listener]);
    this.through.on(name as never, listener as never);
  };

  off = (name: string, listener: Listener) => {
    this.listeners = this.listeners.filter((each) => each[0] !== name || each[1] !== listener);
    this.through.off(name as never, listener as never);
  };

  passTo(model: Model<Values>): void {
    if (model === this.through) return;
    for (const [name, listener] of this.listeners) {
      this.through.off(name as never, listener as never);
      model.on(name as never, listener as never);
    }
    this.through = model;
  }
}

/** Listen to a model until the signal is aborted. */
export function on(
  model: { on: (name: never, listener: never) => void; off: (name: never, listener: never) => void },
  name: string,
  listener: Listener,
  signal: AbortSignal,
): void {
  model.on(name as never, listener as never);
  signal.addEventListener("abort", () => model.off(name as never, listener as never));
}

/** Return what gives values to a model, and so to the kernel. */
export function setter<Values extends object>(model: Model<Values>) {
  return (values: Partial<Values>): void => {
    for (const [name, value] of Object.entries(values)) model.set(name as never, value as never);
    model.save_changes();
  };
}
