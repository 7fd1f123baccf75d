// Whether anybody answers for what stands in the page.

// What ipywidgets calls a view whose kernel is gone: restarted, shut down, or dead.
const DISCONNECTED = "jupyter-widgets-disconnected";

/** Whether nobody answers for what stands here. */
export const isOrphan = (el: Element): boolean => el.closest(`.${DISCONNECTED}`) !== null;
