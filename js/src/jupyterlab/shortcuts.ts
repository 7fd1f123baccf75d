// Keys that are typed in a panel, and the shortcuts of the notebook around it.

/**
 * Keep keys that are typed in an element from the notebook, where "x" cuts the cell and
 * "d d" deletes it: whoever chooses a step by its first letter means the step.
 *
 * Those with Ctrl, Cmd or Alt go on to it, and so does Escape, which leads out of a panel.
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
