// Keys that are typed in a panel, and the shortcuts of the notebook around it.

/**
 * Hide keys that are typed in an element from the notebook, where "x" cuts the cell and "d d"
 * deletes it; in a panel, a letter may choose a step.
 *
 * Keys with Ctrl, Cmd or Alt still reach the notebook, and so does Escape, which leaves a panel.
 */
export function keepKeys(element: HTMLElement, signal: AbortSignal): void {
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape") return;
      event.stopPropagation();
    },
    { signal },
  );
}
