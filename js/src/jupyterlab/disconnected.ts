// Views whose kernel has ended.

// ipywidgets' class of a view whose kernel was restarted, shut down, or has died.
const DISCONNECTED = "jupyter-widgets-disconnected";

/** The same for a panel: anywidget removes the listener that would mark its views. */
export const OFF = "nbr-panel-off";

/** Whether the kernel of a view has ended. */
export const isOrphan = (el: Element): boolean => el.closest(`.${DISCONNECTED}, .${OFF}`) !== null;
