// Between a component, which knows plain values, and an anywidget model.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { keepKeys } from "./keys.ts";

/** What a component gives: its element, and how to show new values. */
export interface Component<Values> {
  element: HTMLElement;
  update(values: Values): void;
  dispose?(): void;
}

export type Model<Values> = AnyModel<Values & Record<string, unknown>>;

/** Read the traits that a component shows. */
export function valuesOf<Values extends object>(
  model: Model<Values>,
  names: readonly (keyof Values & string)[],
): Values {
  return Object.fromEntries(names.map((name) => [name, model.get(name)])) as Values;
}

/**
 * Return anywidget's render function for a component.
 *
 * Changes that arrive together are shown together, in the next frame. All listeners hang on
 * one signal, aborted when the view goes.
 */
export function renderer<Values extends object>(
  names: readonly (keyof Values & string)[],
  make: (model: Model<Values>, signal: AbortSignal, el: HTMLElement) => Component<Values>,
) {
  return ({ model: untyped, el }: RenderProps) => {
    const model = untyped as unknown as Model<Values>;
    const controller = new AbortController();
    const { signal } = controller;
    const component = make(model, signal, el);
    let frame = 0;
    const show = () => {
      frame = 0;
      component.update(valuesOf(model, names));
    };
    const soon = () => {
      frame ||= requestAnimationFrame(show);
    };
    for (const name of names) on(model, `change:${name}`, soon, signal);
    keepKeys(el, signal);
    el.append(component.element);
    show();
    return () => {
      cancelAnimationFrame(frame);
      controller.abort();
      component.dispose?.();
    };
  };
}

/** Listen to a model until the signal is aborted. */
export function on(
  model: { on: (name: never, listener: never) => void; off: (name: never, listener: never) => void },
  name: string,
  listener: (...args: never[]) => void,
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
