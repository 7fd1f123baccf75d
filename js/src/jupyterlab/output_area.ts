// Where a view stands in a notebook, and what JupyterLab does with that place.

// The renderer of a widget among the outputs of a cell, in JupyterLab and in Notebook.
const PLACE = ".jp-OutputArea-child > .lm-Panel";
// What jupyterlab-manager writes over a widget until it has made another view of it.
const LOADING = "Loading widget...";

/** The place among a cell's outputs that an element stands in; null where there is none. */
export const placeOf = (el: Element): Element | null => el.closest(PLACE);

/** Do something once an element is in the document, before that is seen. */
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
 * Tell when the output that an element stands in is about to be rendered anew.
 *
 * What is kept of an output for the file is changed by sending it again, and JupyterLab then
 * takes the view away, writes "Loading widget...", and puts another one there. The old one is
 * put back before that is seen, and stays until the other has come.
 */
export function whenReplaced(el: Element, then: () => void, signal: AbortSignal): void {
  const watch = () => {
    const place = placeOf(el);
    const view = [...(place?.children ?? [])].find((child) => child.contains(el));
    if (!place || !view) return;
    const observer = new MutationObserver((changes) => {
      if (!changes.some(({ removedNodes }) => [...removedNodes].includes(view))) return;
      if (!place.childElementCount && place.textContent === LOADING) place.replaceChildren(view);
      // Another part of the same view may have put it back already.
      if (view.parentNode === place) then();
    });
    observer.observe(place, { childList: true });
    signal.addEventListener("abort", () => observer.disconnect());
  };
  whenPlaced(el, watch, signal);
}
