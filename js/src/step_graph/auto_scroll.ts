// Scrolls a drawing that is wider than its frame to the active part.

/**
 * Return a function that scrolls a frame to one of its elements if it differs from the last one,
 * until the user has scrolled.
 */
export function inSight(frame: HTMLElement, signal: AbortSignal): (element: HTMLElement) => void {
  let last: HTMLElement | null = null;
  let wanted: HTMLElement | null = null;
  let own = [0, 0];
  let isLeft = false;
  frame.addEventListener(
    "scroll",
    () => {
      const by = Math.abs(frame.scrollLeft - own[0]!) + Math.abs(frame.scrollTop - own[1]!);
      isLeft ||= by > 2;
    },
    { signal, passive: true },
  );
  const scroll = () => {
    if (isLeft || !wanted || wanted === last || !frame.clientWidth) return;
    last = wanted;
    const view = frame.getBoundingClientRect();
    const box = wanted.getBoundingClientRect();
    if (box.left >= view.left && box.right <= view.right && box.top >= view.top && box.bottom <= view.bottom) return;
    frame.scrollLeft += box.left - view.left - (view.width - box.width) / 2;
    frame.scrollTop += box.top - view.top - (view.height - box.height) / 2;
    own = [frame.scrollLeft, frame.scrollTop];
  };
  // The frame gets a size when it is attached, which is after it was drawn.
  const resizes = new ResizeObserver(scroll);
  resizes.observe(frame);
  signal.addEventListener("abort", () => resizes.disconnect());
  return (element) => {
    wanted = element;
    scroll();
  };
}
