// The name of a panel, for those who hear it.

import type { Model } from "../core/model.ts";
import { keepKeys } from "./shortcuts.ts";
import { whenPlaced } from "./output_area.ts";

/** Name the panel that an element stands in after its model; it is put there after rendering. */
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
      if (panel) keepKeys(panel, signal); // not all that stands in it is ours
    },
    signal,
  );
}
