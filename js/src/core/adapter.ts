// Connects a component, which knows plain values, to its widget in the kernel.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { openGate } from "../jupyterlab/live_model.ts";
import { placeOf, whenPlaced, whenReplaced } from "../jupyterlab/output_area.ts";
import { keepKeys } from "../jupyterlab/shortcuts.ts";
import { composure } from "../jupyterlab/view_state.ts";
import { ownSource, valuesOf, type Model, type Source } from "./model.ts";

/** The interface of a component: its element, and how to show new values. */
export interface Component<Values> {
  element: HTMLElement;
  update(values: Values): void;
  /** Called after its element was moved in the document. */
  restored?(): void;
  dispose?(): void;
}

type Make<Values extends object> = (model: Model<Values>, signal: AbortSignal) => Component<Values>;
type Place<Values extends object> = (el: HTMLElement, model: Model<Values>, signal: AbortSignal) => void;

/** A drawn component, connected to a model or to a part of one. */
export interface Mounted {
  element: HTMLElement;
  restored(): void;
  close(): void;
}

/** A kind of widget, on its own or inside a panel. */
export interface Part {
  mount(source: Source): Mounted;
  /** Set up what depends on the surrounding element, after that exists. */
  place(el: HTMLElement, source: Source, signal: AbortSignal): void;
}

/**
 * Return a kind of widget.
 *
 * Changes that arrive together are shown together, in the next frame.
 */
export function part<Values extends object>(
  names: readonly (keyof Values & string)[],
  make: Make<Values>,
  place: Place<Values> = () => undefined,
): Part {
  return {
    mount: (source) => mounted(names, make, source.as<Values>()),
    place: (el, source, signal) => place(el, source.as<Values>(), signal),
  };
}

function mounted<Values extends object>(
  names: readonly (keyof Values & string)[],
  make: Make<Values>,
  model: Model<Values>,
): Mounted {
  const controller = new AbortController();
  const { signal } = controller;
  const component = make(model, signal);
  const show = () => component.update(valuesOf(model, names));
  let frame = 0;
  const soon = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      show();
    });
  };
  for (const name of names) model.onChange(name, soon, signal);
  show();
  return {
    element: component.element,
    restored: () => component.restored?.(),
    close() {
      cancelAnimationFrame(frame);
      controller.abort();
      component.dispose?.();
    },
  };
}

/**
 * Return the function that the loader calls for each model; it returns an object with `render`.
 *
 * When JupyterLab renders an output again, for example at the end of a run, the new view takes over
 * the elements of the old one: typed text, open folds, the selection and the focus stay.
 */
export function widget(kind: Part, sourceOf: (model: AnyModel) => Source = ownSource) {
  return (model: AnyModel) => {
    const source = sourceOf(model);
    const all = new Set<Shown>(); // of one model
    void openGate(model);
    const render = ({ el }: Pick<RenderProps, "el">) => {
      const view = new AbortController();
      let shown: Shown | undefined;
      const begin = () => {
        const there = placeOf(el);
        const left = [...all].find((each) => each.place !== null && each.place === there);
        shown = left ?? new Shown(kind.mount(source));
        all.add(shown);
        shown.standIn(el, view.signal);
      };
      keepKeys(el, view.signal);
      kind.place(el, source, view.signal);
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

/** A component of a model, which successive views may take over. */
class Shown {
  el: HTMLElement | null = null;
  /** The place where a view is about to replace this one. */
  place: Element | null = null;
  private readonly controller = new AbortController();
  private readonly restore: () => void;

  constructor(private readonly mounted: Mounted) {
    const restore = composure(mounted.element, this.controller.signal);
    this.restore = () => {
      restore();
      mounted.restored();
    };
  }

  standIn(el: HTMLElement, signal: AbortSignal): void {
    this.el = el;
    this.place = null;
    el.append(this.mounted.element);
    this.restore();
    const replaced = () => {
      this.place = placeOf(el);
      this.restore();
    };
    whenReplaced(el, replaced, signal);
  }

  close(): void {
    this.controller.abort();
    this.mounted.close();
  }
}
