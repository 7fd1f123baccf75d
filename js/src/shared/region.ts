// The name of a panel, for those who hear it.

import { keepKeys } from "./keys.ts";

/** Name the panel that an element has been put into; it is attached some time after rendering. */
export function nameRegion(element: HTMLElement, label: () => string, signal: AbortSignal): () => void {
  let named: HTMLElement | null = null;
  const name = () => {
    const panel = element.closest<HTMLElement>(".nbrunner-panel");
    if (!panel) return false;
    // Not all that stands in a panel is ours.
    if (panel !== named) keepKeys(panel, signal);
    named = panel;
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", label());
    return true;
  };
  const observer = new MutationObserver(() => name() && observer.disconnect());
  if (!name()) observer.observe(document.body, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
  return () => void name();
}
