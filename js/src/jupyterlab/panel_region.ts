// The accessible name of a panel.

import type { Model } from "../core/model.ts";
import { keepKeys } from "./shortcuts.ts";
import { whenPlaced } from "./output_area.ts";

/** Set the accessible name of the panel that contains an element, once it is in the document. */
export function nameRegion(el: HTMLElement, model: Model<{ label: string }>, signal: AbortSignal): void {
  const name = () => {
    const panel = el.closest<HTMLElement>(".nbrunner-panel");
    panel?.setAttribute("role", "region");
    panel?.setAttribute("aria-label", model.get("label"));
    return panel;
  };
  model.onChange("label", () => void name(), signal);
  whenPlaced(
    el,
    () => {
      const panel = name();
      if (panel) keepKeys(panel, signal);
    },
    signal,
  );
}
