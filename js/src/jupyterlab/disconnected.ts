// A panel whose kernel is gone: restarted, shut down, or dead.

import { html } from "../core/dom.ts";
import { whenPlaced } from "./output_area.ts";

// What ipywidgets calls a view whose model nobody answers for any more.
const DISCONNECTED = "jupyter-widgets-disconnected";
const TOLD =
  "The kernel of this panel is gone; the panel shows its last state. Runs continue: in a new kernel, " +
  "%load_ext nbrunner and %flowruns find them.";

/**
 * Tell in the panel of a view, once its kernel is gone, and switch off what asks it for something.
 *
 * ipywidgets adds the class to the panel only; anywidget removes listeners from its own views.
 */
export function whenOrphaned(el: HTMLElement, signal: AbortSignal): void {
  const watch = () => {
    const panel = el.closest<HTMLElement>(".nbrunner-panel");
    if (!panel) return;
    const look = () => {
      if (isOrphan(panel)) orphan(panel);
    };
    const observer = new MutationObserver(look);
    observer.observe(panel, { attributeFilter: ["class"] });
    signal.addEventListener("abort", () => observer.disconnect());
    look();
  };
  whenPlaced(el, watch, signal);
}

function orphan(panel: HTMLElement): void {
  if (!panel.querySelector(":scope > .nbr-orphan")) {
    panel.prepend(html("div", { class: "nbr nbr-orphan", role: "note" }, TOLD));
  }
  for (const button of panel.querySelectorAll<HTMLElement>("button[aria-disabled]")) {
    button.setAttribute("aria-disabled", "true");
    button.title = TOLD;
  }
}

/** Whether nobody answers for what stands here. */
export const isOrphan = (el: Element): boolean => el.closest(`.${DISCONNECTED}`) !== null;
