// The place of a view among a cell's outputs, and how JupyterLab replaces it.

// The renderer of a widget in the output area of a cell, in JupyterLab and Notebook.
const PLACE = ".jp-OutputArea-child > .lm-Panel";
// jupyterlab-manager shows this in place of a widget until it has made a new view.
const LOADING = "Loading widget...";

/** The place among a cell's outputs that contains an element; null if there is none. */
export const placeOf = (el: Element): Element | null => el.closest(PLACE);

/** Call back when an element is in the document, before it is painted. */
export function whenPlaced(el: Element, then: () => void, signal: AbortSignal): void {
  if (el.isConnected) return then();
  const observer = new MutationObserver(() => {
    if (!el.isConnected) return;
    observer.disconnect();
    then();
  });
  observer.observe(document.body, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
}

/**
 * Call back when the output that contains an element is about to be rendered again.
 *
 * The fallback output in the file is updated by sending the output again. JupyterLab then
 * removes the view, shows "Loading widget...", and later inserts a new view. Here the old view is put
 * back before the next paint, and stays until the new one is there.
 */
export function whenReplaced(el: Element, then: () => void, signal: AbortSignal): void {
  const watch = () => {
    const place = placeOf(el);
    const view = [...(place?.children ?? [])].find((child) => child.contains(el));
    if (!place || !view) return;
    const observer = new MutationObserver((changes) => {
      if (!changes.some(({ removedNodes }) => [...removedNodes].includes(view))) return;
      if (!place.childElementCount && place.textContent === LOADING) place.replaceChildren(view);
      // Another component of the same view may have put it back already.
      if (view.parentNode === place) then();
    });
    observer.observe(place, { childList: true });
    signal.addEventListener("abort", () => observer.disconnect());
  };
  whenPlaced(el, watch, signal);
}
