// The name of a panel, for those who hear it.

import { on } from "../core/adapter.ts";
import { keepKeys } from "./shortcuts.ts";
import { whenPlaced } from "./output_area.ts";

interface Labelled {
  get(name: never): unknown;
  on(name: never, listener: never): void;
  off(name: never, listener: never): void;
}

/** Name the panel that an element stands in after its model; it is put there after rendering. */
export function nameRegion(el: HTMLElement, model: Labelled, signal: AbortSignal): void {
  const name = () => {
    const panel = el.closest<HTMLElement>(".nbrunner-panel");
    panel?.setAttribute("role", "region");
    panel?.setAttribute("aria-label", String(model.get("label" as never)));
    return panel;
  };
  on(model, "change:label", () => void name(), signal);
  whenPlaced(
    el,
    () => {
      const panel = name();
      if (panel) keepKeys(panel, signal); // not all that stands in it is ours
    },
    signal,
  );
}
