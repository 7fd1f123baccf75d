// Whether anybody answers for what stands in the page.

// What ipywidgets calls a view whose kernel is gone: restarted, shut down, or dead.
const DISCONNECTED = "jupyter-widgets-disconnected";

/** The same, of a panel: anywidget takes the listener away that would mark its own views. */
export const OFF = "nbr-panel-off";

/** Whether nobody answers for what stands here. */
export const isOrphan = (el: Element): boolean => el.closest(`.${DISCONNECTED}, .${OFF}`) !== null;
