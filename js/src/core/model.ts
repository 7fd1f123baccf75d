// A component's access to its widget in the kernel: values, and messages in both directions.

import type { AnyModel } from "@anywidget/types";

/** A message of the kernel; one with an id answers a request. */
export interface Message {
  kind: string;
  id?: string;
}

export type Hear = (message: Message, buffers: DataView[]) => void;

export interface Model<Values extends object> {
  get<Name extends keyof Values & string>(name: Name): Values[Name];
  /** Send values to the kernel. */
  give(values: Partial<Values>): void;
  send(content: object): void;
  onChange(name: keyof Values & string, listener: () => void, signal: AbortSignal): void;
  onMessage(hear: Hear, signal: AbortSignal): void;
}

/** A model whose values have types that only the reading component knows. */
export interface Source {
  as<Values extends object>(): Model<Values>;
}

/** Read the traits that a component shows. */
export function valuesOf<Values extends object>(
  model: Model<Values>,
  names: readonly (keyof Values & string)[],
): Values {
  return Object.fromEntries(names.map((name) => [name, model.get(name)])) as Values;
}

/** A widget that is displayed on its own: the model is anywidget's. */
export function ownSource(model: AnyModel): Source {
  const listen = (event: string, listener: (...given: any[]) => void, signal: AbortSignal) => {
    model.on(event, listener);
    signal.addEventListener("abort", () => model.off(event, listener));
  };
  return {
    as: <Values extends object>(): Model<Values> => ({
      get: (name) => model.get(name),
      give(values) {
        for (const [name, value] of Object.entries(values)) model.set(name, value);
        model.save_changes();
      },
      send: (content) => model.send(content),
      onChange: (name, listener, signal) => listen(`change:${name}`, listener, signal),
      onMessage: (hear, signal) => listen("msg:custom", hear, signal),
    }),
  };
}
